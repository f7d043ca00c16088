"""Pins: golden values that people fixed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pin",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False, comment="the value in a list of one"),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("retracted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("retracted_by", sa.Text(), nullable=True),
        sa.CheckConstraint("(retracted_at is null) = (retracted_by is null)", name=op.f("ck_pin_retracted")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pin")),
        comment="golden values that people fixed; they hang on records and stay with them",
    )
    op.create_index(op.f("ix_pin_system_stream_key"), "pin", ["system", "stream", "key"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_pin_system_stream_key"), table_name="pin")
    op.drop_table("pin")
