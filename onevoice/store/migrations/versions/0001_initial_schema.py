"""Initial schema."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "act",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("controller", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("time", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("anchor_system", sa.Text(), nullable=True),
        sa.Column("anchor_stream", sa.Text(), nullable=True),
        sa.Column("anchor_key", sa.Text(), nullable=True),
        sa.Column("anchor_point", sa.Text(), nullable=True),
        sa.Column("source_system", sa.Text(), nullable=False),
        sa.Column("source_stream", sa.Text(), nullable=False),
        sa.Column("source_key", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("recorded_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("superseded_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint("kind in ('grant', 'withdrawal', 'objection')", name=op.f("ck_act_kind")),
        sa.CheckConstraint("(anchor_point is not null) or (anchor_key is not null)", name=op.f("ck_act_anchored")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_act")),
        comment="append-only; what is derived from flags is superseded, never changed",
    )
    op.create_index(op.f("ix_act_anchor_point"), "act", ["anchor_point"], unique=False)
    op.create_index(
        op.f("ix_act_anchor_system_anchor_stream_anchor_key"),
        "act",
        ["anchor_system", "anchor_stream", "anchor_key"],
        unique=False,
    )
    op.create_index(
        op.f("ix_act_source_system_source_stream_source_key"),
        "act",
        ["source_system", "source_stream", "source_key"],
        unique=False,
    )
    op.create_table(
        "customer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("golden", postgresql.JSONB(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_customer")),
    )
    op.create_table(
        "delivered",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False, comment="source path -> {sent, written, replaced}"),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", "key", name=op.f("pk_delivered")),
    )
    op.create_table(
        "judgement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("a_system", sa.Text(), nullable=False),
        sa.Column("a_stream", sa.Text(), nullable=False),
        sa.Column("a_key", sa.Text(), nullable=False),
        sa.Column("b_system", sa.Text(), nullable=False),
        sa.Column("b_stream", sa.Text(), nullable=False),
        sa.Column("b_key", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("made_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("retracted_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("retracted_by", sa.Text(), nullable=True),
        sa.CheckConstraint("verdict in ('same', 'different')", name=op.f("ck_judgement_verdict")),
        sa.CheckConstraint("(retracted_at is null) = (retracted_by is null)", name=op.f("ck_judgement_retracted")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_judgement")),
    )
    op.create_index(
        op.f("ix_judgement_a_system_a_stream_a_key"), "judgement", ["a_system", "a_stream", "a_key"], unique=False
    )
    op.create_index(
        op.f("ix_judgement_b_system_b_stream_b_key"), "judgement", ["b_system", "b_stream", "b_key"], unique=False
    )
    op.create_table(
        "lease",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lease")),
    )
    op.create_table(
        "message",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column(
            "content_hash", sa.Text(), nullable=False, comment="with key and version it tells one effect from another"
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False, comment="how often the same came again"),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.CheckConstraint("state in ('applied', 'unchanged', 'stale')", name=op.f("ck_message_state")),
        sa.PrimaryKeyConstraint("system", "id", name=op.f("pk_message")),
        comment="the ledger of what came in; also the inbox that makes a second delivery harmless",
    )
    op.create_index(op.f("ix_message_finished_at"), "message", ["finished_at"], unique=False)
    op.create_table(
        "obligation",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False, comment="a stream, or a list's name"),
        sa.Column("target", sa.Text(), nullable=False, comment="a record's key, or a list entry"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "generation",
            sa.BigInteger(),
            nullable=False,
            comment="counts requests; a delivery proves the one it took on",
        ),
        sa.Column("requested_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "announced_until",
            sa.TIMESTAMP(timezone=True),
            nullable=True,
            comment="a message says so until then, and may take it on before its time",
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("verified_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("cause", sa.Text(), nullable=True, comment="id of the message that brought it about"),
        sa.CheckConstraint(
            "(state in ('due', 'sent')) = (next_attempt_at is not null)", name=op.f("ck_obligation_scheduled")
        ),
        sa.CheckConstraint("lane in ('suppression', 'record')", name=op.f("ck_obligation_lane")),
        sa.CheckConstraint(
            "state in ('due', 'sent', 'verified', 'in_doubt', 'refused')", name=op.f("ck_obligation_state")
        ),
        sa.PrimaryKeyConstraint("system", "lane", "stream", "target", name=op.f("pk_obligation")),
    )
    op.create_index(
        "ix_obligation_due",
        "obligation",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("next_attempt_at is not null"),
        sqlite_where=sa.text("next_attempt_at is not null"),
    )
    op.create_table(
        "pair",
        sa.Column("a", sa.Uuid(), nullable=False),
        sa.Column("b", sa.Uuid(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("outcome in ('link', 'review')", name=op.f("ck_pair_outcome")),
        sa.CheckConstraint("a < b", name=op.f("ck_pair_ordered")),
        sa.PrimaryKeyConstraint("a", "b", name=op.f("pk_pair")),
    )
    op.create_index(op.f("ix_pair_b"), "pair", ["b"], unique=False)
    op.create_table(
        "quarantine",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "user_id",
            sa.Text(),
            nullable=True,
            comment="the broker user that sent it; must agree with the system when it is sent again",
        ),
        sa.Column(
            "headers",
            postgresql.JSONB(),
            nullable=True,
            comment="of a webhook, those of its request that tell how to read the body",
        ),
        sa.Column("step", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("pointers", postgresql.JSONB(), nullable=False),
        sa.Column("mapping_version", sa.Text(), nullable=True),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.CheckConstraint("(resolved_at is null) = (resolution is null)", name=op.f("ck_quarantine_resolved")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quarantine")),
    )
    op.create_index(
        "ix_quarantine_open",
        "quarantine",
        ["system", "fingerprint"],
        unique=False,
        postgresql_where=sa.text("resolved_at is null"),
    )
    op.create_table(
        "queue_message",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("queue", sa.Text(), nullable=False),
        sa.Column("headers", postgresql.JSONB(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("deliveries", sa.Integer(), nullable=False),
        sa.Column("leased_until", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_message")),
        comment="RabbitMQ's place on the embedded stack; empty elsewhere",
    )
    op.create_index(op.f("ix_queue_message_queue_id"), "queue_message", ["queue", "id"], unique=False)
    op.create_table(
        "reading",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", "key", name=op.f("pk_reading")),
        comment="the last content each door read of a key; gives the next reading number",
    )
    op.create_table(
        "record_key",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("key", "record_id", name=op.f("pk_record_key")),
        comment="block keys; a contact point (email:..., phone:...) is one of them",
    )
    op.create_index(op.f("ix_record_key_record_id"), "record_key", ["record_id"], unique=False)
    op.create_table(
        "source_record",
        sa.Column(
            "id", sa.Uuid(), nullable=False, comment="UUIDv7 of first sight; the oldest of a group names the customer"
        ),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Text(), nullable=False),
        sa.Column("reading", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column(
            "occurred_at", sa.TIMESTAMP(timezone=True), nullable=False, comment="the time that the version itself names"
        ),
        sa.Column(
            "payload", postgresql.JSONB(), nullable=True, comment="the current source payload, as the system has it"
        ),
        sa.Column(
            "canonical",
            postgresql.JSONB(),
            nullable=True,
            comment="its own claims; an echo field holds the last own value",
        ),
        sa.Column(
            "echoes",
            postgresql.JSONB(),
            nullable=True,
            comment="canonical path -> time of the last own value, for echo fields",
        ),
        sa.Column("flags", postgresql.JSONB(), nullable=True, comment="the series of consent observations"),
        sa.Column("mapping_version", sa.Text(), nullable=False),
        sa.Column(
            "party_stream", sa.Text(), nullable=True, comment="the record in the same system that this one is about"
        ),
        sa.Column("party_key", sa.Text(), nullable=True),
        sa.Column(
            "point", sa.Text(), nullable=True, comment="the contact point that this one is about, e.g. phone:+44..."
        ),
        sa.Column("customer_id", sa.Uuid(), nullable=True, comment="the grouping; parties only"),
        sa.Column(
            "identity_hash",
            sa.Text(),
            nullable=True,
            comment="of what matching looks at; unchanged means nothing to resolve",
        ),
        sa.Column("updated_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source_record")),
        sa.UniqueConstraint("system", "stream", "key", name=op.f("uq_source_record_system_stream_key")),
    )
    op.create_index(op.f("ix_source_record_customer_id"), "source_record", ["customer_id"], unique=False)
    op.create_index(
        "ix_source_record_party", "source_record", ["system", "party_stream", "party_key", "occurred_at"], unique=False
    )
    op.create_index("ix_source_record_point", "source_record", ["point", "occurred_at"], unique=False)
    op.create_table(
        "stream_state",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("cursor", postgresql.JSONB(), nullable=True),
        sa.Column("started_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("succeeded_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("reconciled_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("records_published", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", name=op.f("pk_stream_state")),
    )
    op.create_table(
        "system_state",
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("parked", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("last_contact_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("last_error_at", sa.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("system", name=op.f("pk_system_state")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("heartbeat_at", sa.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )


def downgrade() -> None:
    op.drop_table("worker")
    op.drop_table("system_state")
    op.drop_table("stream_state")
    op.drop_index("ix_source_record_point", table_name="source_record")
    op.drop_index("ix_source_record_party", table_name="source_record")
    op.drop_index(op.f("ix_source_record_customer_id"), table_name="source_record")
    op.drop_table("source_record")
    op.drop_index(op.f("ix_record_key_record_id"), table_name="record_key")
    op.drop_table("record_key")
    op.drop_table("reading")
    op.drop_index(op.f("ix_queue_message_queue_id"), table_name="queue_message")
    op.drop_table("queue_message")
    op.drop_index("ix_quarantine_open", table_name="quarantine", postgresql_where=sa.text("resolved_at is null"))
    op.drop_table("quarantine")
    op.drop_index(op.f("ix_pair_b"), table_name="pair")
    op.drop_table("pair")
    op.drop_index(
        "ix_obligation_due",
        table_name="obligation",
        postgresql_where=sa.text("next_attempt_at is not null"),
        sqlite_where=sa.text("next_attempt_at is not null"),
    )
    op.drop_table("obligation")
    op.drop_index(op.f("ix_message_finished_at"), table_name="message")
    op.drop_table("message")
    op.drop_table("lease")
    op.drop_index(op.f("ix_judgement_b_system_b_stream_b_key"), table_name="judgement")
    op.drop_index(op.f("ix_judgement_a_system_a_stream_a_key"), table_name="judgement")
    op.drop_table("judgement")
    op.drop_table("delivered")
    op.drop_table("customer")
    op.drop_index(op.f("ix_act_source_system_source_stream_source_key"), table_name="act")
    op.drop_index(op.f("ix_act_anchor_system_anchor_stream_anchor_key"), table_name="act")
    op.drop_index(op.f("ix_act_anchor_point"), table_name="act")
    op.drop_table("act")
