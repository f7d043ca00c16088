from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from onevoice.errors import ConfigurationError
from onevoice.master import Survivorship
from tests.master.claiming import RULES, shipped_policy

Change = Callable[[dict[str, Any]], object]


def load_changed(folder: Path, change: Change) -> Survivorship:
    content = yaml.safe_load((RULES / "survivorship.yaml").read_text(encoding="utf-8"))
    change(content)
    path = folder / "survivorship.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return Survivorship.load(path)


def test_the_version_is_the_content(tmp_path: Path) -> None:
    assert load_changed(tmp_path, lambda content: None).version == shipped_policy().version
    assert load_changed(tmp_path, lambda content: content["attributes"].pop("name")).version != shipped_policy().version


@pytest.mark.parametrize(
    ("path", "unit", "attribute"),
    [
        ("name.given", "name", "name"),
        ("name", "name", "name"),
        ("addresses[main].street", "addresses[main]", "addresses[*]"),
        ("birth_date", "birth_date", "birth_date"),
        ("emails[main].address", "emails[main].address", "default"),
    ],
)
def test_the_longest_attribute_that_fits_holds(path: str, unit: str, attribute: str) -> None:
    found = shipped_policy().unit(path)
    assert (found.path, found.rule.attribute) == (unit, attribute)


def test_one_slot_of_a_list_can_have_a_rule_of_its_own(tmp_path: Path) -> None:
    def change(content: dict[str, Any]) -> None:
        content["attributes"]["emails[work].address"] = {"prefer": ["trust"], "trust": {"erp": 90}}

    policy = load_changed(tmp_path, change)
    assert policy.unit("emails[work].address").rule.attribute == "emails[work].address"
    assert policy.unit("emails[main].address").rule.attribute == "default"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("default"), "default: missing"),
        (
            lambda content: content["default"].update(prefer=["luck"]),
            "default.prefer: write one or both of trust, recency",
        ),
        (lambda content: content["default"].update(prefer=["trust", "trust"]), "default.prefer: write one or both"),
        (lambda content: content["default"].update(prefer=[]), "default.prefer: write one or both"),
        (lambda content: content["default"].pop("trust"), "default.trust: missing"),
        (lambda content: content["default"].update(whole=True), "default.whole: write nothing"),
        (
            lambda content: content["attributes"]["name"].update(trust={"crm": 101}),
            "attributes.name.trust: write a trust of 1 to 100",
        ),
        (
            lambda content: content["attributes"]["name"].update(whole="yes"),
            "attributes.name.whole: write true or false",
        ),
        (lambda content: content["attributes"]["name"].update(decay=3), "attributes.name.decay: write a section"),
        (
            lambda content: content["attributes"]["name"].update(decay={"days": 9, "to": 101}),
            "attributes.name.decay.to: write the per cent",
        ),
        (lambda content: content.update(extra=1), "extra: unknown key"),
    ],
)
def test_a_wrong_key_is_named_with_what_to_write(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load_changed(tmp_path, change)
    assert message in str(caught.value)
