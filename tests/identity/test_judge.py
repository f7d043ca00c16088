from onevoice.identity import JudgedPair, contradiction
from onevoice.messages import RecordRef


def ref(key: str) -> RecordRef:
    return RecordRef(system="crm", stream="Contact", key=key)


def said(verdict: str, a: str, b: str) -> JudgedPair[RecordRef]:
    return JudgedPair(verdict=verdict, a=ref(a), b=ref(b))


def keys(chain: tuple[RecordRef, ...] | None) -> str:
    assert chain is not None
    return "".join(found.key for found in chain)


def test_what_stands_alone_fits() -> None:
    assert contradiction([], said("same", "a", "b")) is None
    assert contradiction([said("same", "b", "c")], said("different", "a", "b")) is None


def test_different_against_a_chain_of_same_is_refused_with_the_chain() -> None:
    standing = [said("same", "a", "b"), said("same", "c", "b"), said("same", "c", "d")]
    assert keys(contradiction(standing, said("different", "a", "d"))) == "abcd"


def test_same_that_would_join_two_judged_different_is_refused_with_the_chain() -> None:
    standing = [said("same", "a", "b"), said("same", "c", "d"), said("different", "d", "a")]
    assert keys(contradiction(standing, said("same", "b", "c"))) == "abcd"


def test_a_new_word_on_the_same_pair_replaces_the_old_one() -> None:
    assert contradiction([said("same", "a", "b")], said("different", "b", "a")) is None


def test_a_replaced_word_is_no_part_of_a_chain_either() -> None:
    standing = [said("same", "a", "b"), said("same", "b", "c"), said("same", "a", "c")]
    assert keys(contradiction(standing, said("different", "a", "c"))) == "abc"


def test_the_shortest_chain_is_shown_whatever_the_order_of_the_judgements() -> None:
    standing = [said("same", "a", "b"), said("same", "b", "c"), said("same", "a", "x"), said("same", "x", "y")]
    standing += [said("same", "y", "c")]
    for order in (standing, standing[::-1]):
        assert keys(contradiction(order, said("different", "a", "c"))) == "abc"


def test_of_several_contradictions_the_shortest_chain_is_shown() -> None:
    standing = [
        said("same", "a", "b"),
        said("same", "c", "d"),
        said("different", "d", "a"),
        said("different", "b", "d"),
    ]
    for order in (standing, standing[::-1]):
        assert keys(contradiction(order, said("same", "b", "c"))) == "bcd"
