"""Profiles that were made before, by identity hash: who holds the same telephone number is looked at again and again.

Takes records, gives profiles. The one rule: a profile follows from the record and the model alone, so a hash that was
made with this model stands for the same profile wherever it comes from.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from onevoice.identity import Model, Profile, identity_hash, profile
from onevoice.messages import Json

MOST = 30_000
"""So many profiles are kept, the last used ones; a profile takes about a kilobyte."""


@dataclass(slots=True)
class Seen:
    """The profiles of one model."""

    model: Model
    _profiles: OrderedDict[str, Profile] = field(default_factory=OrderedDict)

    def profile(self, canonical: Json, record_type: str, digest: str | None) -> Profile:
        """Return the profile of a record whose identity hash is known."""
        return self.get(digest) or self.of(canonical, record_type)[1]

    def get(self, digest: str | None) -> Profile | None:
        """Return the profile with this identity hash, if it is known."""
        found = self._profiles.get(digest) if digest is not None else None
        if found is not None and digest is not None:
            self._profiles.move_to_end(digest)
        return found

    def of(self, canonical: Json, record_type: str) -> tuple[str, Profile]:
        """Return the identity hash and the profile of a record, and remember them."""
        made = profile(canonical, record_type, self.model)
        digest = identity_hash(made)
        self._profiles[digest] = made
        if len(self._profiles) > MOST:
            self._profiles.popitem(last=False)
        return digest, made
