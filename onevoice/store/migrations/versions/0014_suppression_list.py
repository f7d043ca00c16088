"""The suppression list as rows with a number for each change, and marks of what the clock has dealt with."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "suppression_entry",
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("point", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False, comment="false: it was on the list and is not any more"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", _TIME, nullable=False),
        sa.Column(
            "said_by",
            postgresql.JSONB(),
            nullable=False,
            comment="records that say so: [system, stream, key] each",
        ),
        sa.Column("number", sa.BigInteger(), nullable=False, comment="of the last change, counted over all entries"),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("channel", "point", "purpose", name=op.f("pk_suppression_entry")),
        comment="the suppression list: what the gate denies, kept with every act and every regrouping",
    )
    op.create_index(op.f("ix_suppression_entry_number"), "suppression_entry", ["number"], unique=False)
    op.create_table(
        "clock_mark",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_clock_mark")),
        comment="how far what comes by the clock has been dealt with",
    )


def downgrade() -> None:
    op.drop_table("clock_mark")
    op.drop_index(op.f("ix_suppression_entry_number"), table_name="suppression_entry")
    op.drop_table("suppression_entry")
