"""`register` and `consent list`: a register in, a list asked for, errors by line and never by number."""

from __future__ import annotations

from tests.cli.project import Project


def test_a_register_is_imported_and_a_list_asked_for(project: Project) -> None:
    numbers, asked, out = (project.folder / name for name in ("tps.txt", "asked.txt", "out.csv"))
    numbers.write_text("07400 123456\n+447400999888\n")
    asked.write_text("phone:+447400123456\n\nphone:+447400555444\n")

    said = project.run("register", "import", str(numbers), "--register", "tps", "--as-of", "2026-11-01")
    listed = project.json("register", "list")
    project.run("consent", "list", str(asked), "--channel", "phone", "--purpose", "marketing", "--to", str(out))

    assert "2 entries" in said
    assert {one["register"]: one["entries"] for one in listed}["tps"] == 2
    rows = [line.split(",") for line in out.read_text().splitlines()]
    assert rows[0] == ["point", "may_contact", "because"]
    assert [(row[0], row[1]) for row in rows[1:]] == [("phone:+447400123456", "no"), ("phone:+447400555444", "no")]
    assert rows[1][2].startswith("prohibited")
    assert "prohibited" not in rows[2][2]


def test_a_broken_register_is_refused_whole(project: Project) -> None:
    numbers = project.folder / "tps.txt"
    numbers.write_text("+447400123456\nnonsense\n")

    said = project.run("register", "import", str(numbers), "--register", "tps", "--as-of", "2026-11-01", code=65)

    assert "line 2" in said
    assert "nonsense" not in said
    project.run("register", "import", "missing.txt", "--register", "tps", "--as-of", "2026-11-01", code=78)
