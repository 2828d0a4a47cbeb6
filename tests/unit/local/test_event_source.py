import json
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import dead_letters
from local.event_source import ARN, EventSource, Lane, event, letter


@dataclass
class Record:
    offset: int
    topic: str = "orders"
    partition: int = 0
    timestamp: int = 1_700_000_000_000
    timestamp_type: int = 0
    key: bytes | None = b"k"
    value: bytes | None = b"v"
    headers: Sequence[tuple[str, bytes | None]] = ()


def source(**changes):
    return EventSource("f", ("orders",), **{"batch_size": 3, "window_seconds": 1.0, "attempts": 3} | changes)


def records(*offsets):
    return [Record(offset) for offset in offsets]


def offsets(batch):
    return [record.offset for record in batch]


def test_the_event_has_the_shape_of_an_msk_event():
    record = Record(7, partition=2, headers=[("ce_id", b"a\xff"), ("ce_type", b"t")])
    assert event([record], "127.0.0.1:9092") == {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": "127.0.0.1:9092",
        "records": {
            "orders-2": [
                {
                    "topic": "orders",
                    "partition": 2,
                    "offset": 7,
                    "timestamp": 1_700_000_000_000,
                    "timestampType": "CREATE_TIME",
                    "key": "aw==",
                    "value": "dg==",
                    "headers": [{"ce_id": [97, -1]}, {"ce_type": [116]}],
                }
            ]
        },
    }


def test_a_record_without_key_or_value_lacks_the_member():
    (shaped,) = event([Record(1, key=None, value=None)], "b")["records"]["orders-0"]
    assert not {"key", "value"} & shaped.keys()


def test_records_are_keyed_by_topic_and_partition_in_their_order():
    mixed = [Record(1), Record(5, partition=1), Record(2)]
    shaped = event(mixed, "b")["records"]
    assert {name: [r["offset"] for r in found] for name, found in shaped.items()} == {
        "orders-0": [1, 2],
        "orders-1": [5],
    }


def test_the_letter_of_a_batch_that_was_given_up_says_where_its_records_are():
    told = letter(
        source(attempts=4), [Record(3), Record(4, timestamp=1_700_000_001_500), Record(9, partition=1)], "b:1"
    )
    assert told["requestContext"]["functionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert told["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told["requestContext"]["approximateInvokeCount"] == 4
    batch = told["KafkaBatchInfo"]
    assert (batch["batchSize"], batch["payloadSize"], batch["bootstrapServers"]) == (3, 3, "b:1")
    assert batch["recordsInfo"] == {
        "orders-0": {
            "firstRecordOffset": "3",
            "lastRecordOffset": "4",
            "firstRecordTimestamp": "2023-11-14T22:13:20.000Z",
            "lastRecordTimestamp": "2023-11-14T22:13:21.500Z",
        },
        "orders-1": {
            "firstRecordOffset": "9",
            "lastRecordOffset": "9",
            "firstRecordTimestamp": "2023-11-14T22:13:20.000Z",
            "lastRecordTimestamp": "2023-11-14T22:13:20.000Z",
        },
    }


def test_the_platform_reads_the_letter():
    told = json.dumps(letter(source(), [Record(3)], "b:1")).encode()
    read = msgspec.json.decode(told, type=dead_letters.Letter)
    assert read.function == "f"
    assert read.batch is not None
    offsets = read.batch.records_info["orders-0"]
    assert (offsets.first, offsets.last) == (3, 3)


def test_a_mapping_is_read_from_its_json_object_and_an_unknown_member_is_refused():
    assert EventSource.read(
        {"function": "f", "topics": ["a"], "batch_size": 10, "window_seconds": 2}
    ) == EventSource("f", ("a",), batch_size=10, window_seconds=2)
    with pytest.raises(TypeError, match="batchsize"):
        EventSource.read({"function": "f", "topics": ["a"], "batchsize": 10})


def test_a_batch_is_gathered_for_its_window():
    lane = Lane(source())
    lane.add(records(0, 1), now=10.0)
    assert lane.batch(now=10.9) == []
    assert offsets(lane.batch(now=11.0)) == [0, 1]


def test_a_full_batch_does_not_wait_and_stops_the_fetching():
    lane = Lane(source())
    lane.add(records(0, 1, 2, 3), now=10.0)
    assert lane.full
    assert offsets(lane.batch(now=10.0)) == [0, 1, 2]


def test_success_gives_the_offset_after_the_batch_and_keeps_the_rest():
    lane = Lane(source())
    lane.add(records(4, 5, 9, 10), now=0.0)
    assert lane.succeeded(3, now=0.0) == 10
    assert not lane.full
    assert offsets(lane.batch(now=1.0)) == [10]


def test_a_failed_batch_is_delivered_again_after_growing_pauses():
    lane = Lane(source(attempts=10))
    lane.add(records(0, 1), now=0.0)
    now, waits = 1.0, []
    for _ in range(8):
        assert lane.failed(now) is False
        again = next(t for t in (now + step / 10 for step in range(1000)) if lane.batch(t))
        assert offsets(lane.batch(again)) == [0, 1]
        waits.append(round(again - now, 1))
        now = again
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


def test_nothing_is_fetched_while_a_batch_waits_for_its_next_attempt():
    lane = Lane(source())
    lane.add(records(0), now=0.0)
    lane.failed(now=1.0)
    assert lane.full


def test_the_last_attempt_is_told():
    lane = Lane(source(attempts=3))
    lane.add(records(0), now=0.0)
    assert [lane.failed(float(now)) for now in range(3)] == [False, False, True]


def test_a_stopped_lane_delivers_and_fetches_nothing():
    lane = Lane(source())
    lane.add(records(0, 1, 2), now=0.0)
    lane.stopped = True
    assert lane.full
    assert lane.batch(now=100.0) == []


@settings(max_examples=100)
@given(
    st.lists(st.integers(0, 7), max_size=12),
    st.lists(st.booleans(), max_size=60),
    st.integers(1, 5),
)
def test_every_record_is_delivered_once_and_in_order_however_often_batches_fail(fetches, luck, batch_size):
    lane = Lane(source(batch_size=batch_size, attempts=1000))
    partition = records(*range(sum(fetches)))
    fetched, fates, dealt_with, committed, now = 0, iter(luck), [], 0, 0.0
    while committed < len(partition):
        if fetches and not lane.full:
            count = fetches.pop(0)
            lane.add(partition[fetched : fetched + count], now)
            fetched += count
        now += 31.0  # longer than the longest pause
        if batch := lane.batch(now):
            if next(fates, True):
                dealt_with += offsets(batch)
                committed = lane.succeeded(len(batch), now)
            else:
                lane.failed(now)
    assert dealt_with == list(range(len(partition)))
