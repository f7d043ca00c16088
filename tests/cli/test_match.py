"""`onevoice match`: a file in, each record's customer out; what is wrong with a file is told by its line."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from onevoice.cli import app
from onevoice.errors import ConfigurationError
from onevoice.identity import Model
from tests.identity.people import RULES

COLUMNS = ["record_id", "given_name", "family_name", "birth_date", "email", "phone", "street", "city", "postal_code"]
ROWS = [
    ["c", "William", "Marshall", "1974-03-18", "w@example.com", "0161 496 0123", "14 Mill Lane", "Leeds", "LS1 4AB"],
    ["a", "Bill", "Marshall", "", "w@example.com", "", "", "", ""],
    ["b", "Mary", "Marshall", "1976-01-02", "", "+441614960123", "14 Mill Ln", "Leeds", "ls14ab"],
    ["d", "Emma", "Marshall", "2001-05-06", "", "+441614960123", "14 Mill Lane", "Leeds", "LS1 4AB"],
]


def write(path: Path, rows: list[list[str]], columns: list[str] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    return path


def run(folder: Path, file: Path, *more: str) -> str:
    result = CliRunner().invoke(app, ["match", str(file), "--out", str(folder / "out.csv"), *more])
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEVOICE_CONFIG", raising=False)


def test_each_record_gets_its_customer_and_a_family_stays_apart(tmp_path: Path) -> None:
    said = run(tmp_path, write(tmp_path / "in.csv", ROWS), "--region", "GB", "--explain", str(tmp_path / "pairs.csv"))
    found = (tmp_path / "out.csv").read_text(encoding="utf-8")
    assert found == "record_id,customer_id\na,a\nb,b\nc,a\nd,d\n"
    assert "4 records are 3 customers" in said
    pairs = list(csv.DictReader((tmp_path / "pairs.csv").open(encoding="utf-8")))
    assert [(pair["record_a"], pair["record_b"], pair["outcome"]) for pair in pairs] == [("a", "c", "link")]
    assert "one given name is a short form of the other" in pairs[0]["evidence"]


def test_equal_rows_in_any_order_give_equal_bytes(tmp_path: Path) -> None:
    outputs = set()
    for seed in range(5):
        shuffled = [list(row) for row in ROWS]
        random.Random(seed).shuffle(shuffled)
        run(tmp_path, write(tmp_path / "in.csv", shuffled), "--explain", str(tmp_path / "pairs.csv"))
        outputs.add((tmp_path / "out.csv").read_bytes() + (tmp_path / "pairs.csv").read_bytes())
    assert len(outputs) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("record_id,shoe_size\n1,2\n", "unknown column 'shoe_size'; known are record_id, system, kind"),
        ("record_id,email\n1,a\n2\n", "line 3 has 1 values, the first line names 2 columns"),
        ('record_id,email\n1,a\n2,"b\n', "line 3: not CSV"),
        ("record_id,email\n1,a\n1,b\n", "row 2: its record_id stands twice"),
        ("record_id,kind\n1,alien\n", "row 1: kind: write person or organisation"),
        ("", "line 1 names no columns"),
    ],
)
def test_what_is_wrong_with_a_file_is_told_by_its_line(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "in.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        run(tmp_path, tmp_path / "in.csv")
    assert message in str(caught.value)
    assert not (tmp_path / "out.csv").exists()


def test_a_file_that_is_not_utf_8_is_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(b"record_id,email\n1,a\xff\n")
    with pytest.raises(ConfigurationError, match="not UTF-8"):
        run(tmp_path, tmp_path / "in.csv")


def test_hostile_values_make_no_giant_customer(tmp_path: Path) -> None:
    crowd = [
        [f"p{n:05d}", "", "", "0000-00-00", "noemail@example.com", "0000000000", "", "", ""] for n in range(10_000)
    ]
    odd = [
        ["x1", "x" * 10_000, "y" * 10_000, "1974-02-30", "@", "+", "", "", ""],
        ["x2", "محمد", "علي", "", "", "", "", "", ""],
        ["x3", "Zoe\u0308", "\u202eevil", "", "", "", "\u200b", " ", "\u00a0"],
        ["x4", "J", "K", "", "", "", "", "", ""],
        ["x5", "J", "K", "", "", "", "", "", ""],
    ]
    said = run(tmp_path, write(tmp_path / "in.csv", crowd + odd))
    assert "10,005 records are 10,005 customers" in said


def test_numbers_without_a_country_are_read_in_the_one_that_most_rows_name(tmp_path: Path) -> None:
    rows = [
        ["a", "William", "Marchbanks", "0161 496 0123", ""],
        ["b", "William", "Marchbanks", "+44 161 496 0123", "GB"],
        ["c", "Emma", "Jones", "", "GB"],
        ["d", "Emma", "Brown", "", "FR"],
    ]
    columns = ["record_id", "given_name", "family_name", "phone", "country"]
    run(tmp_path, write(tmp_path / "in.csv", rows, columns), "--explain", str(tmp_path / "pairs.csv"))
    pairs = list(csv.DictReader((tmp_path / "pairs.csv").open(encoding="utf-8")))
    assert "they share a telephone number that nobody else uses" in pairs[0]["evidence"]


def test_fit_learns_a_model_first_and_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    people = [(given, family) for given in ("Zelda", "Otto", "Ivo") for family in ("Marchbanks", "Quill", "Tarrant")]
    rows = [
        [f"{number}-{copy}", given, family, f"19{50 + number}-03-18", f"{given}.{family}@example.com".lower()]
        for number, (given, family) in enumerate(people)
        for copy in range(2)
    ]
    models = set()
    for seed in range(2):
        random.Random(seed).shuffle(rows)
        said = run(tmp_path, write(tmp_path / "in.csv", rows, COLUMNS[:5]), "--fit")
        models.add((tmp_path / "identity_model.json").read_bytes())
    assert len(models) == 1
    content = json.loads(models.pop())
    assert content["learned_from"]["pairs"] == len(people)
    assert content["judged_by"]["after"]["customers"] == len(people)
    assert content["chances"]["family"]["different"]["same"] < content["chances"]["family"]["exact"]["same"]
    assert "identity_model.json: written" in said


def test_a_trained_model_beside_the_rules_is_used_and_a_broken_one_named(tmp_path: Path) -> None:
    (tmp_path / "identity.yaml").write_bytes((RULES / "identity.yaml").read_bytes())
    shipped = Model.load(tmp_path / "identity.yaml")
    file = write(tmp_path / "in.csv", ROWS)
    out = tmp_path / "identity_model.json"
    result = CliRunner().invoke(app, ["identity", "train", str(file), "--out", str(out)])
    assert result.exception is None, result.output
    trained = Model.load(tmp_path / "identity.yaml")
    assert trained.version != shipped.version
    out.write_text("{}")
    with pytest.raises(ConfigurationError, match=r"identity_model\.json"):
        Model.load(tmp_path / "identity.yaml")
