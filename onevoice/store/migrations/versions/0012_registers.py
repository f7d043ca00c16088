"""Registers of who must not be called."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "register_load",
        sa.Column("register", sa.Text(), nullable=False, comment="as rules/countries.yaml names it"),
        sa.Column("number", sa.Integer(), nullable=False, comment="of the load that counts"),
        sa.Column("form", sa.Text(), nullable=False),
        sa.Column("as_of", _TIME, nullable=False),
        sa.Column("loaded_at", _TIME, nullable=False),
        sa.Column("told_at", _TIME, nullable=True, comment="when every system was owed what it changed"),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("register", name=op.f("pk_register_load")),
        comment="the last load of each register of who must not be called",
    )
    op.create_table(
        "register_entry",
        sa.Column("register", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "value", sa.Text(), nullable=False, comment="a telephone number in the register's form: plain, or hashed"
        ),
        sa.Column("since", _TIME, nullable=False, comment="the first load that it stood in without a gap"),
        sa.PrimaryKeyConstraint("register", "number", "value", name=op.f("pk_register_entry")),
        comment="what registers list, by load; others than the one that counts are on their way in or out",
    )


def downgrade() -> None:
    op.drop_table("register_entry")
    op.drop_table("register_load")
