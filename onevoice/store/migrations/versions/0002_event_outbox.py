"""Events wait beside the change that they tell of until the broker has them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column(
            "events",
            postgresql.JSONB(),
            nullable=False,
            comment="all that one transaction has to tell, in order",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_outbox")),
        comment="written with the change itself; a row goes when the broker has confirmed its events",
    )


def downgrade() -> None:
    op.drop_table("event_outbox")
