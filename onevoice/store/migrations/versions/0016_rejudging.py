"""Records name the model that judged them, and the days on which their values begin or end to hold."""

import sqlalchemy as sa
from alembic import op

from onevoice.store.types import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_PARTIES = sa.text("customer_id is not null")


def upgrade() -> None:
    op.add_column(
        "source_record",
        sa.Column(
            "judged_by",
            sa.Text(),
            nullable=True,
            comment="version of the model that its pairs were scored with; parties only",
        ),
    )
    op.create_index(
        "ix_source_record_judged_by",
        "source_record",
        ["judged_by"],
        postgresql_where=_PARTIES,
        sqlite_where=_PARTIES,
    )
    op.create_table(
        "rejudging",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False, comment="version of the model that records are judged by anew"),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("after", sa.Uuid(), nullable=True, comment="the last record or customer that was dealt with"),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("customers", sa.BigInteger(), nullable=False),
        sa.Column(
            "regroups",
            sa.BigInteger(),
            nullable=False,
            comment="customers whose records would change, counted beforehand",
        ),
        sa.Column("began_at", UtcDateTime(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=True, comment="who let it go on, where it had to wait"),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "step in ('wait', 'index', 'score', 'group', 'done', 'given up')", name=op.f("ck_rejudging_step")
        ),
        sa.CheckConstraint("(ended_at is null) = (step not in ('done', 'given up'))", name=op.f("ck_rejudging_ended")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejudging")),
        comment="changes of the model or of its settings, and how far they have reached all records",
    )
    op.create_table(
        "turning_day",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column(
            "day",
            sa.Text(),
            nullable=False,
            comment="on which a value of the record begins or ends to hold: YYYY-MM-DD",
        ),
        sa.PrimaryKeyConstraint("record_id", "day", name=op.f("pk_turning_day")),
        comment="what to look at when the day moves as of which golden records hold",
    )
    op.create_index("ix_turning_day_day", "turning_day", ["day"])


def downgrade() -> None:
    op.drop_table("turning_day")
    op.drop_table("rejudging")
    op.drop_index("ix_source_record_judged_by", "source_record")
    op.drop_column("source_record", "judged_by")
