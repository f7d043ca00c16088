"""Systems that failed again and again are left alone for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "system_state",
        sa.Column(
            "paused_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="it failed again and again, and is not written to before",
        ),
    )


def downgrade() -> None:
    op.drop_column("system_state", "paused_until")
