"""Tryton's own tables that parties point to: categories, languages, countries; and the rights on all of them.

Asked at each use: they are few, and whoever keeps them may change them at any time. The one rule: nothing is ever made
here; what is missing is named.
"""

from connectors.tryton.rpc import TrytonRpc
from onevoice.sdk import OperatorError, RefusedError, Settings

PARTY = "party.party"
ADDRESS = "party.address"
MECHANISM = "party.contact_mechanism"
CATEGORY = "party.category"
LANGUAGE = "ir.lang"
COUNTRY = "country.country"
IDENTIFIER = "party.identifier"

FLAGS = {"no_email_marketing": "no_email_category", "no_phone_marketing": "no_phone_category"}
"""Source field -> the setting that names its category."""

_RIGHTS = {
    PARTY: ("read", "write"),
    ADDRESS: ("read", "write", "create"),
    MECHANISM: ("read", "write", "create"),
    CATEGORY: ("read",),
    LANGUAGE: ("read",),
    COUNTRY: ("read",),
}
_RIGHTS_TO_MAKE = {PARTY: ("create",), IDENTIFIER: ("read", "create")}


class Catalogue:
    """Looks things up in one database."""

    def __init__(self, rpc: TrytonRpc, settings: Settings) -> None:
        self._rpc = rpc
        self._names = {flag: str(settings.values[setting]) for flag, setting in FLAGS.items()}

    def check_rights(self, where: str, *, to_make: bool = False) -> None:
        """Return when the user has every right that reading and writing parties needs, or that making one needs.

        Raises:
            OperatorError: one is missing.
        """
        needed = _RIGHTS_TO_MAKE if to_make else _RIGHTS
        access = self._rpc.ask("ir.model.access.get_access", list(needed), where=where)
        for model, rights in needed.items():
            missing = [right for right in rights if not access[model][right]]
            if missing:
                raise OperatorError(f"{where}: the user lacks the right to {' and '.join(missing)} {model}; grant it")

    def categories(self, where: str) -> dict[str, int]:
        """Return flag -> id of its category.

        Raises:
            OperatorError: a category does not exist; it is not made here, since it is a word of that company's own.
        """
        wanted = list(self._names.values())
        domain = [["name", "in", wanted], ["parent", "=", None]]
        rows = self._rpc.ask(f"{CATEGORY}.search_read", domain, 0, None, None, ["name"], where=where)
        ids = {row["name"]: int(row["id"]) for row in rows}
        for flag, name in self._names.items():
            if name not in ids:
                raise OperatorError(
                    f"{where}: there is no party category {name!r}; create it in Tryton (Parties, Categories), or name "
                    f"the one to use as {FLAGS[flag]} in the settings"
                )
        return {flag: ids[name] for flag, name in self._names.items()}

    def language(self, code: str, where: str) -> int:
        """Return the id of a language; `zh` is found as `zh_CN` where there is no plain one.

        Raises:
            RefusedError: Tryton knows no such language.
        """
        domain = ["OR", ["code", "=", code], ["code", "like", f"{code}\\_%"]]
        rows = self._rpc.ask(f"{LANGUAGE}.search_read", domain, 0, 1, [["code", "ASC"]], ["code"], where=where)
        if not rows:
            raise RefusedError(f"{where}: lang: Tryton has no such language; add it there")
        return int(rows[0]["id"])

    def country(self, code: str, where: str) -> int:
        """Return the id of a country.

        Raises:
            RefusedError: Tryton knows no such country; a new database has none at all.
        """
        ids = self._rpc.ask(f"{COUNTRY}.search", [["code", "=", code]], 0, 1, None, where=where)
        if not ids:
            raise RefusedError(f"{where}: address.country: Tryton has no such country; run trytond_import_countries")
        return int(ids[0])
