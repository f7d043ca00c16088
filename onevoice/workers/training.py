"""Train the matching model on rows of CSV files, without labels, and say by figures what it came to.

Takes rows as `onevoice match` does, gives a model file. The one rule: equal rows give equal bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from onevoice.errors import ConfigurationError
from onevoice.identity import Model, as_json, group_all, train
from onevoice.identity.batch import Advance, Record
from onevoice.identity.profile import Profile
from onevoice.identity.train import ROUNDS
from onevoice.messages import Json
from onevoice.workers.matching import MatchedFile, profiles_of

__all__ = ["ROUNDS", "ModelFile", "fit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A trained model.

    Attributes:
        model: to match with.
        content: what the file says: `chances`, from what they were learned, and what records came to before and after.
    """

    model: Model
    content: Json

    def write(self, path: Path) -> None:
        """Write the file.

        Raises:
            ConfigurationError: it cannot be written.
        """
        try:
            path.write_bytes(orjson.dumps(self.content, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n")
        except OSError as error:
            raise ConfigurationError(f"{path}: the file cannot be written; correct the path") from error


def fit(
    files: Sequence[Sequence[Mapping[str, str]]], model: Model, *, region: str = "", advance: Advance = lambda _: None
) -> ModelFile:
    """Learn from the rows of files, each matched by itself.

    Args:
        files: the rows of each, with any of the columns of `onevoice match`.
        model: where learning starts.
        region: country of telephone numbers whose row names none.
        advance: told how many rounds were made since it was told last.

    Raises:
        ConfigurationError: a row cannot be read; the message names it.
    """
    profiles = [profiles_of(rows, model, region=region) for rows in files]
    training = train(profiles, model, advance)
    trained = model.with_chances(training.chances)
    content = {
        "chances": as_json(training.chances),
        "learned_from": {
            "files": len(files),
            "records": sum(map(len, profiles)),
            "pairs": training.pairs,
            "pairs_of_one_person": training.same,
            "rounds": ROUNDS,
        },
        "judged_by": {"before": _figures(profiles, model), "after": _figures(profiles, trained)},
    }
    return ModelFile(model=trained, content=content)


def _figures(files: Sequence[Mapping[Record, Profile]], model: Model) -> Json:
    found = [MatchedFile.of(group_all(profiles, model)) for profiles in files]
    return {
        "customers": sum(len(one.grouping.groups) for one in found),
        "linked_pairs": sum(pair.outcome == "link" for one in found for pair in one.grouping.pairs.values()),
        "for_review": sum(one.reviews for one in found),
        "largest": max((max(one.sizes) for one in found if one.sizes), default=0),
    }
