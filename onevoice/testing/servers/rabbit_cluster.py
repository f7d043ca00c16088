"""A private RabbitMQ cluster: `PrivateRabbitCluster`, nodes of our own on one machine that share queues."""

from __future__ import annotations

import secrets
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from onevoice.testing.servers.account import free_port
from onevoice.testing.servers.rabbit import Member, PrivateRabbit

NODES = 3


class PrivateRabbitCluster:
    """Three nodes, each a `PrivateRabbit`; the first one starts first and ends last.

    Raises:
        OperatorError: no RabbitMQ was found; says what to type.
    """

    def __init__(self) -> None:
        names = [f"onevoice{number}@localhost" for number in range(1, NODES + 1)]
        cookie, password, epmd = secrets.token_hex(20), secrets.token_urlsafe(24), free_port()
        self._exit = ExitStack()
        self.nodes = [
            PrivateRabbit(
                member=Member(
                    node=name, peers=names, cookie=cookie, password=password, epmd_port=epmd, leads=name == names[0]
                )
            )
            for name in names
        ]

    def __enter__(self) -> Self:
        """Start one node after the other, each joining those that run."""
        try:
            for node in self.nodes:
                self._exit.enter_context(node)
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all nodes."""
        self._exit.close()

    def node(self, name: str) -> PrivateRabbit:
        """Return the node of a name."""
        return next(node for node in self.nodes if node.node == name)
