"""Asterisk's Manager Interface over TCP, saying what a real one was recorded to say.

It logs in by challenge, knows which channels are up from what it has said, and tells its events to whoever listens.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

RECORDING = json.loads((Path(__file__).parent / "recordings" / "asterisk_call.json").read_text(encoding="utf-8"))
EVENTS: list[dict[str, str]] = [m for m in RECORDING["messages"] if m.get("Linkedid") or m.get("Event") == "Cdr"]
"""All that was said of the one call, in its order."""

USER, SECRET, CHALLENGE = "hub", "the hub's own", "840415273"


class AmiServer:
    """Listens on a free loopback port.

    Attributes:
        actions: what was asked, in order; of logins without what proves them.
        say_to_login: events that a line is told at once when it is logged in.
    """

    def __init__(self) -> None:
        self.actions: list[dict[str, str]] = []
        self.say_to_login: list[dict[str, str]] = []
        self.greeting = RECORDING["greeting"]
        self._channels: dict[str, dict[str, str]] = {}
        self._lines: list[socket.socket] = []
        self._changed = threading.Condition()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    @property
    def port(self) -> int:
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join(5)

    def play(self, events: Sequence[Mapping[str, str]], *, heard: bool = True) -> None:
        """Let events happen; the lines are told of them if they are heard."""
        with self._changed:
            for event in events:
                self._happen(event)
                for line in self._lines if heard else ():
                    line.sendall(wire(event))

    def cut(self) -> None:
        """End every line without a word."""
        with self._changed:
            for line in self._lines:
                line.shutdown(socket.SHUT_RDWR)
            self._lines.clear()

    def asked(self, name: str) -> list[dict[str, str]]:
        with self._changed:
            return [action for action in self.actions if action["Action"] == name]

    def _happen(self, event: Mapping[str, str]) -> None:
        channel = event.get("Uniqueid", "")
        if event.get("Event") == "Newchannel":
            self._channels[channel] = dict(event)
        elif event.get("Event") == "Hangup":
            self._channels.pop(channel, None)
        elif channel in self._channels:
            self._channels[channel] |= {k: event[k] for k in ("CallerIDNum", "Exten") if k in event}

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listening.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(line,), daemon=True))
            self._threads[-1].start()

    def _serve(self, line: socket.socket) -> None:
        with line:
            try:
                line.sendall(f"{self.greeting}\r\n".encode())
                file = line.makefile("rb")
                while action := _read(file):
                    self._answer(line, action)
            except OSError:
                pass
            finally:
                with self._changed:
                    if line in self._lines:
                        self._lines.remove(line)

    def _answer(self, line: socket.socket, action: dict[str, str]) -> None:
        with self._changed:
            self.actions.append({name: value for name, value in action.items() if name != "Key"})
            number = {"ActionID": action["ActionID"]}
            name = action["Action"]
            if name == "Challenge":
                line.sendall(wire({"Response": "Success", **number, "Challenge": CHALLENGE}))
            elif name == "Login":
                proof = hashlib.md5(f"{CHALLENGE}{SECRET}".encode()).hexdigest()
                if (action["Username"], action["Key"]) != (USER, proof):
                    line.sendall(wire({"Response": "Error", **number, "Message": "Authentication failed"}))
                    return
                line.sendall(wire({"Response": "Success", **number, "Message": "Authentication accepted"}))
                self._lines.append(line)
                for event in self.say_to_login:
                    line.sendall(wire(event))
            elif name == "CoreShowChannels":
                line.sendall(wire({"Response": "Success", **number, "EventList": "start"}))
                for channel in self._channels.values():
                    line.sendall(wire({**channel, "Event": "CoreShowChannel", **number}))
                line.sendall(wire({"Event": "CoreShowChannelsComplete", **number, "EventList": "Complete"}))
            else:
                line.sendall(wire({"Response": "Success", **number}))


def wire(message: Mapping[str, str]) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in message.items()).encode() + b"\r\n"


def _read(file: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw in file:  # type: ignore[attr-defined]
        text = raw.decode().rstrip("\r\n")
        if not text:
            break
        name, _, value = text.partition(": ")
        found[name] = value
    return found
