"""The customer's own page: what it was told, and what waits to be confirmed from a contact point."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.add_column("contact", sa.Column("topic", sa.Text(), nullable=True))
    op.create_table(
        "own_profile",
        sa.Column("record_id", sa.Uuid(), nullable=False, comment="the record whose page it was said on"),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_own_profile")),
        comment="what customers said of themselves on their own page; the records of system self are read from here",
    )
    op.create_table(
        "confirmation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True, comment="of a grant"),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("confirmed_at", _TIME, nullable=True),
        sa.CheckConstraint("kind in ('grant', 'point')", name=op.f("ck_confirmation_kind")),
        sa.CheckConstraint("(kind = 'grant') = (purpose is not null)", name=op.f("ck_confirmation_of_grant")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmation")),
        comment="what counts only once it is confirmed from the contact point itself",
    )
    op.create_index(op.f("ix_confirmation_point_made_at"), "confirmation", ["point", "made_at"], unique=False)
    op.create_index(op.f("ix_confirmation_record_id"), "confirmation", ["record_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_confirmation_record_id"), table_name="confirmation")
    op.drop_index(op.f("ix_confirmation_point_made_at"), table_name="confirmation")
    op.drop_table("confirmation")
    op.drop_table("own_profile")
    op.drop_column("contact", "topic")
