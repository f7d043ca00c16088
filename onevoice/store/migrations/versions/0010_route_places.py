"""Places: who is busy with how many conversations."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    slot = "from 1 to as many as the target takes at once"
    op.create_table(
        "route_place",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False, comment=slot),
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("until", sa.TIMESTAMP(timezone=True), nullable=False, comment="free from then on"),
        sa.PrimaryKeyConstraint("target", "channel", "slot", name=op.f("pk_route_place")),
        comment="who is busy with how many conversations; a place is taken in one conditional statement",
    )
    op.create_index(op.f("ix_route_place_decision_id"), "route_place", ["decision_id"])


def downgrade() -> None:
    op.drop_table("route_place")
