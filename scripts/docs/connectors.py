"""The page about connectors, from their manifests, schemas and mappings."""

from pathlib import Path

from onevoice.contracts import Contracts
from onevoice.mapping import MappingFile, load_mappings, measure
from onevoice.sdk.discovery import discover
from onevoice.sdk.manifest import Manifest
from onevoice.testing.contract import TIERS
from scripts.docs.markdown import code, codes, page, table


def connectors_page(root: Path) -> str:
    """Return the page."""
    return page(
        "Connectors and their streams",
        "A connector speaks one product's or protocol's API; it is a folder of `connectors/` with a `manifest.yaml`. "
        "`poll` means that the hub asks, `push` that the system tells. `both ways` is the share of mapped fields whose "
        "rule also runs backwards, as `onevoice mapping lint` counts it.",
        _quality(list(discover(root / "connectors").values())),
        *(_connector(root, one) for one in discover(root / "connectors").values()),
    )


def _quality(found: list[Manifest]) -> str:
    """Return the table of tiers, the best first."""
    names = list(TIERS)
    rows = [
        [
            code(one.id),
            one.quality.tier or "none",
            "; ".join(f"{check}: {why}" for check, why in sorted(one.quality.exempt.items(), key=_number)),
        ]
        for one in sorted(found, key=lambda one: (-names.index(one.quality.tier or names[0]), one.id))
    ]
    contract = "../architecture/connectors.md#the-contract-that-every-connector-keeps"
    tiers = ", ".join(f"{tier} {checks[0]} to {checks[-1]}" for tier, checks in TIERS.items())
    return "\n\n".join(
        [
            "## Tiers",
            f"How much of [the contract]({contract}) each keeps, and the tests run: {tiers}; each with those before.",
            table(["connector", "tier", "exempt, and why"], rows),
        ]
    )


def _number(exemption: tuple[str, str]) -> int:
    return int(exemption[0].removeprefix("K"))


def _connector(root: Path, one: Manifest) -> str:
    parts = [f"## `{one.id}`: {one.title}"]
    files = load_mappings(root / "mappings", one.id, one.id)
    rows = [_stream(root, one, name, files[name]) for name in one.streams]
    heads = ["stream", "becomes", "read by", "written", "key", "version", "mapped", "ignored", "both ways"]
    parts.append(table(heads, rows))
    if one.lists:
        lists = [[code(name), codes(channel.value for channel in spec.channels)] for name, spec in one.lists.items()]
        parts.append(table(["suppression list", "channels"], lists))
    needed = set(one.settings.get("required", ()))
    settings = [
        [
            code(f"secrets.{name}" if rule.get("x-secret") else f"settings.{name}"),
            "needed" if name in needed else f"else {code(rule['default'])}" if "default" in rule else "optional",
            rule["description"],
        ]
        for name, rule in one.settings["properties"].items()
    ]
    parts.append(table(["setting", "", "what to write"], settings))
    able = one.capabilities
    rate = f"at most {able.requests_per_second:g} calls a second" if able.requests_per_second else "no limit of calls"
    code_or_not = "" if one.entry else " The connector has no code: the manifest says it all."
    parts.append(
        f"Up to {able.max_batch} change(s) in one write; {rate}; records are made: {code(able.create)}; deletes: "
        f"{code(able.deletes)}; reads {'what changed' if able.since_cursor else 'everything'}; "
        f"{'pushes by itself' if able.push else 'does not push'}; suppression as {code(able.suppression)}.{code_or_not}"
    )
    return "\n\n".join(parts)


def _stream(root: Path, one: Manifest, name: str, file: MappingFile) -> list[str]:
    spec = one.streams[name]
    coverage = measure(file, Contracts(root / "schemas").source(one.id, name).schema)
    return [
        code(name),
        file.to,
        spec.mode,
        "yes" if spec.writable and file.writable else "",
        code(file.key),
        code(file.version),
        str(len(coverage.mapped)),
        str(len(coverage.ignored)),
        f"{coverage.two_way:.0%}",
    ]
