from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from onevoice.errors import ConfigurationError
from onevoice.identity import Model
from tests.identity.people import RULES, shipped_model

Change = Callable[[dict[str, Any]], object]


def load_changed(folder: Path, change: Change) -> Model:
    content = yaml.safe_load((RULES / "identity.yaml").read_text(encoding="utf-8"))
    change(content)
    path = folder / "identity.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return Model.load(path)


def test_the_version_is_the_content_not_its_layout(tmp_path: Path) -> None:
    assert load_changed(tmp_path, lambda content: None).version == shipped_model().version
    assert load_changed(tmp_path, lambda content: content["marks"].update(link=21)).version != shipped_model().version


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content["marks"].pop("link"), "marks.link: missing"),
        (lambda content: content["marks"].update(link="high"), "marks.link: write a number"),
        (lambda content: content["marks"].update(review=99), "marks.review: write a number not above marks.link"),
        (lambda content: content["limits"].update(cap=0), "limits.cap: write a whole number above 0"),
        (lambda content: content["marks"].update(doubt=1), "marks.doubt: unknown key"),
        (lambda content: content["placeholders"].update(phones=[123]), "placeholders.phones: write a list of texts"),
        (lambda content: content["words"].update(street_words=["st"]), "words.street_words: write lines"),
        (lambda content: content.update(mark={}), "mark: unknown key"),
        (lambda content: content.update(words=3), "words: write a section"),
    ],
)
def test_a_wrong_key_is_named_with_what_to_write(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_changed(tmp_path, change)
    assert str(caught.value).startswith("identity.yaml: ")
    assert message in str(caught.value)


def test_a_missing_or_broken_file_is_a_configuration_error(tmp_path: Path) -> None:
    broken = tmp_path / "identity.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Model.load(broken)
    broken.write_text("marks: [", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="not valid YAML at line"):
        Model.load(broken)
    broken.write_text("marks", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="write `key: value` lines"):
        Model.load(broken)
