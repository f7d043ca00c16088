"""The page about `onevoice.toml`: the keys that the loader asks for, noted while it reads a small file.

The one rule: a key that the loader asks for and nobody explained, or the reverse, is an error.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from onevoice import config
from scripts.docs.markdown import code, page, table

_SAMPLE = """
[operators.NAME]
api_key = {env = "KEY"}
[systems.name]
connector = "sample_erp"
[systems.name.streams.STREAM]
outside = true
supplier = "somebody"
"""

_FORMS = {
    "text": "text",
    "texts": "list of texts",
    "port": "whole number",
    "count": "whole number",
    "truth": "true or false",
    "choice": "one of",
    "duration": "duration",
    "secret": "secret",
    "required_secret": "secret",
    "secret_or_text": "text or secret",
}

_MEANING = {
    "hub.root": "the folder of `connectors/`, `mappings/`, `schemas/` and `rules/`; counts from the file itself",
    "hub.name": "what `onevoice status` calls this hub",
    "hub.scheduler": "who does what is periodic: `builtin` (`onevoice run`) or `airflow`; never both",
    "hub.retry_after": "first wait after a failed delivery; it doubles with every failure, up to an hour",
    "store.url": "the truth: `postgresql+psycopg://…`, or `sqlite:///…` for the embedded hub",
    "bus.url": "`amqp://…` or `amqps://…`; `embedded:` keeps the queue in the SQLite store, for one process",
    "bus.management_url": "RabbitMQ's management interface, asked by `onevoice init` for the broker users of systems",
    "api.host": "the address that the HTTP interface listens on",
    "api.port": "its port",
    "api.share_port": "several processes (`onevoice run --role api`) listen on it, and Linux deals the callers out",
    "api.public_url": "where customers reach the hub, behind your TLS; links to their own page begin with it",
    "hub.secret": "what signs links and receipts and hides erased contact points; 32 characters or more, never changed",
    "operators.<name>.api_key": "the bearer key of a person or of Airflow; the name is the actor in what they decide",
    "operators.<name>.roles": 'what this person may lift: roles of `rules/suppression.yaml`, such as `["legal"]`',
    "identity.trusted": "ids that link two records by themselves, unless much speaks against it (`veto`): some of "
    "`national_id`, `register_number`, `vat_number`",
    "retention.messages": "how long the ledger of messages is kept, and a repeated envelope id known",
    "retention.quarantine": "how long what was in quarantine is kept once it is settled",
    "retention.decisions": "how long decisions are kept with the whole of their trace",
    "identity.max_regroup": "a changed matching model that would regroup more customers than this waits for a person",
    "identity.one_per_customer": "of these a customer has one: records with two values are never joined, but by people",
    "systems.<name>.connector": "a folder of `connectors/`; `onevoice connector list` shows them",
    "systems.<name>.title": "what people call it",
    "systems.<name>.owner": "who is responsible; Airflow shows it",
    "systems.<name>.region": "the region of telephone numbers that are written without a country",
    "systems.<name>.poll_every": "how often what changed is read",
    "systems.<name>.reconcile_every": "how often everything is read, to find what is gone",
    "systems.<name>.clock_bound": "how far its clock may be off",
    "systems.<name>.streams.<stream>.outside": "its records are bought or given: they enter under an opt-in alone",
    "systems.<name>.streams.<stream>.supplier": "who supplies them: an opt-in may name it as `evidence.supplier`",
    "systems.<name>.streams.<stream>.purpose": "the purpose that an opt-in may name instead",
    "systems.<name>.settings.*": "settings of the connector, as its manifest declares them",
    "systems.<name>.secrets.*": "secret settings of the connector",
    "systems.<name>.api_key": "the bearer key that the system shows at the HTTP doors; without one they stay shut",
    "systems.<name>.amqp_password": "only for a system that publishes over AMQP: `onevoice init` makes its broker user",
    "systems.<name>.max_backlog_age": "from this age on an unread stream or an open obligation counts as not well",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    name: str
    form: str
    default: str


def configuration_page() -> str:
    """Return the page.

    Raises:
        ValueError: the loader and the explanations differ.
    """
    keys = _asked_for()
    names = {key.name for key in keys}
    if names != _MEANING.keys():
        raise ValueError(f"explain these keys in {__name__}: {sorted(names ^ _MEANING.keys())}")
    rows = [[code(key.name), key.form, key.default, _MEANING[key.name]] for key in keys]
    return page(
        "Configuration: `onevoice.toml`",
        "One file says what a hub connects. `onevoice check` finds every mistake in it and names the key. A key that "
        'is not listed here is an error. A duration is written `"500ms"`, `"5s"`, `"2m"`, `"6h"` or `"1d"`. A secret '
        'is never written out, only referred to: `{env = "NAME"}` or `{file = "PATH"}`; a relative path counts '
        "from the file. System names are lower-case letters, digits and `_`, at most 31, a letter first.",
        table(["key", "form", "when absent", "meaning"], rows),
    )


def _asked_for() -> list[_Key]:
    """Let the loader read a small file and note what it asks for, in order."""
    found: dict[str, _Key] = {}
    patches = [patch.object(config._Table, name, _noting(name, found)) for name in (*_FORMS, "rest", "secrets")]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "onevoice.toml"
        path.write_text(_SAMPLE, encoding="utf-8")
        for one in patches:
            one.start()
        try:
            config.load_config(path)
        finally:
            for one in patches:
                one.stop()
    return list(found.values())


def _noting(method: str, found: dict[str, _Key]) -> Callable[..., Any]:
    original = getattr(config._Table, method)

    def noted(self: Any, *arguments: Any) -> Any:
        before = set(found)
        value = original(self, *arguments)
        name = self._name(str(arguments[0]) if arguments else "*")
        name = name.replace("systems.name", "systems.<name>").replace("operators.NAME", "operators.<name>")
        name = name.replace("streams.STREAM", "streams.<stream>")
        if method in _FORMS:
            # The outermost asker says the form: `secret_or_text` asks `text` in turn.
            for inner in set(found) - before:
                del found[inner]
            found[name] = _key(name, method, arguments[1:])
        else:
            found.setdefault(name, _Key(name=name, form="secret" if method == "secrets" else "table", default=""))
        return value

    return noted


def _key(name: str, method: str, further: tuple[Any, ...]) -> _Key:
    form, default = _FORMS[method], further[-1] if further else None
    if method == "choice":
        form = " or ".join(code(choice) for choice in further[0])
    if method == "required_secret" or (method == "text" and default is None):
        return _Key(name=name, form=form, default="needed")
    if name == "systems.<name>.title":
        return _Key(name=name, form=form, default="the name")
    return _Key(name=name, form=form, default=code(default) if default not in (None, "") else "none")
