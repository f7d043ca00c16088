"""The mappings that ship, compiled against their schemas, for the tests of this folder."""

from dataclasses import dataclass
from pathlib import Path

from onevoice.contracts import Contract, Contracts
from onevoice.mapping import Mapping, MappingFile, compile_mapping, load_mappings

ROOT = Path(__file__).parents[2]
REGION = "GB"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Shipped:
    """One mapping file with its contracts and its compiled form."""

    connector: str
    file: MappingFile
    source: Contract
    canonical: Contract
    mapping: Mapping

    @property
    def others(self) -> dict[str, Contract]:
        """The contracts of what else its records give."""
        contracts = Contracts(ROOT / "schemas")
        return {slot.to: contracts.canonical(slot.to) for slot in self.file.also.values()}

    def __str__(self) -> str:
        return f"{self.connector}/{self.file.stream}"


def shipped_mappings() -> list[Shipped]:
    """Return every mapping of the folder `mappings`."""
    contracts = Contracts(ROOT / "schemas")
    found = []
    for folder in sorted(path for path in (ROOT / "mappings").iterdir() if path.is_dir()):
        for stream, file in load_mappings(ROOT / "mappings", folder.name, folder.name).items():
            source, canonical = contracts.source(folder.name, stream), contracts.canonical(file.to)
            mapping = compile_mapping(file, source=source.schema, canonical=canonical.schema, region=REGION)
            found.append(Shipped(connector=folder.name, file=file, source=source, canonical=canonical, mapping=mapping))
    return found


SHIPPED = shipped_mappings()
WRITABLE = [one for one in SHIPPED if one.mapping.writable]
