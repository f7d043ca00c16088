import re

import pytest

from onevoice.bus import QUARANTINE_QUEUE, RECORDS_QUEUE, URGENT_QUEUE, Topology, work_queue
from onevoice.errors import ConfigurationError
from onevoice.messages import Lane

TOPOLOGY = Topology({"crm": ["Contact"], "call-centre": ["call", "do_not_call"]}, frozenset({"call-centre"}))


def test_every_queue_is_a_bounded_quorum_queue() -> None:
    for queue in TOPOLOGY.queues.values():
        assert queue.arguments["x-queue-type"] == "quorum"
        assert queue.arguments["x-overflow"] == "reject-publish"
        assert queue.arguments["x-max-length-bytes"] > 0
        assert queue.arguments["x-delivery-limit"] >= 1000


def test_each_system_has_a_queue_a_lane() -> None:
    work = {work_queue(system, lane) for system in TOPOLOGY.systems for lane in Lane}
    assert set(TOPOLOGY.queues) == work | {RECORDS_QUEUE, URGENT_QUEUE, QUARANTINE_QUEUE}
    assert "onevoice.work.call-centre.suppression" in work


def test_all_but_quarantine_have_quarantine_behind_them() -> None:
    behind = {name for name, queue in TOPOLOGY.queues.items() if "x-dead-letter-exchange" in queue.arguments}
    assert behind == set(TOPOLOGY.queues) - {QUARANTINE_QUEUE}
    assert {TOPOLOGY.queues[name].arguments["x-dead-letter-exchange"] for name in behind} == {"onevoice.unrouted"}
    assert TOPOLOGY.queues[QUARANTINE_QUEUE].bindings == (("onevoice.unrouted", ""),)


def test_only_configured_streams_are_bound() -> None:
    keys = ["crm.Contact", "call-centre.call", "call-centre.do_not_call"]
    assert TOPOLOGY.queues[RECORDS_QUEUE].bindings == tuple(("onevoice.in", key) for key in keys)
    assert TOPOLOGY.queues[URGENT_QUEUE].bindings == tuple(("onevoice.in.urgent", key) for key in keys)


def test_a_broker_user_may_publish_its_own_keys_and_nothing_else() -> None:
    (user,) = TOPOLOGY.broker_users()
    assert (user.name, user.configure, user.read) == ("call-centre", "", "")
    assert [name for name in ("onevoice.in", "onevoice.in.urgent") if re.search(user.write, name)] == list(user.topics)
    for name in ("", "amq.default", "onevoicexin", "onevoice.in.urgent2", "onevoice.work", "onevoice.unrouted"):
        assert not re.search(user.write, name)
    for pattern in user.topics.values():
        assert re.search(pattern, "call-centre.call")
        for key in ("crm.Contact", "call-centre2.call", "xcall-centre.call", "call-centre"):
            assert not re.search(pattern, key)


@pytest.mark.parametrize(
    ("systems", "amqp"),
    [
        pytest.param({"": ["a"]}, set(), id="no-name"),
        pytest.param({"crm.eu": ["a"]}, set(), id="dot"),
        pytest.param({"crm*": ["a"]}, set(), id="wildcard"),
        pytest.param({"onevoice": ["a"]}, set(), id="the-hub"),
        pytest.param({"crm": ["#"]}, set(), id="stream-wildcard"),
        pytest.param({"crm": ["receipt"]}, set(), id="reserved-stream"),
        pytest.param({"crm": ["a"]}, {"erp"}, id="amqp-system-unknown"),
    ],
)
def test_a_name_that_cannot_be_a_key_is_refused(systems: dict[str, list[str]], amqp: set[str]) -> None:
    with pytest.raises(ConfigurationError):
        Topology(systems, frozenset(amqp))
