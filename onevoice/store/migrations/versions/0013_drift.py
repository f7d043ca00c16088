"""drift."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "drift",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column(
            "schema_version",
            sa.Text(),
            nullable=False,
            comment="of the stream's schema; under another one it is history",
        ),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="the part of the schema that is at odds"),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("first_key", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("last_seen_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", "schema_version", "path", "what", "place", name=op.f("pk_drift")),
        comment="where records are not what the stream's schema says: paths and types, no values",
    )


def downgrade() -> None:
    op.drop_table("drift")
