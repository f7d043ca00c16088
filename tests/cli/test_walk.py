"""The commands over one small walk: taken in, grouped, delivered, shown, judged, mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from onevoice.store import open_store
from onevoice.store.tables import customer, source_record, system_state
from tests.cli.project import ANN, Project, person, settle

ANN_ID = "email:ann.lee@example.com"


@pytest.fixture
def walked(project: Project) -> Project:
    """Ann is in both systems; the one that pushes knows that she wants no mail."""
    project.fill_register(person("r1", **ANN), person("r2", given="Bob", family="Ray", born="1971-05-06"))
    pushed = [person("p1", **ANN, no_mail=True), person("p2", given="Cid", family="Moe", born="1999-09-09")]
    project.run("sync", "register")
    project.run("ingest", str(project.write_people(pushed)), "--system", "ledger", "--stream", "people")
    settle(project)
    return project


def personal(text: str) -> bool:
    return any(word in text for word in ("Ann", "Lee", "ann.lee", "2079460001", "1980-02-01"))


def test_the_opt_out_reached_the_other_system(walked: Project) -> None:
    assert json.loads(walked.register.read_text(encoding="utf-8"))["r1"]["no_mail"] is True


def test_decision_is_tried_with_a_reason_for_every_offer(walked: Project) -> None:
    tried = json.loads(walked.run("decide", "try", ANN_ID, "--channel", "web", "--json"))

    assert [one["offer"] for one in tried["chosen"]] == ["first_order"]
    assert {name: reason for name, reason, _ in tried["rejected"]} == {
        "satisfaction": "other_kind",
        "personal_adviser": "not_eligible",
        "free_delivery": "not_eligible",
        "welcome_back": "not_eligible",
        "care_plan": "not_eligible",
    }
    assert "kind is one of" in walked.run("decide", "try", ANN_ID, "--kind", "gift", code=1)
    assert not personal(walked.run("decide", "try", ANN_ID))
    assert "help_pages" in walked.run("decide", "try", ANN_ID, "--kind", "route", "--need", "password")


def test_a_list_is_decided_at_once_and_says_who_was_not(walked: Project) -> None:
    names, given = walked.folder / "names.txt", walked.folder / "given.csv"
    names.write_text(f"{ANN_ID}\nnonsense\n\n")
    for more in ((), ("--draft",)):
        assert "1 decided, 1 not" in walked.run(
            "decide", "list", str(names), "--channel", "web", *more, "--to", str(given)
        )
        header, ann, nonsense = given.read_text().splitlines()
        assert header == "reference,given,score,not_decided"
        assert ann.startswith(f"{ANN_ID},first_order,")
        assert nonsense.startswith('nonsense,,,"customer reference not understood')


def test_sync_and_reconcile_tell_counts(walked: Project) -> None:
    assert "register people: 2 read" in walked.run("sync", "register", "people")
    walked.fill_register(person("r1", **ANN))
    said = walked.run("reconcile", "register")
    assert "1 gone" in said
    assert not personal(said)


def test_many_vanished_records_need_a_person(project: Project) -> None:
    project.fill_register(*(person(f"r{n}", given="Ann", family=f"Lee{n}") for n in range(30)))
    project.run("sync", "register")
    settle(project)
    project.fill_register(person("r0", given="Ann", family="Lee0"))
    assert "--approve-deletes" in project.run("reconcile", "register", code=1)
    assert "29 gone" in project.run("reconcile", "register", "--approve-deletes")


def test_sync_names_what_it_does_not_know(project: Project) -> None:
    assert "ledger, register" in project.run("sync", "crm", code=78)
    assert "it has people" in project.run("sync", "register", "orders", code=78)
    assert "pushes by itself" in project.run("sync", "ledger", code=78)


def test_ingest_names_the_lines_that_are_no_records(project: Project) -> None:
    file = project.folder / "mixed.ndjson"
    good = json.dumps(person("p1", **ANN))
    file.write_text(f'{good}\n\nnot json\n[1]\n{{"given": "Ann"}}\n', encoding="utf-8")
    said = project.run("ingest", str(file), "--system", "ledger", "--stream", "people", code=65)
    assert "1 read, 1 new or changed" in said
    for number in (3, 4, 5):
        assert f"line {number}: " in said
    assert not personal(said)
    again = project.run("ingest", str(file), "--system", "ledger", "--stream", "people", code=65)
    assert "1 read, 0 new or changed" in again
    assert "no stream" in project.run("ingest", str(file), "--system", "ledger", "--stream", "x", code=78)
    assert "cannot be read" in project.run("ingest", "none", "--system", "ledger", "--stream", "people", code=78)


def test_status_tells_how_each_system_is(walked: Project) -> None:
    shown = walked.run("status", code=1)
    assert not personal(shown)
    found = walked.json("status", code=1)
    systems = {one["name"]: one for one in found["systems"]}
    assert (found["records"], found["customers"], found["working"]) == (4, 3, False)
    assert systems["register"]["state"] == "reachable"
    assert systems["ledger"]["state"] == "unknown"
    assert systems["register"]["streams"][0]["read_at"] is not None
    walked.register.rename(walked.folder / "away")
    walked.run("sync", "register", code=75)
    register = walked.json("status", code=1)["systems"][1]
    assert (register["state"], register["failures"]) == ("failing", 1)
    assert "the file is away" in walked.run("status", code=1)


def test_a_parked_system_is_resumed_by_a_person(walked: Project) -> None:
    walked.register.chmod(0o600)
    walked.run("sync", "register", code=77)
    assert "onevoice system resume register" in walked.run("status", code=1)
    walked.register.chmod(0o644)
    assert "in use again" in walked.run("system", "resume", "register")
    assert "was not parked" in walked.run("system", "resume", "register")
    assert "no system" in walked.run("system", "resume", "x", code=78)


def test_a_customer_is_shown_with_where_each_value_came_from(walked: Project) -> None:
    said = walked.run("customer", "show", ANN_ID)
    assert "ann.lee@example.com" in said
    assert "register:people:r1" in said
    assert "rec:ledger:people:p1" in said
    found = walked.json("customer", "show", "rec:ledger:people:p1")
    assert {one["ref"]["key"] for one in found["customer"]["records"]} == {"p1", "r1"}
    assert "nobody is known" in walked.run("customer", "show", "email:nobody@example.com", code=1)
    assert "not understood" in walked.run("customer", "show", "Ann", code=1)


def test_a_record_is_shown_with_what_the_hub_wrote_into_it(walked: Project) -> None:
    mark = walked.json("customer", "record", "rec:register:people:r1")["marks"]["no_mail"]
    assert (mark["sent"], mark["written"], mark["replaced"]) == (True, True, False)
    said = walked.run("customer", "record", "rec:register:people:r1")
    assert "ann.lee@example.com" in said
    (line,) = [line for line in said.splitlines() if line.startswith("no_mail ") and len(line.split()) == 5]
    assert line.split()[1:4] == ["True", "True", "False"]
    assert walked.json("customer", "record", "rec:ledger:people:p1")["marks"] == {}
    assert "'onevoice customer show'" in walked.run("customer", "record", ANN_ID, code=1)
    assert "the hub has none" in walked.run("customer", "record", "rec:ledger:people:nobody", code=1)


def test_explain_tells_why_and_why_not(walked: Project) -> None:
    why = walked.run("customer", "explain", ANN_ID)
    assert "the evidence links them" in why
    assert "the given names are equal" in why
    why_not = walked.run("customer", "explain", "rec:ledger:people:p2", "rec:register:people:r2")
    assert "not one customer" in why_not
    assert "never compared" in why_not
    assert walked.json("customer", "explain", ANN_ID)["links"][0]["together"] is True


def test_merge_and_unmerge_split_and_back(walked: Project) -> None:
    bob, cid = "rec:register:people:r2", "rec:ledger:people:p2"
    before = walked.json("customer", "show", cid)["customer"]
    said = walked.run("customer", "merge", bob, cid, "--reason", "one passport", "--actor", "ann")
    judgement = said.rpartition("unmerge ")[2].split()[0]
    assert len(walked.json("customer", "show", cid)["customer"]["records"]) == 2
    assert "ann" in walked.run("customer", "explain", cid)
    walked.run("customer", "unmerge", judgement)
    after = walked.json("customer", "show", cid)["customer"]
    assert (after["id"], after["golden"]) == (before["id"], before["golden"])
    assert "retracted before" in walked.run("customer", "unmerge", judgement, code=1)

    walked.run("customer", "split", ANN_ID, "--record", "rec:ledger:people:p1", "--reason", "mother and child")
    assert len(walked.json("customer", "show", "rec:ledger:people:p1")["customer"]["records"]) == 1
    assert "name one of" in walked.run("customer", "show", ANN_ID, code=1)
    assert "write rec:" in walked.run("customer", "split", ANN_ID, "--record", "p1", "--reason", "x", code=1)
    walked.run("rebuild", "--check")


def test_consent_is_shown_at_each_point_with_the_act_that_says_so(walked: Project) -> None:
    said = walked.run("consent", "show", ANN_ID)
    denied = [line for line in said.splitlines() if "email" in line and "marketing" in line]
    assert len(denied) == 1
    assert "denied" in denied[0]
    assert "rec:ledger:people:p1" in denied[0]
    assert any(one["now"]["permission"] == "denied" for one in walked.json("consent", "show", ANN_ID))


def test_what_fails_waits_in_quarantine_and_comes_back_after_the_fix(project: Project) -> None:
    schema = project.folder / "schemas" / "ledger" / "people.json"
    sound = schema.read_text(encoding="utf-8")
    strict = json.loads(sound)
    strict["properties"]["given"] = {"type": "integer"}
    schema.write_text(json.dumps(strict), encoding="utf-8")
    batch = [person("p1", **ANN), person("p2", **ANN)]
    project.run("ingest", str(project.write_people(batch)), "--system", "ledger", "--stream", "people")
    settle(project)
    (failure,) = project.json("quarantine", "list")
    assert (failure["count"], failure["step"]) == (2, "source schema")
    listed, shown = project.run("quarantine", "list"), project.run("quarantine", "show", failure["fingerprint"])
    assert failure["fingerprint"] in listed
    one = project.json("quarantine", "show", failure["fingerprint"])[0]["id"]
    detail = project.run("quarantine", "show", one)
    assert "/given" in detail
    assert not personal(listed + shown + detail)
    assert "--all" in project.run("quarantine", "reprocess", code=1)

    schema.write_text(sound, encoding="utf-8")
    assert "1 message(s)" in project.run("quarantine", "reprocess", one)
    assert "1 message(s)" in project.run("quarantine", "reprocess", failure["fingerprint"])
    settle(project)
    assert "Nothing waits" in project.run("quarantine", "list")
    assert project.json("status", code=1)["records"] == 2
    assert "nothing waits" in project.run("quarantine", "reprocess", "--all", code=1)


def test_a_refused_write_is_listed_and_sent_again_by_a_person(walked: Project) -> None:
    assert "Nothing is owed." in walked.run("obligation", "list")
    later = "2025-01-05T09:00:00.000000Z"
    changed = person("p1", **{**ANN, "email": "refused@example.com"}, no_mail=True, updated=later)
    walked.run("ingest", str(walked.write_people([changed])), "--system", "ledger", "--stream", "people")
    settle(walked)
    (owed,) = walked.json("obligation", "list", "register", "--state", "refused")
    assert (owed["target"], owed["lane"]) == ("r1", "record")
    shown = walked.run("obligation", "list")
    assert "not this one" in shown
    assert not personal(shown)
    assert "1 refused" in walked.run("status", code=1)
    assert "1 obligation(s)" in walked.run("obligation", "resend", "register")
    assert walked.json("obligation", "list", "register", "--state", "due")
    assert "0 obligation(s)" in walked.run("obligation", "resend", "register")
    assert "no system" in walked.run("obligation", "resend", "x", code=78)


def test_review_previews_decides_and_exports(walked: Project) -> None:
    bob, cid = "rec:register:people:r2", "rec:ledger:people:p2"
    assert "nothing to review" in walked.run("review", "list")
    assert walked.json("review", "preview", bob, cid)["values"]
    judgement = walked.run("review", "same", bob, cid, "--reason", "one passport").rpartition("unmerge ")[2].split()[0]
    assert len(walked.json("customer", "show", cid)["customer"]["records"]) == 2
    assert walked.run("review", "labels").startswith("record,other,same,evidence")
    walked.run("customer", "unmerge", judgement)
    walked.run("review", "different", bob, cid, "--reason", "two people")
    assert len(walked.json("customer", "show", cid)["customer"]["records"]) == 1


def test_pinned_value_is_shown_and_taken_back(walked: Project) -> None:
    cid = "rec:ledger:people:p2"
    before = walked.json("customer", "show", cid)["customer"]["golden"]
    said = walked.run("customer", "pin", cid, "name.family", "Pinned", "--reason", "passport", "--actor", "ann")
    assert walked.json("customer", "show", cid)["customer"]["golden"]["name"]["family"] == "Pinned"
    assert "pinned by ann" in walked.run("customer", "explain", cid)
    walked.run("customer", "unmerge", said.rpartition("unmerge ")[2].split()[0])
    assert walked.json("customer", "show", cid)["customer"]["golden"] == before


def test_rebuild_finds_what_does_not_follow_from_the_records(walked: Project) -> None:
    assert "4 records in 3 customers: no difference" in walked.run("rebuild", "--check")
    assert "--check" in walked.run("rebuild", code=1)
    assert "4 records in 3 customers: no difference" in walked.run("rebuild", "--oracle")
    bob, cid = (
        walked.json("customer", "show", ref)["customer"]["id"]
        for ref in ("rec:register:people:r2", "rec:ledger:people:p2")
    )
    store = open_store(f"sqlite:///{walked.database}")
    with store.transaction() as connection:
        alien = {"name": {"given": "Zed"}}
        connection.execute(update(customer).where(customer.c.id == UUID(bob)).values(golden=alien))
        connection.execute(
            update(source_record)
            .where(source_record.c.id == UUID(cid))
            .values(customer_id=UUID(bob), identity_hash="x")
        )
    store.close()
    found = walked.json("rebuild", "--check", code=1)["differences"]
    assert {one["kind"] for one in found} >= {"grouping", "golden"}
    shown = walked.run("rebuild", "--check", code=1)
    assert "rec:ledger:people:p2" in shown
    assert "Zed" not in shown


def test_mapping_diff_counts_what_another_mapping_would_change(walked: Project) -> None:
    standing = walked.folder / "mappings" / "register" / "people.yaml"
    draft = walked.folder / "people.yaml"
    text = standing.read_text(encoding="utf-8")
    assert "0 of 2 records" in walked.run("mapping", "diff", str(standing), str(standing), "--system", "register")
    draft.write_text(
        text.replace("  name.given: given\n", "").replace("name.family: family", "name.middle: family"),
        encoding="utf-8",
    )
    said = walked.run("mapping", "diff", str(standing), str(draft), "--system", "register")
    assert "2 of 2 records of register people would change" in said
    assert not personal(said)
    found = walked.json("mapping", "diff", str(standing), str(draft), "--system", "register")
    assert {path: (c["appears"], c["goes"]) for path, c in found["paths"].items()} == {
        "name.given": (0, 2),
        "name.family": (0, 2),
        "name.middle": (2, 0),
    }
    draft.write_text(text.replace("name.given: given", "name.given: {from: given, as: decimal}"), encoding="utf-8")
    refused = walked.json("mapping", "diff", str(standing), str(draft), "--system", "register")["refused"]
    assert [c["keys"] for c in refused.values()] == [["r1", "r2"]]
    assert "no system" in walked.run("mapping", "diff", str(standing), str(draft), "--system", "x", code=78)


def test_a_changed_mapping_is_applied_after_the_counts_and_a_question(walked: Project) -> None:
    standing = walked.folder / "mappings" / "register" / "people.yaml"
    standing.write_text(standing.read_text(encoding="utf-8").replace("  name.given: given\n", ""), encoding="utf-8")
    said = walked.run("mapping", "apply", "register", "people", stdin="n\n")
    assert "2 records of register people stand as another mapping or schema made them" in said
    assert "1 records changed" in walked.run("mapping", "apply", "register", "people", "--limit", "1", "--yes")
    assert "1 records changed" in walked.run("mapping", "apply", "register", "people", stdin="y\n")
    assert "0 records" in walked.run("mapping", "apply", "register", "people", "--yes")
    assert "no stream" in walked.run("mapping", "apply", "register", "poeple", code=78)
    assert "given" not in walked.run("customer", "show", "rec:register:people:r2")


def test_a_field_that_a_schema_does_not_name_is_told_and_the_patch_mends_it(walked: Project) -> None:
    assert "what their schemas say" in walked.run("drift", "list")
    pushed = [
        person("p2", given="Cid", family="Moe", born="1999-09-09", updated="2025-01-01T00:00:00.000000Z", vip="Ann")
    ]
    walked.run("ingest", str(walked.write_people(pushed)), "--system", "ledger", "--stream", "people")
    settle(walked)
    told = walked.run("drift", "list")
    assert all(word in told for word in ("ledger.people", "vip", "a new field: string", "p2"))
    assert not personal(told)
    assert "differ from their schemas in 1 way" in walked.run("status", code=1)
    [operation] = json.loads(walked.run("drift", "patch", "ledger", "people"))
    assert operation == {"op": "add", "path": "/properties/vip", "value": {"type": ["string", "null"]}}
    assert "people.json changed" in walked.run("drift", "patch", "ledger", "people", "--write")
    assert "what their schemas say" in walked.run("drift", "list")
    assert "`vip` is neither mapped nor ignored" in walked.run("mapping", "lint", "ledger", code=78)
    assert "no stream" in walked.run("drift", "patch", "ledger", "poeple", code=78)


def test_mapping_lint_test_and_try(project: Project) -> None:
    assert "100%" in project.run("mapping", "lint")
    assert "2 tests in 2 mapping files hold, and the round trips of 1 writable ones" in project.run("mapping", "test")
    record = person("r9", **ANN, no_mail=True)
    said = project.run("mapping", "try", "register", "people", "-", stdin=json.dumps(record))
    assert "emails[main].address" in said
    assert "12: emails[main].address: {from: email, as: email}" in said
    assert "withdrawn" in said
    assert "when email/marketing is denied" in said
    assert "only read" in project.run("mapping", "try", "ledger", "people")
    assert "1 mapping files are sound" in project.run("mapping", "lint", "register")
    assert "there are: ledger" in project.run("mapping", "test", "nobody", code=78)
    draft = project.run("mapping", "infer", "people", "-", stdin='{"id": 7, "email": "a@b.example", "x": 1}\n{"id": 8}')
    assert "emails[main].address: {from: email, as: email, invalid: drop}" in draft
    assert "# - x" in draft
    assert json.loads(
        project.run("mapping", "infer", "people", "-", "--schema", stdin='[{"id": 7}, {"id": 8, "y": null}]')
    )["required"] == ["id"]
    broken = project.run("mapping", "try", "register", "people", "-", stdin='{"id": 7, "updated": "Ann"}', code=65)
    assert "Ann" not in broken
    assert "it has people" in project.run("mapping", "try", "register", "x", code=78)

    mapping = project.folder / "mappings" / "register" / "people.yaml"
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("name.given: given", "name.given: gven"), encoding="utf-8")
    assert "people.yaml:9:" in project.run("mapping", "lint", code=78)
    mapping.write_text(text.replace("no_mail: true", "no_mail: false"), encoding="utf-8")
    assert "email/marketing" in project.run("mapping", "test", code=78)


def test_connectors_are_listed_checked_and_looked_into(project: Project) -> None:
    said = project.run("connector", "list")
    assert "people (poll, writable)" in said
    assert "the path of the JSON file" in said
    assert project.json("connector", "list")["ledger"]["title"] == "A system that only pushes"
    project.fill_register(person("r1", **ANN, nick="Annie"))
    found = project.run("connector", "discover", "register")
    assert not personal(found)
    lines = {line.split()[0]: line for line in found.splitlines() if line.split()}
    assert "mapped both ways" in lines["email"]
    assert "unknown" in lines["nick"]
    assert "key, version" in lines["updated"]
    assert "pushes by itself" in project.run("connector", "discover", "ledger", code=78)
    assert "no system" in project.run("connector", "check", "x", code=78)
    project.run("connector", "check", "ledger")


def test_a_database_that_is_away_is_one_line(project: Project, monkeypatch: Any, tmp_path: Path) -> None:
    text = project.config.read_text(encoding="utf-8")
    away = '[store]\nurl = "postgresql://x:hunter2@127.0.0.1:1/none"\n[bus]\nurl = "amqp://x:hunter2@127.0.0.1:1/"\n'
    project.config.write_text(away + text, encoding="utf-8")
    for command in (("status",), ("db", "upgrade"), ("customer", "show", ANN_ID), ("sync", "register")):
        said = project.run(*command, code=75)
        assert "hunter2" not in said
        assert len(said.splitlines()) == 1


def test_the_state_of_a_system_is_what_the_store_says(walked: Project) -> None:
    store = open_store(f"sqlite:///{walked.database}")
    with store.transaction() as connection:
        connection.execute(update(system_state).values(parked=True, reason="rights were taken away"))
    store.close()
    assert walked.json("status", code=1)["systems"][1]["state"] == "parked"
