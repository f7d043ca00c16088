"""`python -m benchmarks.consent`: the gate asked for a million addresses in bulk, on a private PostgreSQL.

Customers with one or two records, telephone numbers and addresses of which some are shared; withdrawals, grants,
bounces, orders, contacts made, and a register of numbers. Every answer is counted by its first reason, so that a fast
answer to another question would show.
"""

import random
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from onevoice.consent import ConsentRules, Gate
from onevoice.store import Store, open_store
from onevoice.store.migrate import upgrade
from onevoice.testing.servers import PrivatePostgres
from onevoice.workers.contacts import Contacts, Wish
from onevoice.workers.memory import settle_memory

RULES = Path(__file__).resolve().parents[1] / "rules"
_FILL = """
create function number(i bigint) returns text immutable language sql as
    $$ select '+4474' || lpad((i % 100000000)::text, 8, '0') $$;
insert into source_record (id, system, stream, key, type, sequence, reading, content_hash, deleted, occurred_at,
        canonical, mapping_version, customer_id, updated_at)
    select md5('crm' || i)::uuid, 'crm', 'Contact', i::text, 'person', '2026', 0, '', false, now(), '{}'::jsonb, '1',
        md5('crm' || i)::uuid, now() from generate_series(1, :n) i
    union all
    select md5('shop' || i)::uuid, 'shop', 'customers', i::text, 'person', '2026', 0, '', false, now(), '{}'::jsonb,
        '1', md5('crm' || i)::uuid, now() from generate_series(1, :n, 4) i
    union all
    select md5('order' || i)::uuid, 'shop', 'orders', i::text, 'order', '2026', 0, '', false,
        now() - make_interval(days => (i % 900)::int), '{}'::jsonb, '1', null::uuid, now()
        from generate_series(1, :n, 4) i;
update source_record set party_stream = 'customers', party_key = key where type = 'order';
insert into record_key (key, record_id)
    select 'email:p' || i || '@example.com', md5('crm' || i)::uuid from generate_series(1, :n) i
    union all select 'phone:' || number(i), md5('crm' || i)::uuid from generate_series(1, :n) i
    union all select 'phone:' || number(i), md5('crm' || (i + 1))::uuid from generate_series(1, :n - 1, 50) i
    union all select 'name:' || (i % 5000), md5('crm' || i)::uuid from generate_series(1, :n) i
    union all select 'birth:' || (i % 20000), md5('crm' || i)::uuid from generate_series(1, :n) i
    union all select 'email:p' || i || '@example.com', md5('shop' || i)::uuid from generate_series(1, :n, 4) i;
insert into customer (id, type, golden, revision, updated_at)
    select md5('crm' || i)::uuid, 'person',
        jsonb_build_object('name', jsonb_build_object('given', 'Ann', 'family', 'Lee' || i), 'addresses',
            jsonb_build_array(jsonb_build_object('kind', 'main', 'city', 'Leeds', 'country',
                (array['GB', 'DE', 'FR', 'US', 'PL'])[1 + i % 5]))),
        1, now() from generate_series(1, :n) i;
insert into act (id, kind, channel, purpose, controller, reason, time, anchor_system, anchor_stream, anchor_key,
        anchor_point, source_system, source_stream, source_key, evidence, recorded_at)
    select md5('grant' || i)::uuid, 'grant', 'email', 'marketing', 'default', 'grant', now() - interval '200 days',
        'crm', 'Contact', i::text, null, 'crm', 'Contact', i::text, '{"text": "yes"}'::jsonb, now()
        from generate_series(1, :n, 3) i
    union all
    select md5('no' || i)::uuid, 'withdrawal', 'email', 'marketing', 'default', 'unsubscribe',
        now() - interval '100 days', null, null, null, 'email:p' || i || '@example.com', 'hub', 'act', i::text,
        '{}'::jsonb, now() from generate_series(1, :n, 7) i
    union all
    select md5('flag' || i)::uuid, 'withdrawal', 'phone', 'marketing', 'default', 'withdrawal',
        now() - interval '50 days', 'crm', 'Contact', i::text, null, 'crm', 'Contact', i::text,
        jsonb_build_object('points', jsonb_build_array('phone:' || number(i))), now()
        from generate_series(1, :n, 11) i
    union all
    select md5('bounce' || i)::uuid, 'prohibition', 'email', 'any', 'default', 'hard_bounce', now(), null, null, null,
        'email:p' || i || '@example.com', 'shop', 'act', i::text, '{}'::jsonb, now() from generate_series(1, :n, 40) i;
insert into contact (id, token_hash, record_id, point, channel, purpose, controller, inbound, content_hash, offered_at,
        expires_at, committed_at)
    select md5('contact' || i || k)::uuid, md5('token' || i || k), md5('crm' || i)::uuid,
        'email:p' || i || '@example.com', 'email', 'marketing', 'default', false, '', now(), now(),
        now() - make_interval(days => k::int) from generate_series(1, :n, 20) i, generate_series(1, 3) k;
insert into register_load (register, number, form, as_of, loaded_at, told_at, entries)
    values ('tps', 1, 'plain', now() - interval '30 days', now(), now(), 0);
insert into register_entry (register, number, value, since)
    select 'tps', 1, number(i), now() - interval '30 days' from generate_series(1, 3 * :n, 9) i;
analyze;
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def main(
    addresses: Annotated[int, typer.Option(min=1000, help="Customers, and addresses to ask for.")] = 1_000_000,
    compare: Annotated[int, typer.Option(help="Addresses, by chance, to ask for one by one as well.")] = 10_000,
) -> None:
    """Ask the gate for every address, and for every number, of so many customers."""
    console = Console()
    with PrivatePostgres() as server:
        url = server.url(server.create_database())
        upgrade(url)
        store = open_store(url)
        console.print(f"filling a database with {addresses:,} customers …")
        with store.transaction() as connection:
            for statement in _FILL.replace(":n", str(addresses)).split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement.replace("%", "%%"))
        table = Table("asked", "addresses", "seconds", "of them in Python", "a second", "answers by their first reason")
        settle_memory()
        differing = 0
        for channel, points in (
            ("email", [f"email:p{i}@example.com" for i in range(1, addresses + 1)]),
            ("phone", [f"phone:+4474{i:08}" for i in range(1, addresses + 1)]),
        ):
            seconds, busy, counted = _ask(store, channel, points)
            reasons = ", ".join(f"{name} {count:,}" for name, count in counted.most_common())
            differing += _differing(store, channel, random.Random(1).choices(points, k=compare // 2))
            table.add_row(
                channel, f"{len(points):,}", f"{seconds:.1f}", f"{busy:.1f}", f"{len(points) / seconds:,.0f}", reasons
            )
        console.print(table)
        store.close()
    console.print(f"compared={compare // 2 * 2} differing={differing}")
    raise typer.Exit(1 if differing else 0)


def _differing(store: Store, channel: str, points: list[str]) -> int:
    """Return how many answers, reasons included, differ between asking in bulk and one by one."""
    contacts = Contacts(store=store, gate=Gate(ConsentRules.load(RULES)))
    now = datetime.now(UTC)
    together = dict(contacts.ask_points(points, channel=channel, purpose="marketing", now=now))
    alone = {
        point: contacts.ask(Wish(reference=point, channel=channel, purpose="marketing"), now=now) for point in points
    }
    return sum(together[point] != alone[point] for point in points)


def _ask(store: Store, channel: str, points: list[str]) -> tuple[float, float, Counter[str]]:
    contacts = Contacts(store=store, gate=Gate(ConsentRules.load(RULES)))
    counted: Counter[str] = Counter()
    began, busy = time.perf_counter(), time.process_time()
    for _, answer in contacts.ask_points(points, channel=channel, purpose="marketing"):
        counted[("yes: " if answer.allowed else "no: ") + answer.because[0].code] += 1
    return time.perf_counter() - began, time.process_time() - busy, counted


if __name__ == "__main__":
    app()
