"""Marks of the hub's own writing: what is an echo, what overrules it, and that nobody's note is lost."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from onevoice.messages import Json, RecordRef
from onevoice.store import Store
from onevoice.workers.marks import (
    hold_marks,
    is_echo,
    judged,
    load_marks,
    open_marks,
    otherwise,
    proven,
    save_marks,
    sending,
)

REF = RecordRef(system="crm", stream="Contact", key="003A")
SENT = sending({}, "ours", replaced="own", base=("v2", 0))
WRITTEN = proven(SENT, "ours", written="OURS", version="v3")


def test_only_a_version_after_the_one_that_was_written_on_can_be_an_echo() -> None:
    assert is_echo(SENT, "ours", ("v3", 0))
    assert is_echo(SENT, "ours", ("v2", 1))
    assert not is_echo(SENT, "ours", ("v2", 0))
    assert not is_echo(SENT, "theirs", ("v3", 0))
    assert is_echo(WRITTEN, "OURS", ("v3", 0))
    assert not is_echo(WRITTEN, "OURS", ("v2", 5))
    assert not is_echo(WRITTEN, "ours", ("v4", 0))


def test_an_echo_that_comes_before_the_answer_proves_the_write() -> None:
    assert judged(SENT, "ours", ("v3", 0)) == {"sent": "ours", "written": "ours", "version": "v3", "replaced": "own"}


def test_the_systems_own_word_overrules_what_was_written_but_not_what_is_on_its_way() -> None:
    assert judged(WRITTEN, "theirs", ("v4", 0)) is None
    assert judged(WRITTEN, "theirs", ("v2", 0)) == WRITTEN
    learned = judged(SENT, "theirs", ("v3", 0))
    assert learned == SENT | {"replaced": "theirs"}
    assert is_echo(learned, "ours", ("v4", 0))
    assert judged(SENT, "own", ("v2", 0)) == SENT


def test_a_second_write_keeps_what_the_first_one_proved_until_it_is_proven_itself() -> None:
    second = sending(WRITTEN, "new", replaced="own", base=("v3", 0))
    assert is_echo(second, "OURS", ("v3", 0))
    assert is_echo(second, "new", ("v4", 0))
    assert proven(second, "new", written="new", version="v4") == {
        "sent": "new",
        "written": "new",
        "version": "v4",
        "replaced": "own",
    }


def test_a_prohibition_is_an_echo_only_once_the_hub_has_proven_that_it_set_it() -> None:
    asked = sending({}, True, replaced=False, base=("v2", 0), denies=[True])
    assert not is_echo(asked, True, ("v3", 0))
    learned = judged(asked, True, ("v3", 0))
    assert learned == asked | {"replaced": True}
    shown = proven(asked, True, written=True, version="v3")
    assert is_echo(shown, True, ("v3", 0))
    assert is_echo(shown, True, ("v9", 0))
    lifting = sending(shown, False, replaced=False, base=("v3", 0), denies=[True])
    assert is_echo(lifting, True, ("v3", 0))
    assert not is_echo(lifting, True, ("v4", 0))
    assert is_echo(lifting, False, ("v4", 0))


def test_another_value_is_the_systems_own_word_until_it_came_back_three_times() -> None:
    mark: Json | None = {}
    for times in (1, 2):
        mark = otherwise(
            sending(mark or {}, "ours", replaced="own", base=("v2", 0)), {}, "ours", given="cut", version="v"
        )
        assert mark == {"otherwise": {"sent": "ours", "given": "cut", "times": times}}
        assert not is_echo(mark, "cut", ("v3", 0))
        assert judged(mark, "cut", ("v3", 0)) == mark
    assert mark is not None
    assert judged(mark, "new", ("v3", 0)) is None
    changed = otherwise(sending(mark or {}, "ours", replaced="own", base=("v2", 0)), {}, "ours", given="x", version="v")
    assert changed == {"otherwise": {"sent": "ours", "given": "x", "times": 1}}
    third = otherwise(sending(mark or {}, "ours", replaced="own", base=("v2", 0)), {}, "ours", given="cut", version="v")
    assert third == {"sent": "ours", "written": "cut", "version": "v", "replaced": "own"}


def test_what_the_hub_wrote_the_time_before_stays_an_echo_and_a_prohibition_is_none() -> None:
    second = sending(WRITTEN, "new", replaced="own", base=("v3", 0))
    kept = otherwise(second, WRITTEN, "new", given="OURS", version="v4")
    assert kept is not None
    assert is_echo(kept, "OURS", ("v4", 0))
    shown = proven({}, True, written=True, version="v3")
    lifting = sending(shown, False, replaced=False, base=("v3", 0), denies=[True])
    assert otherwise(lifting, shown, False, given=True, version="v5") is None


def test_notes_made_at_the_same_time_are_all_kept(store: Store) -> None:
    rounds, now = 15, datetime.now(UTC)
    start = threading.Barrier(3)
    failed: list[Exception] = []

    def note(name: str) -> None:
        try:
            start.wait(10)
            for number in range(rounds):
                with store.transaction() as connection:
                    marks = open_marks(connection, {REF})
                    marks[REF][f"{name}{number}"] = SENT
                    save_marks(connection, marks, now)
        except Exception as error:  # noqa: BLE001 - looked at below
            failed.append(error)

    threads = [threading.Thread(target=note, args=(name,)) for name in ("record", "suppression", "ingest")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    with store.transaction() as connection:
        assert len(load_marks(connection, {REF})[REF]) == 3 * rounds


def test_ingest_holds_only_what_is_there(store: Store) -> None:
    with store.transaction() as connection:
        assert hold_marks(connection, {REF}) == {}
        assert load_marks(connection, {REF}) == {}
        assert open_marks(connection, {REF}) == {REF: {}}
