"""Starts an installation: writes what a project needs to begin, and prepares a broker for the systems that use it.

Takes a folder or a configuration. The one rule: nothing that exists is changed; what is missing is added.
"""

from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from urllib.parse import unquote, urlsplit

from onevoice.bus import open_bus
from onevoice.bus.rabbitmq.users import apply_users
from onevoice.config import Config, reveal
from onevoice.errors import ConfigurationError
from onevoice.store import open_store
from onevoice.workers.catalog import load_catalog
from onevoice.workers.hub import topology_of

FILE = "onevoice.toml"
FOLDERS = ("connectors", "mappings", "schemas", "rules", "var")
STARTERS = ("rules", "schemas/canonical", "schemas/self", "mappings/self")

STARTER = """\
# What this hub connects. 'onevoice check' says what is missing or wrong; every setting is in the reference.

[hub]
name = "onevoice"
scheduler = "builtin"              # or "airflow": exactly one of them does what is periodic
# secret = {file = "secrets/hub"}  # signs links to the customer's own page; see api.public_url
# retry_after = "5s"               # first wait after a failed write; it doubles with every failure

[store]
url = "sqlite:///var/onevoice.db"  # one process, to learn; otherwise {env = "ONEVOICE_STORE_URL"} with
                                   # postgresql+psycopg://user:password@host/database

[bus]
url = "embedded:"                  # the queue as a table in SQLite; otherwise {env = "ONEVOICE_BUS_URL"} with
                                   # amqp://user:password@host:5672/vhost
# management_url = "http://host:15672"   # where 'onevoice init' makes the broker users of systems that speak AMQP

[api]
host = "127.0.0.1"
port = 8080
# public_url = "https://me.example.com"  # where customers reach it: their own page, one-click unsubscribe

# Ids that decide who is who: national_id, register_number, vat_number. Without this they are evidence like any other.
# [identity]
# trusted = ["vat_number"]           # equal ones link, unless much speaks against it
# one_per_customer = ["vat_number"]  # different ones are never one customer
# max_regroup = 100                  # a changed model that would regroup more customers waits for a person

# People who may use the HTTP interface. A secret is a reference, never the value itself.
# [operators.admin]
# api_key = {env = "ONEVOICE_ADMIN_KEY"}
# roles = ["suppression", "legal"]   # what this person may lift, see rules/suppression.yaml

# One table for each connected installation; 'onevoice connector list' shows the connectors and their settings.
# [systems.crm]
# connector = "sample_crm"
# title = "CRM"
# region = "GB"                    # of telephone numbers that are written without a country
# poll_every = "60s"
# reconcile_every = "1d"
# api_key = {env = "ONEVOICE_CRM_KEY"}              # what the system shows at our HTTP doors
# amqp_password = {env = "ONEVOICE_CRM_AMQP"}       # only if it publishes over AMQP
#
# [systems.crm.settings]
# endpoint = "https://crm.example.com/soap"
# username = "onevoice@example.com"
#
# [systems.crm.secrets]
# password = {file = "secrets/crm-password"}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What a broker was given: the queues that stand now and the users that were made or corrected."""

    queues: tuple[str, ...]
    users: tuple[str, ...]


def write_project(folder: Path) -> list[Path]:
    """Write the starter configuration, the folders and the rules that come with the hub; returns what was added.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    added: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FOLDERS:
            if not (folder / name).is_dir():
                (folder / name).mkdir()
                added.append(folder / name)
        for name in STARTERS:
            added += _copied(starter_folder(name), folder / name)
        if not (folder / FILE).exists():
            (folder / FILE).write_text(STARTER, encoding="utf-8")
            added.append(folder / FILE)
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: cannot be written ({type(error).__name__}); choose another folder"
        ) from None
    return added


def prepare_broker(config: Config) -> Prepared:
    """Declare exchanges and queues on RabbitMQ, and give each system that speaks AMQP a user with its own keys only.

    Raises:
        ConfigurationError: bus.management_url or a password is missing, or the broker holds other queues of that name.
        OperatorError: the broker refuses the user of bus.url.
        TransientError: the broker is away.
    """
    url = reveal(config.bus_url)
    topology = topology_of(config, load_catalog(config))
    store = open_store(reveal(config.store_url))
    try:
        open_bus(url, store, topology).close()
    finally:
        store.close()
    users = topology.broker_users()
    if users:
        if config.management_url is None:
            raise ConfigurationError(
                "bus.management_url: missing; write http://host:15672, since amqp_password asks for a broker user"
            )
        passwords = {
            name: system.amqp_password.reveal() for name, system in config.systems.items() if system.amqp_password
        }
        apply_users(
            users,
            passwords,
            management_url=reveal(config.management_url),
            admin=_administrator(url),
            vhost=_vhost(url),
        )
    return Prepared(queues=tuple(topology.queues), users=tuple(user.name for user in users))


def starter_folder(name: str) -> Path:
    """Return a folder that comes with the hub: inside the installed package, or beside it in a checkout.

    Raises:
        ConfigurationError: it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for root in (package / "starter", package.parent):
        if (root / name).is_dir():
            return root / name
    raise ConfigurationError(f"the installed hub lacks its {name}; install it again")


def _copied(source: Path, target: Path) -> list[Path]:
    added = []
    for file in sorted(path for path in source.rglob("*") if path.is_file() and path.suffix in (".yaml", ".json")):
        copy = target / file.relative_to(source)
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copyfile(file, copy)
            added.append(copy)
    return added


def _administrator(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return unquote(parts.username or "guest"), unquote(parts.password or "guest")


def _vhost(url: str) -> str:
    """An AMQP URL without a path means the virtual host `/`; `/%2F` says so, too."""
    path = urlsplit(url).path
    return unquote(path[1:]) if len(path) > 1 else "/"
