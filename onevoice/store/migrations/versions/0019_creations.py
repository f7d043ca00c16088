"""Records that the hub makes in systems, each under a reference of its own."""

import sqlalchemy as sa
from alembic import op

from onevoice.store.types import JsonDocument, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "creation",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("reference", sa.Uuid(), nullable=False, comment="id of the record for whose customer it is made"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("fields", JsonDocument, nullable=False, comment="source path -> value, as sent"),
        sa.Column("key", sa.Text(), nullable=True, comment="the system's own, once it is known"),
        sa.Column("begun_at", UtcDateTime(), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("state in ('begun', 'in_doubt', 'made')", name=op.f("ck_creation_state")),
        sa.CheckConstraint("(state = 'made') = (key is not null)", name=op.f("ck_creation_made")),
        sa.PrimaryKeyConstraint("system", "stream", "reference", name=op.f("pk_creation")),
        comment="what the hub makes in systems, noted before it is sent",
    )
    op.create_index(op.f("ix_creation_system_stream_key"), "creation", ["system", "stream", "key"])


def downgrade() -> None:
    op.drop_table("creation")
