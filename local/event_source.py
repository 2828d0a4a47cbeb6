"""Lambda's Kafka event source mapping, without its I/O: the event's shape, batches, retries, order.

Source: https://docs.aws.amazon.com/lambda/latest/dg/with-msk.html. Records of a partition are delivered in
order and one batch at a time; a batch that fails is delivered again until it succeeds or is given up.
"""

import base64
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

ARN = "arn:aws:kafka:us-east-1:000000000000:cluster/local/00000000-0000-0000-0000-000000000000-1"


class Record(Protocol):
    """What is used of a kafka-python consumer record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True)
class EventSource:
    """One mapping: the function, the topics it takes, records in a batch, seconds that a batch is gathered.

    After `attempts` failures a batch is given up and told to the SQS queue named `on_failure`; without one
    its partition stops.
    """

    function: str
    topics: tuple[str, ...]
    batch_size: int = 100
    window_seconds: float = 1.0
    attempts: int = 5
    on_failure: str = ""

    @classmethod
    def read(cls, entry: Mapping[str, Any]) -> "EventSource":
        """A mapping from its JSON object; unknown members are an error."""
        return cls(**{**entry, "topics": tuple(entry["topics"])})


def event(records: Sequence[Record], bootstrap: str) -> dict[str, Any]:
    """The event that a batch is delivered in."""
    by_partition: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_partition.setdefault(f"{record.topic}-{record.partition}", []).append(_record(record))
    return {
        "eventSource": "aws:kafka",
        "eventSourceArn": ARN,
        "bootstrapServers": bootstrap,
        "records": by_partition,
    }


def letter(source: EventSource, records: Sequence[Record], bootstrap: str) -> dict[str, Any]:
    """What the queue is told of a batch that was given up: where its records are, not what they say.

    Source: https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html.
    """
    by_partition: dict[str, list[Record]] = {}
    for record in records:
        by_partition.setdefault(f"{record.topic}-{record.partition}", []).append(record)
    return {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": f"arn:aws:lambda:us-east-1:000000000000:function:{source.function}",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": source.attempts,
        },
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "timestamp": _moment(time.time() * 1000),
        "KafkaBatchInfo": {
            "batchSize": len(records),
            "eventSourceArn": ARN,
            "bootstrapServers": bootstrap,
            "payloadSize": sum(len(record.value or b"") for record in records),
            "recordsInfo": {
                name: {
                    "firstRecordOffset": str(batch[0].offset),
                    "lastRecordOffset": str(batch[-1].offset),
                    "firstRecordTimestamp": _moment(batch[0].timestamp),
                    "lastRecordTimestamp": _moment(batch[-1].timestamp),
                }
                for name, batch in by_partition.items()
            },
        },
    }


def _moment(milliseconds: float) -> str:
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(record: Record) -> dict[str, Any]:
    shaped = {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": record.timestamp,
        "timestampType": "LOG_APPEND_TIME" if record.timestamp_type == 1 else "CREATE_TIME",
        "key": _base64(record.key),
        "value": _base64(record.value),
        "headers": [{name: _signed(value or b"")} for name, value in record.headers],
    }
    # as on AWS, a record without a key or a value lacks the member
    return {name: value for name, value in shaped.items() if value is not None}


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _signed(value: bytes) -> list[int]:
    """Bytes as AWS writes them, Java's: from -128 to 127."""
    return [byte - 256 if byte > 127 else byte for byte in value]


@dataclass
class Lane:
    """One partition on its way to a function. Times are seconds of a monotonic clock."""

    source: EventSource
    waiting: list[Record] = field(default_factory=list)
    failures: int = 0
    stopped: bool = False
    _since: float = 0.0
    _not_before: float = 0.0

    def add(self, records: Sequence[Record], now: float) -> None:
        """Take records that were fetched."""
        if records and not self.waiting:
            self._since = now
        self.waiting.extend(records)

    @property
    def full(self) -> bool:
        """Whether nothing more should be fetched for now."""
        return self.stopped or self.failures > 0 or len(self.waiting) >= self.source.batch_size

    def batch(self, now: float) -> list[Record]:
        """The records to deliver now; none while the batch is gathered, or waits after a failure."""
        if self.stopped or not self.waiting or now < self._not_before:
            return []
        gathered = (
            len(self.waiting) >= self.source.batch_size or now - self._since >= self.source.window_seconds
        )
        return self.waiting[: self.source.batch_size] if gathered or self.failures else []

    def succeeded(self, count: int, now: float) -> int:
        """The first `count` records are dealt with; the offset to commit."""
        last = self.waiting[count - 1]
        del self.waiting[:count]
        self.failures = 0
        self._since = now
        return last.offset + 1

    def failed(self, now: float) -> bool:
        """The batch failed. True if that was its last attempt, else it waits twice as long as before."""
        self.failures += 1
        self._not_before = now + min(0.5 * 2 ** (self.failures - 1), 30.0)
        return self.failures >= self.source.attempts
