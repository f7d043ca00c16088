"""Private servers: they answer, keep their data over a crash, listen on loopback only, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pika
import psutil
import psycopg
import pytest

from onevoice.errors import OperatorError
from onevoice.testing.servers import PrivatePostgres, PrivateRabbit, PrivateServer, end_kept
from tests.conftest import RabbitVhost

ASKER = """
import os, signal, sys, time
from onevoice.testing.servers import PrivatePostgres
signal.signal(signal.SIGINT, signal.default_int_handler)
with PrivatePostgres() as server:
    print(server.pid, server.folder, flush=True)
    time.sleep(60)
"""


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def connect(server: PrivatePostgres, database: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(server.url(database).replace("+psycopg", ""), autocommit=True)


def listening_addresses(server: PrivateServer) -> set[str]:
    found = set()
    for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # a short-lived child of the server
            found |= {one.laddr.ip for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN}
    return found


def test_postgres_keeps_committed_rows_over_a_crash_and_a_restart() -> None:
    with PrivatePostgres() as server:
        name = server.create_database()
        with connect(server, name) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept VALUES (1)")
        before = server.url(name)
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            connect(server, name)
        server.start()
        with connect(server, name) as connection:
            connection.execute("INSERT INTO kept VALUES (2)")
        server.stop()
        server.start()
        assert server.url(name) == before
        with connect(server, name) as connection:
            assert connection.execute("SELECT sum(n) FROM kept").fetchone() == (3,)
        assert listening_addresses(server) == {"127.0.0.1"}
        folder = server.folder
    assert not folder.exists()


def test_postgres_refuses_a_wrong_password(postgres: PrivatePostgres) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(postgres.url(password="wrong").replace("+psycopg", ""))


def test_postgres_copies_a_template(postgres: PrivatePostgres) -> None:
    template = postgres.create_database()
    with connect(postgres, template) as connection:
        connection.execute("CREATE TABLE copied AS SELECT 7 AS n")
    copy = postgres.create_database(template=template)
    with connect(postgres, copy) as connection:
        assert connection.execute("SELECT n FROM copied").fetchone() == (7,)
    postgres.drop_database(copy)
    postgres.drop_database(template)


def test_postgres_writes_no_row_into_its_log(postgres: PrivatePostgres) -> None:
    name = postgres.create_database()
    with connect(postgres, name) as connection:
        connection.execute("CREATE TABLE one (email text UNIQUE)")
        connection.execute("INSERT INTO one VALUES ('marked@example.org')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("INSERT INTO one VALUES ('marked@example.org')")
    log = postgres.log.read_text(encoding="utf-8")
    assert "duplicate key" in log
    assert "marked@example.org" not in log
    postgres.drop_database(name)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
def test_a_server_ends_with_its_asker_however_that_dies(how: signal.Signals) -> None:
    asker = subprocess.Popen(
        [sys.executable, "-c", ASKER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert asker.stdout is not None
    with asker.stdout:
        pid, folder = asker.stdout.readline().split()
    assert runs(int(pid))
    asker.send_signal(how)
    asker.wait(timeout=30)
    assert eventually(lambda: not runs(int(pid)) and not Path(folder).exists())


def test_a_kept_server_stays_until_it_is_ended() -> None:
    with PrivatePostgres(fsync=False, keep=True) as server:
        pid = server.pid
    try:
        assert runs(pid)
        with connect(server, "postgres") as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        end_kept(server.folder)
    assert not runs(pid)
    assert not server.folder.exists()


def test_end_kept_leaves_a_stranger_alone(tmp_path: Path) -> None:
    (tmp_path / "keepers").write_text(f"{os.getpid()}\n", encoding="utf-8")
    end_kept(tmp_path)
    assert not tmp_path.exists()


def test_a_server_that_cannot_start_says_why_and_leaves_nothing() -> None:
    with PrivatePostgres(fsync=False) as server:
        second = PrivatePostgres(fsync=False)
        second.port = server.port
        with pytest.raises(OperatorError, match=r"(?s)ended at once.*in use"), second:
            pass
        assert not second.folder.exists()


def names_on_disk(server: PrivateRabbit, name: bytes) -> bool:
    """Whether the broker's database of names has this one in its files."""
    files = (file for kind in ("LOG", "DCL", "DCD") for file in server.folder.rglob(f"*.{kind}"))
    return any(name in file.read_bytes() for file in files)


def test_rabbit_keeps_durable_messages_over_a_crash_and_leaves_nothing() -> None:
    with PrivateRabbit() as server:
        vhost = server.create_vhost()
        with pika.BlockingConnection(pika.URLParameters(server.url(vhost))) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("kept", durable=True)
            channel.basic_publish("", "kept", b"one", pika.BasicProperties(delivery_mode=2), mandatory=True)
        family = [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
        assert listening_addresses(server) == {"127.0.0.1"}
        assert eventually(lambda: names_on_disk(server, b"kept"))  # the broker writes names a little after it answers
        server.kill()
        with pytest.raises(pika.exceptions.AMQPError):
            pika.BlockingConnection(pika.URLParameters(server.url(vhost)))
        server.start()
        with pika.BlockingConnection(pika.URLParameters(server.url(vhost))) as connection:
            _, _, body = connection.channel().basic_get("kept", auto_ack=True)
        assert body == b"one"
        family += [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
        folder = server.folder
    assert eventually(lambda: not any(runs(pid) for pid in family))
    assert not folder.exists()


def test_rabbit_has_no_guest(rabbit: PrivateRabbit) -> None:
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(rabbit.url(user="guest", password="guest")))


def test_a_vhost_is_empty_and_its_own(rabbit_vhost: RabbitVhost) -> None:
    with pika.BlockingConnection(pika.URLParameters(rabbit_vhost.url)) as connection:
        connection.channel().queue_declare("mine")
        queues = rabbit_vhost.server.management("GET", f"/api/queues/{rabbit_vhost.name}")
        assert isinstance(queues, list)
        assert [queue["name"] for queue in queues] == ["mine"]
    with pytest.raises(OperatorError, match="404"):
        rabbit_vhost.server.management("GET", f"/api/queues/{rabbit_vhost.name}/other")
