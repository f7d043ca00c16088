"""Decisions of one customer are numbered, so that none is made on what another has changed meanwhile."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "decision",
        sa.Column(
            "turn",
            sa.Integer(),
            nullable=True,
            comment="how many were made there up to it; null in those from before turns were counted",
        ),
    )
    op.create_unique_constraint(op.f("uq_decision_anchor_turn"), "decision", ["anchor", "turn"])


def downgrade() -> None:
    op.drop_constraint(op.f("uq_decision_anchor_turn"), "decision")
    op.drop_column("decision", "turn")
