"""Decisions with their rules, what they reserve, and what became of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TIME = postgresql.TIMESTAMP(timezone=True)


def upgrade() -> None:
    op.create_table(
        "ruleset",
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("documents", postgresql.JSONB(), nullable=False, comment="as YAML text, which keeps days and order"),
        sa.Column("first_used_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_ruleset")),
        comment="every version of the rules that ever decided something",
    )
    op.create_table(
        "propensity_snapshot",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cells", postgresql.JSONB(), nullable=False, comment="offer|channel|tier -> [shown, accepted]"),
        sa.Column("made_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_propensity_snapshot")),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column(
            "asked_hash", sa.Text(), nullable=False, comment="of the request; the key for another one is refused"
        ),
        sa.Column(
            "anchor", sa.Text(), nullable=False, comment="the oldest record, or the contact point of somebody unknown"
        ),
        sa.Column("ruleset", sa.Text(), nullable=False),
        sa.Column("snapshot", sa.Integer(), nullable=False),
        sa.Column("question", postgresql.JSONB(), nullable=False),
        sa.Column("trace", postgresql.JSONB(), nullable=False),
        sa.Column("answer", postgresql.JSONB(), nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("caller", "idempotency_key", name=op.f("uq_decision_caller_idempotency_key")),
    )
    op.create_index(op.f("ix_decision_made_at"), "decision", ["made_at"])
    op.create_table(
        "offer_use",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("anchor", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("tier", sa.Text(), nullable=False),
        sa.Column(
            "cost", sa.BigInteger(), nullable=False, comment="held of the budget, in ten-thousandths of its unit"
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.CheckConstraint("state in ('reserved', 'consumed', 'expired', 'late')", name=op.f("ck_offer_use_state")),
        sa.PrimaryKeyConstraint("decision_id", "offer", name=op.f("pk_offer_use")),
        comment="caps and budget that a decision reserves; the first outcome consumes",
    )
    op.create_index(op.f("ix_offer_use_anchor_at"), "offer_use", ["anchor", "at"])
    op.create_index(
        "ix_offer_use_reserved", "offer_use", ["offer", "expires_at"], postgresql_where=sa.text("state = 'reserved'")
    )
    op.create_table(
        "budget",
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column(
            "used", sa.BigInteger(), nullable=False, comment="reserved and consumed, in ten-thousandths of its unit"
        ),
        sa.PrimaryKeyConstraint("offer", name=op.f("pk_budget")),
    )
    op.create_table(
        "outcome",
        sa.Column("decision_id", sa.Uuid(), nullable=False),
        sa.Column("offer", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("caller", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False, comment="the source's own id of what happened"),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.CheckConstraint("kind in ('shown', 'clicked', 'accepted', 'declined')", name=op.f("ck_outcome_kind")),
        sa.PrimaryKeyConstraint("decision_id", "offer", "kind", "caller", "event", name=op.f("pk_outcome")),
        comment="append-only; what became of an offer is a fold; one whose decision is not known waits here",
    )


def downgrade() -> None:
    for name in ("outcome", "budget", "offer_use", "decision", "propensity_snapshot", "ruleset"):
        op.drop_table(name)
