"""Who calls: a system with its own key, or an operator with theirs.

Takes the bearer key, gives a `Caller`. The one rule: keys are compared as hashes, all of them and in constant time, so
that neither the answer nor its time tells which key is nearly right.
"""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Self

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from onevoice.api.problem import ProblemError
from onevoice.config import Config
from onevoice.errors import ConfigurationError

_bearer = HTTPBearer(auto_error=False, description="the key of a system, or of an operator, from onevoice.toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whose key it was. `kind` is "system" or "operator"; only operators have roles."""

    kind: str
    name: str
    roles: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys there are, as hashes."""

    digests: tuple[tuple[bytes, Caller], ...]

    @classmethod
    def load(cls, config: Config) -> Self:
        """Read the keys of systems and operators.

        Raises:
            ConfigurationError: a key cannot be read, or two callers have the same one.
        """
        secrets = [
            (secret.reveal(), Caller(kind="system", name=name))
            for name, secret in ((name, system.api_key) for name, system in config.systems.items())
            if secret is not None
        ]
        secrets += [
            (one.api_key.reveal(), Caller(kind="operator", name=name, roles=one.roles))
            for name, one in config.operators.items()
        ]
        if len({key for key, _ in secrets}) != len(secrets):
            raise ConfigurationError("api_key: two systems or operators have the same key; give each its own")
        return cls(tuple((_digest(key), caller) for key, caller in secrets))

    def caller(self, key: str) -> Caller | None:
        """Return whose key it is, None for nobody's."""
        given = _digest(key)
        found = None
        for digest, caller in self.digests:
            if hmac.compare_digest(digest, given):
                found = caller
        return found


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Caller:
    """Return the caller of a request.

    Raises:
        ProblemError: 401, the key is missing or nobody's.
    """
    keys: Keys = request.app.state.keys
    caller = keys.caller(credentials.credentials) if credentials is not None else None
    if caller is None:
        raise ProblemError(
            401,
            "send 'Authorization: Bearer <key>' with a key from onevoice.toml",
            headers={"WWW-Authenticate": 'Bearer realm="onevoice"'},
        )
    request.state.caller = f"{caller.kind}:{caller.name}"
    return caller


async def operator(caller: Annotated[Caller, Depends(authenticated)]) -> str:
    """Return the operator's name.

    Raises:
        ProblemError: 401 without a key; 403, the key is a system's.
    """
    if caller.kind != "operator":
        raise ProblemError(403, "this takes an operator's key; a system's key pushes records and reads context")
    return caller.name


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


AnyCaller = Annotated[Caller, Depends(authenticated)]
Operator = Annotated[str, Depends(operator)]
