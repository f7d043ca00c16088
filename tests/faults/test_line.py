"""A line in trouble: what it swallows has arrived all the same."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator

import pytest
import requests

from tests.faults.line import Line


class _Counting(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    asked = 0


class _Handler(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass
        assert isinstance(self.server, _Counting)
        self.server.asked += 1
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")


@pytest.fixture
def target() -> Iterator[_Counting]:
    with _Counting(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(line: Line) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(f"http://127.0.0.1:{line.port}/", timeout=5).text


def test_a_sound_line_and_a_slow_one_pass_everything(target: _Counting) -> None:
    with Line("127.0.0.1", target.server_address[1]) as line:
        assert ask(line) == "ok"
        line.fail("slow")
        assert ask(line) == "ok"
    assert target.asked == 2


def test_a_mute_line_loses_the_answer_to_what_was_done(target: _Counting) -> None:
    with Line("127.0.0.1", target.server_address[1]) as line:
        line.fail("mute")
        with pytest.raises(requests.ConnectionError):
            ask(line)
        assert target.asked == 1
        line.mend()
        assert ask(line) == "ok"


def test_a_cut_line_lets_nothing_arrive(target: _Counting) -> None:
    with Line("127.0.0.1", target.server_address[1]) as line:
        line.fail("cut")
        with pytest.raises(requests.ConnectionError):
            ask(line)
    assert target.asked == 0
