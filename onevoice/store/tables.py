"""All tables, in the order of a record's walk.

A merge moves no row: claims, acts and interactions hang on source records or contact points, and a customer is only
the grouping named in `source_record.customer_id`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    text,
)

from onevoice.store.types import JsonDocument, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_OF_PARTIES = text("customer_id is not null")
_Serial = BigInteger().with_variant(Integer(), "sqlite")

# --- who works, and how the systems are ---------------------------------------------------------------------------

lease = Table(
    "lease",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

worker = Table(
    "worker",
    metadata,
    Column("name", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("heartbeat_at", UtcDateTime, nullable=False),
)

system_state = Table(
    "system_state",
    metadata,
    Column("system", Text, primary_key=True),
    Column("parked", Boolean, nullable=False),
    Column("reason", Text),
    Column("last_contact_at", UtcDateTime),
    Column("last_error", Text),
    Column("last_error_at", UtcDateTime),
    Column("failures", Integer, nullable=False),
    Column("paused_until", UtcDateTime, comment="it failed again and again, and is not written to before"),
)

# --- reading ------------------------------------------------------------------------------------------------------

stream_state = Table(
    "stream_state",
    metadata,
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("cursor", JsonDocument),
    Column("started_at", UtcDateTime),
    Column("succeeded_at", UtcDateTime),
    Column("reconciled_at", UtcDateTime),
    Column("records_published", BigInteger, nullable=False),
)

reading = Table(
    "reading",
    metadata,
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("confirmed", Boolean, nullable=False),
    comment="the last content each door read of a key; gives the next reading number",
)

message = Table(
    "message",
    metadata,
    Column("system", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("reading", Integer, nullable=False),
    Column("content_hash", Text, nullable=False, comment="with key and version it tells one effect from another"),
    Column("state", Text, nullable=False),
    Column("duplicates", Integer, nullable=False, comment="how often the same came again"),
    Column("finished_at", UtcDateTime, nullable=False),
    CheckConstraint("state in ('applied', 'unchanged', 'stale')", name="state"),
    Index(None, "finished_at"),
    comment="the ledger of what came in; also the inbox that makes a second delivery harmless",
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("user_id", Text, comment="the broker user that sent it; must agree with the system when it is sent again"),
    Column("headers", JsonDocument, comment="of a webhook, those of its request that tell how to read the body"),
    Column("step", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("pointers", JsonDocument, nullable=False),
    Column("mapping_version", Text),
    Column("fingerprint", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("resolved_at", UtcDateTime),
    Column("resolution", Text),
    CheckConstraint("(resolved_at is null) = (resolution is null)", name="resolved"),
    Index("ix_quarantine_open", "system", "fingerprint", postgresql_where=text("resolved_at is null")),
)

drift = Table(
    "drift",
    metadata,
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("schema_version", Text, primary_key=True, comment="of the stream's schema; under another one it is history"),
    Column("path", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    Column("place", Text, primary_key=True, comment="the part of the schema that is at odds"),
    Column("records", BigInteger, nullable=False),
    Column("first_key", Text, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    comment="where records are not what the stream's schema says: paths and types, no values",
)

# --- records and who they are -------------------------------------------------------------------------------------

source_record = Table(
    "source_record",
    metadata,
    Column("id", Uuid, primary_key=True, comment="UUIDv7 of first sight; the oldest of a group names the customer"),
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("sequence", Text, nullable=False),
    Column("reading", Integer, nullable=False),
    Column("content_hash", Text, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False, comment="the time that the version itself names"),
    Column("payload", JsonDocument, comment="the current source payload, as the system has it"),
    Column("canonical", JsonDocument, comment="its own claims; an echo field holds the last own value"),
    Column("echoes", JsonDocument, comment="canonical path -> time of the last own value, for echo fields"),
    Column("flags", JsonDocument, comment="the series of consent observations"),
    Column("mapping_version", Text, nullable=False),
    Column("party_stream", Text, comment="the record in the same system that this one is about"),
    Column("party_key", Text),
    Column("point", Text, comment="the contact point that this one is about, e.g. phone:+44..."),
    Column("customer_id", Uuid, comment="the grouping; parties only"),
    Column("identity_hash", Text, comment="of what matching looks at; unchanged means nothing to resolve"),
    Column("judged_by", Text, comment="version of the model that its pairs were scored with; parties only"),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("system", "stream", "key"),
    Index(None, "customer_id"),
    # No time in them: a new version of a record that stays where it is then writes to no index (PostgreSQL's HOT).
    Index("ix_source_record_party", "system", "party_stream", "party_key"),
    Index("ix_source_record_point", "point"),
    Index("ix_source_record_judged_by", "judged_by", postgresql_where=_OF_PARTIES, sqlite_where=_OF_PARTIES),
)

record_key = Table(
    "record_key",
    metadata,
    Column("key", Text, primary_key=True),
    Column("record_id", Uuid, primary_key=True),
    Index(None, "record_id"),
    comment="block keys; a contact point (email:..., phone:...) is one of them",
)

pair = Table(
    "pair",
    metadata,
    Column("a", Uuid, primary_key=True),
    Column("b", Uuid, primary_key=True),
    Column("score", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("evidence", JsonDocument, nullable=False),
    CheckConstraint("a < b", name="ordered"),
    CheckConstraint("outcome in ('trusted', 'link', 'review')", name="outcome"),
    Index(None, "b"),
)

rejudging = Table(
    "rejudging",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("model", Text, nullable=False, comment="version of the model that records are judged by anew"),
    Column("step", Text, nullable=False),
    Column("after", Uuid, comment="the last record or customer that was dealt with"),
    Column("records", BigInteger, nullable=False),
    Column("customers", BigInteger, nullable=False),
    Column("regroups", BigInteger, nullable=False, comment="customers whose records would change, counted beforehand"),
    Column("began_at", UtcDateTime, nullable=False),
    Column("approved_by", Text, comment="who let it go on, where it had to wait"),
    Column("ended_at", UtcDateTime),
    CheckConstraint("step in ('wait', 'index', 'score', 'group', 'done', 'given up')", name="step"),
    CheckConstraint("(ended_at is null) = (step not in ('done', 'given up'))", name="ended"),
    comment="changes of the model or of its settings, and how far they have reached all records",
)

turning_day = Table(
    "turning_day",
    metadata,
    Column("record_id", Uuid, primary_key=True),
    Column("day", Text, primary_key=True, comment="on which a value of the record begins or ends to hold: YYYY-MM-DD"),
    Index(None, "day"),
    comment="what to look at when the day moves as of which golden records hold",
)

judgement = Table(
    "judgement",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("a_system", Text, nullable=False),
    Column("a_stream", Text, nullable=False),
    Column("a_key", Text, nullable=False),
    Column("b_system", Text, nullable=False),
    Column("b_stream", Text, nullable=False),
    Column("b_key", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("retracted_at", UtcDateTime),
    Column("retracted_by", Text),
    CheckConstraint("verdict in ('same', 'different')", name="verdict"),
    CheckConstraint("(retracted_at is null) = (retracted_by is null)", name="retracted"),
    Index(None, "a_system", "a_stream", "a_key"),
    Index(None, "b_system", "b_stream", "b_key"),
)

pin = Table(
    "pin",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("system", Text, nullable=False),
    Column("stream", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("value", JsonDocument, nullable=False, comment="the value in a list of one"),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("retracted_at", UtcDateTime),
    Column("retracted_by", Text),
    CheckConstraint("(retracted_at is null) = (retracted_by is null)", name="retracted"),
    Index(None, "system", "stream", "key"),
    comment="golden values that people fixed; they hang on records and stay with them",
)

customer = Table(
    "customer",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("type", Text, nullable=False),
    Column("golden", JsonDocument, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

# --- consent ------------------------------------------------------------------------------------------------------

act = Table(
    "act",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("controller", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", UtcDateTime, nullable=False, comment="when it was said, at the latest"),
    Column("earliest", UtcDateTime, comment="when it was said, at the earliest; null: at `time`"),
    Column("first_sight", Boolean, nullable=False, server_default=false(), comment="how long before is not known"),
    Column("anchor_system", Text),
    Column("anchor_stream", Text),
    Column("anchor_key", Text),
    Column("anchor_point", Text),
    Column("valid_until", UtcDateTime),
    Column("inbound", Boolean, nullable=False, server_default=false(), comment="holds in the customer's own calls too"),
    Column("thread", Text, comment="the one thread that it is about"),
    Column("lifts", Uuid, comment="the act that a lift is about"),
    Column("terms", JsonDocument, comment="what a preference wishes"),
    Column("source_system", Text, nullable=False),
    Column("source_stream", Text, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("evidence", JsonDocument, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    Column("superseded_at", UtcDateTime),
    CheckConstraint("kind in ('grant', 'withdrawal', 'objection', 'prohibition', 'lift', 'preference')", name="kind"),
    CheckConstraint("(anchor_point is not null) or (anchor_key is not null)", name="anchored"),
    Index(None, "anchor_system", "anchor_stream", "anchor_key"),
    Index(None, "anchor_point"),
    Index(None, "source_system", "source_stream", "source_key"),
    comment="append-only; what is derived from flags is superseded, never changed",
)

contact = Table(
    "contact",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("token_hash", Text, nullable=False),
    Column("record_id", Uuid, comment="the record that the customer went by; null: nobody in particular"),
    Column("point", Text),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("controller", Text, nullable=False),
    Column("inbound", Boolean, nullable=False),
    Column("thread", Text),
    Column("topic", Text),
    Column("decision_id", Uuid, comment="the decision whose reservation it uses up when it is committed"),
    Column("offer", Text),
    Column("content_hash", Text, nullable=False),
    Column("offered_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("committed_at", UtcDateTime, comment="from here on it counts as made"),
    Column("refused_at", UtcDateTime),
    Column("because", JsonDocument, comment="the reasons of the last answer: codes, words and acts"),
    CheckConstraint("committed_at is null or refused_at is null", name="ended"),
    UniqueConstraint("token_hash"),
    Index(None, "record_id"),
    Index(None, "point"),
    comment="contacts offered under a token, and what became of them at the moment of sending",
)

suppression_entry = Table(
    "suppression_entry",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("point", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("listed", Boolean, nullable=False, comment="false: it was on the list and is not any more"),
    Column("reason", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("said_by", JsonDocument, nullable=False, comment="records that say so: [system, stream, key] each"),
    Column("number", BigInteger, nullable=False, comment="of the last change, counted over all entries"),
    Column("changed_at", UtcDateTime, nullable=False),
    Index(None, "number"),
    comment="the suppression list: what the gate denies, kept with every act and every regrouping",
)

clock_mark = Table(
    "clock_mark",
    metadata,
    Column("name", Text, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    comment="how far what comes by the clock has been dealt with",
)

register_load = Table(
    "register_load",
    metadata,
    Column("register", Text, primary_key=True, comment="as rules/countries.yaml names it"),
    Column("number", Integer, nullable=False, comment="of the load that counts"),
    Column("form", Text, nullable=False),
    Column("as_of", UtcDateTime, nullable=False),
    Column("loaded_at", UtcDateTime, nullable=False),
    Column("told_at", UtcDateTime, comment="when every system was owed what it changed"),
    Column("entries", BigInteger, nullable=False),
    comment="the last load of each register of who must not be called",
)

register_entry = Table(
    "register_entry",
    metadata,
    Column("register", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("value", Text, primary_key=True, comment="a telephone number in the register's form: plain, or hashed"),
    Column("since", UtcDateTime, nullable=False, comment="the first load that it stood in without a gap"),
    comment="what registers list, by load; others than the one that counts are on their way in or out",
)

own_profile = Table(
    "own_profile",
    metadata,
    Column("record_id", Uuid, primary_key=True, comment="the record whose page it was said on"),
    Column("data", JsonDocument, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    comment="what customers said of themselves on their own page; the records of system self are read from here",
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("record_id", Uuid, nullable=False),
    Column("point", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("purpose", Text, comment="of a grant"),
    Column("evidence", JsonDocument, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("confirmed_at", UtcDateTime),
    CheckConstraint("kind in ('grant', 'point')", name="kind"),
    CheckConstraint("(kind = 'grant') = (purpose is not null)", name="of_grant"),
    Index(None, "point", "made_at"),
    Index(None, "record_id"),
    comment="what counts only once it is confirmed from the contact point itself",
)

# --- what each system is owed -------------------------------------------------------------------------------------

obligation = Table(
    "obligation",
    metadata,
    Column("system", Text, primary_key=True),
    Column("lane", Text, primary_key=True),
    Column("stream", Text, primary_key=True, comment="a stream, or a list's name"),
    Column("target", Text, primary_key=True, comment="a record's key, or a list entry"),
    Column("state", Text, nullable=False),
    Column("generation", BigInteger, nullable=False, comment="counts requests; a delivery proves the one it took on"),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("next_attempt_at", UtcDateTime),
    Column("announced_until", UtcDateTime, comment="a message says so until then, and may take it on before its time"),
    Column("attempts", Integer, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("verified_at", UtcDateTime),
    Column("last_error", Text),
    Column("cause", Text, comment="id of the message that brought it about"),
    CheckConstraint("lane in ('suppression', 'record')", name="lane"),
    CheckConstraint("state in ('due', 'sent', 'verified', 'in_doubt', 'refused')", name="state"),
    CheckConstraint("(state in ('due', 'sent')) = (next_attempt_at is not null)", name="scheduled"),
    Index(
        "ix_obligation_due",
        "next_attempt_at",
        postgresql_where=text("next_attempt_at is not null"),
        sqlite_where=text("next_attempt_at is not null"),
    ),
)

delivered = Table(
    "delivered",
    metadata,
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fields", JsonDocument, nullable=False, comment="source path -> {sent, written, replaced}"),
    Column("updated_at", UtcDateTime, nullable=False),
)

creation = Table(
    "creation",
    metadata,
    Column("system", Text, primary_key=True),
    Column("stream", Text, primary_key=True),
    Column("reference", Uuid, primary_key=True, comment="id of the record for whose customer it is made"),
    Column("state", Text, nullable=False),
    Column("fields", JsonDocument, nullable=False, comment="source path -> value, as sent"),
    Column("key", Text, comment="the system's own, once it is known"),
    Column("begun_at", UtcDateTime, nullable=False),
    Column("made_at", UtcDateTime),
    CheckConstraint("state in ('begun', 'in_doubt', 'made')", name="state"),
    CheckConstraint("(state = 'made') = (key is not null)", name="made"),
    Index(None, "system", "stream", "key"),
    comment="what the hub makes in systems, noted before it is sent",
)

# --- what is told to whoever listens ------------------------------------------------------------------------------

event_outbox = Table(
    "event_outbox",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("events", JsonDocument, nullable=False, comment="all that one transaction has to tell, in order"),
    comment="written with the change itself; a row goes when the broker has confirmed its events",
)

# --- decisions ----------------------------------------------------------------------------------------------------

ruleset = Table(
    "ruleset",
    metadata,
    Column("version", Text, primary_key=True),
    Column("documents", JsonDocument, nullable=False, comment="as YAML text, which keeps days and order"),
    Column("kept_at", UtcDateTime, nullable=False),
    comment="every version of the rules that was live or shadow; none is ever removed",
)

rule_release = Table(
    "rule_release",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("role", Text, nullable=False),
    Column("version", Text, comment="null: from here on no shadow decides"),
    Column("before", Integer, comment="the release that rolling this one back returns to; null: there was none"),
    Column("actor", Text, nullable=False),
    Column("reason", Text),
    Column("at", UtcDateTime, nullable=False),
    CheckConstraint("role in ('live', 'shadow')", name="role"),
    CheckConstraint("role = 'shadow' or version is not null", name="version"),
    Index(None, "role", "number"),
    comment="append-only; of each role the newest counts",
)

propensity_snapshot = Table(
    "propensity_snapshot",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("cells", JsonDocument, nullable=False, comment="offer|channel|tier -> [shown, accepted]"),
    Column("made_at", UtcDateTime, nullable=False),
)

decision = Table(
    "decision",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("caller", Text, nullable=False),
    Column("idempotency_key", Text, nullable=False),
    Column("asked_hash", Text, nullable=False, comment="of the request; the key for another one is refused"),
    Column("anchor", Text, nullable=False, comment="the oldest record, or the contact point of somebody unknown"),
    Column("turn", Integer, comment="how many were made there up to it; null in those from before turns were counted"),
    Column("ruleset", Text, nullable=False),
    Column("snapshot", Integer, nullable=False),
    Column("question", JsonDocument, nullable=False),
    Column("trace", JsonDocument, nullable=False),
    Column("answer", JsonDocument, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    UniqueConstraint("caller", "idempotency_key"),
    UniqueConstraint("anchor", "turn"),
    Index(None, "made_at"),
)

shadow_decision = Table(
    "shadow_decision",
    metadata,
    Column("decision_id", Uuid, primary_key=True),
    Column("ruleset", Text, nullable=False),
    Column("trace", JsonDocument, nullable=False),
    Column("differs", Boolean, nullable=False, comment="it would have given something else, or in another order"),
    Column("made_at", UtcDateTime, nullable=False),
    Index(None, "ruleset", "differs"),
    comment="what the shadow decided beside the live rules on the same question; shown to no touch point",
)

offer_use = Table(
    "offer_use",
    metadata,
    Column("decision_id", Uuid, primary_key=True),
    Column("offer", Text, primary_key=True),
    Column("anchor", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("tier", Text, nullable=False),
    Column("cost", BigInteger, nullable=False, comment="held of the budget, in ten-thousandths of its unit"),
    Column("state", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    CheckConstraint("state in ('reserved', 'consumed', 'expired', 'late')", name="state"),
    Index(None, "anchor", "at"),
    Index(
        "ix_offer_use_reserved",
        "offer",
        "expires_at",
        postgresql_where=text("state = 'reserved'"),
        sqlite_where=text("state = 'reserved'"),
    ),
    comment="caps and budget that a decision reserves; the first outcome consumes",
)

route_place = Table(
    "route_place",
    metadata,
    Column("target", Text, primary_key=True),
    Column("channel", Text, primary_key=True),
    Column("slot", Integer, primary_key=True, comment="from 1 to as many as the target takes at once"),
    Column("decision_id", Uuid, nullable=False),
    Column("until", UtcDateTime, nullable=False, comment="free from then on"),
    Index(None, "decision_id"),
    comment="who is busy with how many conversations; a place is taken in one conditional statement",
)

budget = Table(
    "budget",
    metadata,
    Column("offer", Text, primary_key=True),
    Column("used", BigInteger, nullable=False, comment="reserved and consumed, in ten-thousandths of its unit"),
)

outcome = Table(
    "outcome",
    metadata,
    Column("decision_id", Uuid, primary_key=True),
    Column("offer", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("caller", Text, primary_key=True),
    Column("event", Text, primary_key=True, comment="the source's own id of what happened"),
    Column("at", UtcDateTime, nullable=False),
    Column("recorded_at", UtcDateTime, nullable=False),
    CheckConstraint("kind in ('shown', 'clicked', 'accepted', 'declined')", name="kind"),
    comment="append-only; what became of an offer is a fold; one whose decision is not known waits here",
)

# --- the embedded bus ---------------------------------------------------------------------------------------------

queue_message = Table(
    "queue_message",
    metadata,
    Column("id", _Serial, primary_key=True, autoincrement=True),
    Column("queue", Text, nullable=False),
    Column("headers", JsonDocument, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("leased_until", UtcDateTime),
    Index(None, "queue", "id"),
    comment="RabbitMQ's place on the embedded stack; empty elsewhere",
)
