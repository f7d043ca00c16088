"""Files of four forms: what is written reads back, what is odd stands alone, what is cut or another is named."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onevoice.errors import OnevoiceError, RecordError, RefusedError, TransientError
from onevoice.sdk.formats import LINE, TEXT, Csv, FixedWidth, Format, Ndjson, Xml

WHERE = "system old, stream people"
MARK = "marked.person"
CSV = Csv(columns=["id", "name"])
FIXED = FixedWidth(widths={"id": 3, "name": 12})
XML = Xml(record="person")

printable = st.text(string.ascii_letters + string.punctuation + " äöüßéИ", min_size=1, max_size=10)
words = printable.map(str.strip).filter(bool)
rows = st.lists(st.fixed_dictionaries({"id": words.map(lambda w: w[:3].strip() or "x"), "name": st.none() | words}))


@given(rows)
def test_what_is_written_reads_back(given_rows: list[dict[str, str | None]]) -> None:
    for form in (CSV, FIXED, Ndjson(), Csv(columns=["id"], delimiter=";", encoding="utf-16")):
        assert form.parse(form.dump(given_rows, where=WHERE), where=WHERE) == given_rows


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_says_more_than_what_was_agreed(encoding: str) -> None:
    content = "id,name\r\n1,Zoë\r\n".encode(encoding)
    for agreed in ("utf-8", "cp1252"):
        form = Csv(columns=["id"], encoding=agreed)
        assert form.parse(content, where=WHERE) == [{"id": "1", "name": "Zoë"}]


def test_the_agreed_encoding_is_used_without_a_mark() -> None:
    form = Csv(columns=["id"], encoding="cp1252")
    assert form.parse("id,name\n1,Zoë\n".encode("cp1252"), where=WHERE) == [{"id": "1", "name": "Zoë"}]


@pytest.mark.parametrize(
    ("form", "content", "odd"),
    [
        (CSV, b"id,name\n1,Ann\n2\n3,Cid\n", {LINE: 3, TEXT: "2"}),
        (FIXED, b"1  Ann         \nshort\n3  Cid         \n", {LINE: 2, TEXT: "short"}),
        (Ndjson(), b'{"id":"1","name":"Ann"}\n[2]\n{"id":"3","name":"Cid"}\n', {LINE: 2, TEXT: "[2]"}),
    ],
)
def test_a_line_that_cannot_be_read_stands_alone(form: Format, content: bytes, odd: dict[str, object]) -> None:
    assert form.parse(content, where=WHERE) == [{"id": "1", "name": "Ann"}, odd, {"id": "3", "name": "Cid"}]


WHOLE = [
    (CSV, b'id,name\n1,Ann\n2,"Bob R"\n'),
    (FIXED, b"1  Ann         \n2  Bob R       \n"),
    (Ndjson(), b'{"id":"1","name":"Ann"}\n{"id":"2","name":"Bob R"}\n'),
    (XML, b"<all><person><id>1</id><name>Ann</name></person><person><id>2</id><name>Bob R</name></person></all>"),
]


@pytest.mark.parametrize(("form", "content"), WHOLE)
def test_a_file_that_is_cut_is_never_taken_for_a_whole_one(form: Format, content: bytes) -> None:
    """Wherever the cut is: all before it is either said to be unfinished, or made of whole records only."""
    records = form.parse(content, where=WHERE)
    assert records == [{"id": "1", "name": "Ann"}, {"id": "2", "name": "Bob R"}]
    cut_within = 0
    for at in range(1, len(content)):
        try:
            found = form.parse(content[:at], where=WHERE)
        except TransientError:
            cut_within += 1
        except RecordError:  # a header in which a column is missing
            assert form is CSV
        else:
            whole = [one for one in found if one in records]
            # CSV cannot tell a shorter last value from a whole one: only the missing line end can.
            assert found == whole or form is CSV
    assert cut_within > len(content) // 4


@pytest.mark.parametrize("form", [CSV, FIXED, Ndjson(), XML])
def test_another_form_is_named_and_not_quoted(form: Format) -> None:
    page = f"<!DOCTYPE html><html><body>{MARK}<br></body></html>".encode()
    with pytest.raises(RecordError) as caught:
        form.parse(page, where=WHERE)
    assert MARK not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "content", "named"),
    [
        (CSV, b"id\n1\n", "lacks the column name"),
        (CSV, b"id,name,name\n1,2,3\n", "column twice"),
        (CSV, f"id,name\n1,{MARK}é\n".encode("cp1252"), "is not utf-8"),
        (CSV, f'id,name\n1,"{MARK}"x\n'.encode(), "not CSV"),
        (CSV, "id,name\n1,Ann\n".encode("utf-16-le"), "no text in utf-8"),
        (XML, b"<all><man><id>1</id></man></all>", "no element person"),
    ],
)
def test_what_is_wrong_with_a_whole_file_is_named(form: Format, content: bytes, named: str) -> None:
    with pytest.raises(RecordError) as caught:
        form.parse(content, where=WHERE)
    assert named in str(caught.value)
    assert MARK not in str(caught.value)


def test_xml_reads_nothing_from_outside() -> None:
    content = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a><person><id>&x;</id></person></a>'
    with pytest.raises(RecordError, match="document type"):
        XML.parse(content, where=WHERE)


def test_xml_gives_objects_lists_and_attributes() -> None:
    content = b"""<c:all xmlns:c="urn:c"><c:person no="7"><id> 1 </id><home><city>Leeds</city></home>
        <mail kind="main">a@example.com</mail><tag>x</tag><tag>y</tag><none/></c:person></c:all>"""
    assert XML.parse(content, where=WHERE) == [
        {
            "no": "7",
            "id": "1",
            "home": {"city": "Leeds"},
            "mail": {"kind": "main", "_text": "a@example.com"},
            "tag": ["x", "y"],
            "none": None,
        }
    ]


@pytest.mark.parametrize(
    ("form", "row", "named"),
    [
        (FIXED, {"id": "1", "name": MARK * 3}, "name has 12 characters"),
        (CSV, {"id": "1", "name": {"given": MARK}}, "name is not a single value"),
        (Csv(columns=["id"], encoding="cp1252"), {"id": "1", "name": f"{MARK} И"}, "cp1252 cannot hold"),
        (XML, {"id": "1"}, "read and not written"),
    ],
)
def test_what_a_form_cannot_hold_is_refused(form: Format, row: dict[str, object], named: str) -> None:
    with pytest.raises(RefusedError) as caught:
        form.dump([row], where=WHERE)
    assert named in str(caught.value)
    assert MARK not in str(caught.value)


@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_rows_or_an_error_of_ours(content: bytes) -> None:
    for form in (CSV, FIXED, Ndjson(), XML):
        try:
            found = form.parse(content, where=WHERE)
        except OnevoiceError:
            continue
        assert all(isinstance(row, dict) for row in found)
