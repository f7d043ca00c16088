"""Contacts: offered under a token, committed or refused at the moment of sending."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    record = "the record that the customer went by; null: nobody in particular"
    because = "the reasons of the last answer: codes, words and acts"
    committed = "from here on it counts as made"
    op.create_table(
        "contact",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=True, comment=record),
        sa.Column("point", sa.Text(), nullable=True),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("inbound", sa.Boolean(), nullable=False),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("offered_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("committed_at", sa.TIMESTAMP(timezone=True), nullable=True, comment=committed),
        sa.Column("refused_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("because", postgresql.JSONB(), nullable=True, comment=because),
        sa.CheckConstraint("committed_at is null or refused_at is null", name=op.f("ck_contact_ended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_contact_token_hash")),
        comment="contacts offered under a token, and what became of them at the moment of sending",
    )
    op.create_index(op.f("ix_contact_record_id"), "contact", ["record_id"])
    op.create_index(op.f("ix_contact_point"), "contact", ["point"])


def downgrade() -> None:
    op.drop_table("contact")
