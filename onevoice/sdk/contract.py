"""The contract of a SOAP service as a pinned file: what a connector was written against, and nothing else.

A service that changes its WSDL changes nothing here until a person has reviewed the new file and pinned its hash.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from onevoice.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class PinnedWsdl:
    """The contract: a file kept in the connector's folder and its SHA-256 in hex."""

    file: Path
    sha256: str

    def checked(self) -> str:
        """Return the file's path.

        Raises:
            ConfigurationError: the file is missing or not the one that was pinned.
        """
        try:
            actual = hashlib.sha256(self.file.read_bytes()).hexdigest()
        except OSError:
            raise ConfigurationError(
                f"{self.file.name} cannot be read; put the WSDL into the connector's folder"
            ) from None
        if actual != self.sha256:
            raise ConfigurationError(
                f"{self.file.name} is not the pinned contract; review it, then write its SHA-256 in manifest.yaml"
            )
        return str(self.file)
