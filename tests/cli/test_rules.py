"""`rules` and `decide`: problems named by file and key, tests that fail, a decision with a reason for every offer."""

from __future__ import annotations

from tests.cli.project import Project


def test_rules_that_come_with_the_hub_are_sound_and_tested(project: Project) -> None:
    assert "sound" in project.run("rules", "lint")
    assert "hold" in project.run("rules", "test")
    assert "buying_power" in project.run("rules", "attributes")


def test_lint_names_every_problem_and_check_refuses_the_rules(project: Project) -> None:
    offers = project.folder / "rules" / "offers.yaml"
    text = offers.read_text(encoding="utf-8")
    offers.write_text(text.replace('tier == "high"', 'tier == "golden"').replace("orders > 0", "order > 0"))

    said = project.run("rules", "lint", code=78)

    assert "offers.yaml: personal_adviser.eligible" in said
    assert "tier is never 'golden'" in said
    assert "offers.yaml: care_plan.eligible" in said
    assert "✗ rules" in project.run("check", code=78)


def test_failing_test_of_the_rules_says_what_came_out(project: Project) -> None:
    offers = project.folder / "rules" / "offers.yaml"
    text = offers.read_text(encoding="utf-8")
    offers.write_text(text.replace("value: 60", "value: 1"), encoding="utf-8")

    said = project.run("rules", "test", code=78)

    assert "best_customers_get_an_adviser_first: gave free_delivery, personal_adviser" in said
    assert "✗ rules" in project.run("check", code=78)


def test_draft_goes_live_by_command_alone_and_comes_back_by_one(project: Project) -> None:
    offers = project.folder / "rules" / "offers.yaml"
    text = offers.read_text(encoding="utf-8")
    first = project.json("rules", "versions")
    offers.write_text(text.replace("value: 40", "value: 41"), encoding="utf-8")

    unreleased = project.json("rules", "versions")
    project.run("rules", "shadow", "--actor", "anna")
    said = project.run("rules", "live", "--actor", "anna", "--reason", "worth more")
    released = project.json("rules", "versions")
    project.run("rules", "rollback", "--actor", "ben")
    back = project.json("rules", "versions")

    assert first["live"] == first["draft"] == unreleased["live"] != unreleased["draft"]
    assert unreleased["draft"] in said
    assert (released["live"], released["shadow"]) == (unreleased["draft"], unreleased["draft"])
    assert [(one["role"], one["actor"], one["reason"]) for one in released["releases"]] == [
        ("live", "anna", "worth more"), ("shadow", "anna", None), ("live", "the first start", None)
    ]  # fmt: skip
    assert (back["live"], back["releases"][0]["actor"]) == (first["live"], "ben")
    assert "already" in project.run("rules", "live", first["live"], code=1)
    assert "nothing was live before" in project.run("rules", "rollback", code=1)
    assert "0 of 0" in project.run("rules", "diff")
    project.run("rules", "shadow", "--end")
    assert project.json("rules", "versions")["shadow"] is None


def test_draft_that_does_not_lint_or_fails_its_tests_never_goes_live(project: Project) -> None:
    offers = project.folder / "rules" / "offers.yaml"
    text = offers.read_text(encoding="utf-8")
    live = project.json("rules", "versions")["live"]

    for broken, told in (("value: 1", "nothing went live"), ("value: orders >", "personal_adviser.value")):
        offers.write_text(text.replace("value: 60", broken), encoding="utf-8")
        assert told in project.run("rules", "live", code=78)
        assert project.json("rules", "versions")["live"] == live
    assert project.json("rules", "versions")["draft"] is None
    assert "personal_adviser.value" in project.run("rules", "shadow", code=78)
