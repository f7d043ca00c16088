"""Contacts name the decision whose reservation they use up."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "contact",
        sa.Column(
            "decision_id",
            sa.Uuid(),
            nullable=True,
            comment="the decision whose reservation it uses up when it is committed",
        ),
    )
    op.add_column("contact", sa.Column("offer", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("contact", "offer")
    op.drop_column("contact", "decision_id")
