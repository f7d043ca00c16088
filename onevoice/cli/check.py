"""`onevoice check`: find every mistake before the hub runs."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import typer
from rich.text import Text

from onevoice.cli.connector import check_system
from onevoice.cli.mapping import failing_cases, mapping_files, problems_of
from onevoice.cli.screen import BAD, GOOD, out
from onevoice.cli.setting import ConfigPath, loaded
from onevoice.errors import ConfigurationError, OnevoiceError

if TYPE_CHECKING:
    from onevoice.config import Config


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check")(check)


def check(config: ConfigPath = None) -> None:
    """Check configuration, schemas, mappings and rules, then store, broker and every system; change nothing there.

    Example: onevoice check
    """
    settings = loaded(config)
    found: list[OnevoiceError] = []
    _step(found, f"{settings.path.name} and the secrets of its {len(settings.systems)} system(s)", _secrets, settings)
    if _step(found, "connectors, schemas and mappings", _catalog, settings):
        _step(found, "mapping lint and tests", _mappings, settings)
    _step(found, "rules", _rules, settings)
    if _step(found, "store", _store, settings):
        _step(found, "embedded queue" if settings.embedded else "RabbitMQ", _bus, settings)
    for name in settings.systems:
        _step(found, f"system {name}", partial(check_system, system=name), settings)
    if found:
        raise type(found[0])(f"{len(found)} check(s) failed; the first: {found[0]}")


def _step(found: list[OnevoiceError], what: str, work: Callable[["Config"], object], config: "Config") -> bool:
    try:
        work(config)
    except OnevoiceError as error:
        found.append(error)
        out.print(Text.assemble(("✗ ", BAD), what, (f"\n    {error}", BAD)), soft_wrap=True)
        return False
    out.print(Text.assemble(("✓ ", GOOD), what), soft_wrap=True)
    return True


def _secrets(config: "Config") -> None:
    from onevoice.config import reveal

    systems = config.systems.values()
    wanted = [config.store_url, config.bus_url, config.management_url, config.secret]
    wanted += [operator.api_key for operator in config.operators.values()]
    wanted += [secret for s in systems for secret in (*s.secrets.values(), s.api_key, s.amqp_password)]
    for reference in wanted:
        if reference is not None:
            reveal(reference)


def _catalog(config: "Config") -> None:
    from onevoice.workers.catalog import load_catalog

    load_catalog(config)


def _mappings(config: "Config") -> None:
    bad = [text for one in mapping_files(config) for text in (*map(str, problems_of(one)), *failing_cases(one))]
    if bad:
        raise ConfigurationError(
            f"{bad[0]} ({len(bad)} in all; see 'onevoice mapping lint' and 'onevoice mapping test')"
        )


def _rules(config: "Config") -> None:
    from onevoice.consent import ConsentRules
    from onevoice.master import Survivorship
    from onevoice.workers.catalog import load_catalog
    from onevoice.workers.decisions import failing_rule_tests
    from onevoice.workers.model import load_model

    rules = config.root / "rules"
    load_catalog(config).hold_to_purposes(ConsentRules.load(rules).purposes)
    load_model(config)
    Survivorship.load(rules / "survivorship.yaml")
    failing = failing_rule_tests(rules)
    if failing:
        raise ConfigurationError(f"rules/tests.yaml: {failing[0]} (see 'onevoice rules test')")


def _store(config: "Config") -> None:
    from onevoice.config import reveal
    from onevoice.store import open_store
    from onevoice.workers.run import require_current_schema

    require_current_schema(config)
    store = open_store(reveal(config.store_url), pool_size=1)
    try:
        store.ping()
    finally:
        store.close()


def _bus(config: "Config") -> None:
    from onevoice.workers.hub import opened

    with opened(config) as hub:
        hub.bus.ping()
