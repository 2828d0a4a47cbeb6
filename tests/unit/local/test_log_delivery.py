import base64
import gzip
import json
import threading
import time

import pytest

from local import log_delivery
from local.log_delivery import Delivery, LogEvent, envelope, matches


def opened(event):
    return json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))


@pytest.mark.parametrize(
    ("pattern", "message", "passes"),
    [
        ("", "anything", True),
        (None, "anything", True),
        ("ERROR", "an ERROR here", True),
        ("ERROR", "an error here", False),
        ('"two words"', "with two words", True),
        ('"two words"', "two other words", False),
        ("ERROR timeout", "timeout, then ERROR", True),
        ("ERROR timeout", "ERROR only", False),
        ("{ $.line = * }", '{"line": "1-a", "n": 1}', True),
        ("{ $.line = * }", '{"n": 1}', False),
        ("{ $.line = * }", "START RequestId: line", False),
        ("{ $.n > 3 }", '{"n": 1}', True),
    ],
)
def test_a_filter_pattern_lets_pass_what_has_all_its_terms(pattern, message, passes):
    assert matches(pattern, message) is passes


def test_the_event_is_the_one_of_cloudwatch_logs():
    events = [LogEvent(1_700_000_000_000, "hello", id="1"), LogEvent(1_700_000_000_001, "wörld", id="2")]
    assert opened(envelope("/aws/lambda/f", "stream", "lines", events)) == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": "/aws/lambda/f",
        "logStream": "stream",
        "subscriptionFilters": ["lines"],
        "logEvents": [
            {"id": "1", "timestamp": 1_700_000_000_000, "message": "hello"},
            {"id": "2", "timestamp": 1_700_000_000_001, "message": "wörld"},
        ],
    }


def test_event_ids_are_distinct_and_ordered():
    ids = [LogEvent(0, "same").id for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)


class Subscriber:
    def __init__(self, refusals=0):
        self.refusals = refusals
        self.batches = []
        self.arrived = threading.Condition()

    def __call__(self, function, event):
        with self.arrived:
            self.batches.append((function, opened(event)))
            self.arrived.notify()
            if len(self.batches) <= self.refusals:
                return "not now"
        return None

    def wait_for(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.batches) >= count, timeout=10)

    def messages(self):
        return [event["message"] for _, batch in self.batches for event in batch["logEvents"]]


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(log_delivery, "GATHER_SECONDS", 0.01)
    monkeypatch.setattr(log_delivery, "FIRST_PAUSE_SECONDS", 0.01)


def test_a_refused_batch_is_sent_again_with_the_same_ids():
    subscriber = Subscriber(refusals=2)
    delivery = Delivery(subscriber)
    delivery.start()
    delivery.add("f", "lines", "/g", "s", [LogEvent(0, "one"), LogEvent(0, "two")])
    subscriber.wait_for(3)
    assert subscriber.messages() == ["one", "two"] * 3
    assert len({event["id"] for _, batch in subscriber.batches for event in batch["logEvents"]}) == 2


def test_what_was_added_before_the_start_is_delivered():
    subscriber = Subscriber()
    delivery = Delivery(subscriber)
    delivery.add("f", "lines", "/g", "s", [LogEvent(0, "early")])
    delivery.start()
    subscriber.wait_for(1)
    assert subscriber.messages() == ["early"]


def test_lines_that_come_together_go_together_by_their_group():
    subscriber = Subscriber()
    delivery = Delivery(subscriber)
    for number in range(3):
        delivery.add("f", "lines", "/a", f"s{number}", [LogEvent(0, f"a{number}")])
        delivery.add("f", "lines", "/b", f"s{number}", [LogEvent(0, f"b{number}")])
    delivery.start()
    subscriber.wait_for(2)
    groups = {
        batch["logGroup"]: [e["message"] for e in batch["logEvents"]] for _, batch in subscriber.batches
    }
    assert groups == {"/a": ["a0", "a1", "a2"], "/b": ["b0", "b1", "b2"]}


def test_a_large_number_of_lines_is_delivered_in_batches_in_order():
    subscriber = Subscriber()
    delivery = Delivery(subscriber)
    delivery.add("f", "lines", "/g", "s", [LogEvent(0, str(n)) for n in range(1201)])
    delivery.start()
    subscriber.wait_for(3)
    assert [len(batch["logEvents"]) for _, batch in subscriber.batches] == [500, 500, 201]
    assert subscriber.messages() == [str(n) for n in range(1201)]


def test_a_subscriber_that_refuses_does_not_hold_up_another():
    patient, taken = Subscriber(), threading.Event()

    def invoke(function, event):
        if function == "broken":
            time.sleep(0.001)
            return None if taken.is_set() else "never"
        return patient(function, event)

    delivery = Delivery(invoke)
    delivery.start()
    delivery.add("broken", "lines", "/g", "s", [LogEvent(0, "x")])
    delivery.add("good", "lines", "/g", "s", [LogEvent(0, "y")])
    patient.wait_for(1)
    taken.set()
    assert patient.messages() == ["y"]
