"""Versions of the rules: which are live, which decide beside them, and what those decided."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.alter_column("ruleset", "first_used_at", new_column_name="kept_at")
    op.create_table_comment("ruleset", "every version of the rules that was live or shadow; none is ever removed")
    before = "the release that rolling this one back returns to; null: there was none"
    op.create_table(
        "rule_release",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=True, comment="null: from here on no shadow decides"),
        sa.Column("before", sa.Integer(), nullable=True, comment=before),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("at", _TIME, nullable=False),
        sa.CheckConstraint("role in ('live', 'shadow')", name=op.f("ck_rule_release_role")),
        sa.CheckConstraint("role = 'shadow' or version is not null", name=op.f("ck_rule_release_version")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_rule_release")),
        comment="append-only; of each role the newest counts",
    )
    op.create_index(op.f("ix_rule_release_role_number"), "rule_release", ["role", "number"])
    differs = "it would have given something else, or in another order"
    op.create_table(
        "shadow_decision",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("ruleset", sa.Text(), nullable=False),
        sa.Column("trace", postgresql.JSONB(), nullable=False),
        sa.Column("differs", sa.Boolean(), nullable=False, comment=differs),
        sa.Column("made_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_shadow_decision")),
        comment="what the shadow decided beside the live rules on the same question; shown to no touch point",
    )
    op.create_index(op.f("ix_shadow_decision_ruleset_differs"), "shadow_decision", ["ruleset", "differs"])


def downgrade() -> None:
    op.drop_table("shadow_decision")
    op.drop_table("rule_release")
    op.create_table_comment("ruleset", "every version of the rules that ever decided something")
    op.alter_column("ruleset", "kept_at", new_column_name="first_used_at")
