"""Gives each system that speaks AMQP its own broker user, over RabbitMQ's management API.

Takes the rights that the topology computes; sets them so that there is no moment with more rights than that.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from onevoice.bus.topology import BrokerUser
from onevoice.errors import ConfigurationError, OperatorError, TransientError

_ANSWER_SECONDS = 10.0


def apply_users(
    users: Sequence[BrokerUser],
    passwords: Mapping[str, str],
    *,
    management_url: str,
    admin: tuple[str, str],
    vhost: str,
) -> None:
    """Create or correct the users; their passwords and rights are set to what is given.

    Args:
        passwords: user -> password.
        management_url: `http://host:15672`, without credentials.
        admin: user and password of an administrator.

    Raises:
        ConfigurationError: a user has no password, or the URL is none.
        OperatorError: the management API refuses.
        TransientError: it does not answer.
    """
    for user in users:
        if not passwords.get(user.name):
            raise ConfigurationError(f"systems.{user.name}: speaks AMQP and needs a broker password")
    api = _Api(management_url, admin)
    where = quote(vhost, safe="")
    for user in users:
        name = quote(user.name, safe="")
        api.put(f"/api/users/{name}", {"password": passwords[user.name], "tags": ""})
        for exchange, pattern in user.topics.items():
            api.put(f"/api/topic-permissions/{where}/{name}", {"exchange": exchange, "write": pattern, "read": ""})
        # Last: without it the user gets nowhere, and with it alone every routing key would be open.
        rights = {"configure": user.configure, "write": user.write, "read": user.read}
        api.put(f"/api/permissions/{where}/{name}", rights)


class _Api:
    def __init__(self, url: str, admin: tuple[str, str]) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ConfigurationError("bus.management_url: write http://host:15672 or https://host:15671")
        self._url = url.rstrip("/")
        self._token = base64.b64encode(":".join(admin).encode()).decode()

    def put(self, path: str, body: Mapping[str, str]) -> None:
        request = Request(  # noqa: S310 - the scheme is checked above
            self._url + path,
            data=json.dumps(body).encode(),
            method="PUT",
            headers={"Authorization": f"Basic {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urlopen(request, timeout=_ANSWER_SECONDS):  # noqa: S310 - the scheme is checked above
                return
        except HTTPError as error:
            error.close()
            kind = path.split("/")[2]
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise TransientError(f"rabbitmq management API: setting {kind} answered {error.code}") from None
            raise OperatorError(
                f"rabbitmq management API: setting {kind} answered {error.code}; is the administrator's password right?"
            ) from None
        except (URLError, OSError) as error:
            raise TransientError(f"rabbitmq management API: no answer ({type(error).__name__})") from None
