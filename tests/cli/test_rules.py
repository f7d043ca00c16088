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
