"""A pair may link by a trusted id."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_constraint(op.f("ck_pair_outcome"), "pair", type_="check")
    op.create_check_constraint(op.f("ck_pair_outcome"), "pair", "outcome in ('trusted', 'link', 'review')")


def downgrade() -> None:
    op.drop_constraint(op.f("ck_pair_outcome"), "pair", type_="check")
    op.execute("update pair set outcome = 'link' where outcome = 'trusted'")
    op.create_check_constraint(op.f("ck_pair_outcome"), "pair", "outcome in ('link', 'review')")
