"""Documents are kept as the text they came as: they are only ever written and read whole."""

from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_DOCUMENTS = {
    "act": ("terms", "evidence"),
    "confirmation": ("evidence",),
    "contact": ("because",),
    "creation": ("fields",),
    "customer": ("golden",),
    "decision": ("question", "trace", "answer"),
    "delivered": ("fields",),
    "event_outbox": ("events",),
    "own_profile": ("data",),
    "pair": ("evidence",),
    "pin": ("value",),
    "propensity_snapshot": ("cells",),
    "quarantine": ("headers", "pointers"),
    "queue_message": ("headers",),
    "ruleset": ("documents",),
    "shadow_decision": ("trace",),
    "source_record": ("payload", "canonical", "echoes", "flags"),
    "stream_state": ("cursor",),
    "suppression_entry": ("said_by",),
}


def upgrade() -> None:
    _change_to("json")


def downgrade() -> None:
    _change_to("jsonb")


def _change_to(kind: str) -> None:
    for table, columns in _DOCUMENTS.items():
        changes = ", ".join(f"alter column {name} type {kind} using {name}::{kind}" for name in columns)
        op.execute(f"alter table {table} {changes}")
