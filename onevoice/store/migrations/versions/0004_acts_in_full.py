"""Acts with their interval, end, thread, direction, and what they lift or wish."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_KINDS = "kind in ('grant', 'withdrawal', 'objection', 'prohibition', 'lift', 'preference')"


def upgrade() -> None:
    earliest = "when it was said, at the earliest; null: at `time`"
    first_sight, inbound = "how long before is not known", "holds in the customer's own calls too"
    for column in (
        sa.Column("earliest", sa.TIMESTAMP(timezone=True), comment=earliest),
        sa.Column("first_sight", sa.Boolean(), nullable=False, server_default=sa.false(), comment=first_sight),
        sa.Column("valid_until", sa.TIMESTAMP(timezone=True)),
        sa.Column("inbound", sa.Boolean(), nullable=False, server_default=sa.false(), comment=inbound),
        sa.Column("thread", sa.Text(), comment="the one thread that it is about"),
        sa.Column("lifts", sa.Uuid(), comment="the act that a lift is about"),
        sa.Column("terms", postgresql.JSONB(), comment="what a preference wishes"),
    ):
        op.add_column("act", column)
    op.alter_column("act", "time", comment="when it was said, at the latest")
    op.drop_constraint(op.f("ck_act_kind"), "act", type_="check")
    op.create_check_constraint(op.f("ck_act_kind"), "act", _KINDS)
    # Every observation of a flag has a time now; of what was kept without one it is known that it was long ago.
    op.execute(
        """
        update source_record set flags = (
            select jsonb_object_agg(flag.name, (
                select jsonb_agg(case when seen ->> 3 is null
                    then jsonb_set(seen, '{3}', '"1970-01-01T00:00:00+00:00"') else seen end order by place)
                from jsonb_array_elements(flag.series) with ordinality as one(seen, place)))
            from jsonb_each(flags) as flag(name, series))
        where flags is not null and flags <> '{}'
        """
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_act_kind"), "act", type_="check")
    op.create_check_constraint(op.f("ck_act_kind"), "act", "kind in ('grant', 'withdrawal', 'objection')")
    op.alter_column("act", "time", comment=None)
    for name in ("terms", "lifts", "thread", "inbound", "valid_until", "first_sight", "earliest"):
        op.drop_column("act", name)
