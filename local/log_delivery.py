"""CloudWatch Logs' subscription filters: log events on their way to the Lambda that subscribed to them.

The event has AWS's shape (https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html).
Delivery is at least once: a batch is sent again, with the same event ids, until the destination has taken it.

Loaded by both emulators in their own virtual environments: standard library alone.
"""

import base64
import gzip
import json
import logging
import re
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

BATCH_EVENTS = 500
# AWS gathers log events for seconds; a laptop wants to see its metrics at once, yet not a call for each line.
GATHER_SECONDS = 0.25
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
HAS_MEMBER = re.compile(r"\{\s*\$\.(\w+)\s*=\s*\*\s*\}")
TERM = re.compile(r'"([^"]+)"|(\S+)')
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LogEvent:
    """One line: milliseconds since the epoch, the text, and the id that a second delivery is known by."""

    timestamp: int
    message: str
    id: str = field(default_factory=lambda: f"{time.time_ns():020d}{uuid.uuid4().int:039d}"[:56])


def matches(pattern: str | None, message: str) -> bool:
    """Whether the message has all terms of the filter pattern, bare or in double quotes.

    Of the patterns over JSON only `{ $.member = * }` is understood, "has the member"; other ones, and those
    over columns, let every message pass.
    """
    if pattern and (has := HAS_MEMBER.fullmatch(pattern.strip())):
        return _has_member(message, has[1])
    if not pattern or pattern.lstrip()[:1] in {"{", "["}:
        return True
    return all((quoted or bare) in message for quoted, bare in TERM.findall(pattern))


def _has_member(message: str, name: str) -> bool:
    if not message.lstrip().startswith("{"):
        return False
    try:
        return name in json.loads(message)
    except ValueError:
        return False


def envelope(group: str, stream: str, subscription: str, events: Sequence[LogEvent]) -> dict[str, Any]:
    """What the subscribed function is invoked with."""
    message = {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [subscription],
        "logEvents": [
            {"id": event.id, "timestamp": event.timestamp, "message": event.message} for event in events
        ],
    }
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(message).encode())).decode()}}


class Delivery:
    """Queues of log events, one for each destination, and the threads that empty them.

    `invoke(function, event)` runs the destination and gives what went wrong, or None.
    """

    def __init__(self, invoke: Callable[[str, dict[str, Any]], str | None]) -> None:
        self._invoke = invoke
        self._queues: dict[str, _Queue] = {}
        self._guard = threading.Lock()
        self._started = False

    def start(self) -> None:
        """Begin to deliver; what was added before is delivered too."""
        with self._guard:
            self._started = True
            for waiting in self._queues.values():
                waiting.start()

    def add(
        self, function: str, subscription: str, group: str, stream: str, events: Sequence[LogEvent]
    ) -> None:
        """Take events for delivery; returns at once."""
        if not events:
            return
        with self._guard:
            waiting = self._queues.get(function)
            if waiting is None:
                waiting = self._queues[function] = _Queue(function, self._invoke)
                if self._started:
                    waiting.start()
        waiting.put(subscription, group, stream, events)


class _Queue:
    """What waits for one destination. One thread delivers it, so that the destination runs once at a time."""

    def __init__(self, function: str, invoke: Callable[[str, dict[str, Any]], str | None]) -> None:
        self._function = function
        self._invoke = invoke
        self._guard = threading.Lock()
        self._filled = threading.Event()
        # Batches are by log group; of its streams a batch names the one that its first event came from.
        self._waiting: dict[tuple[str, str], list[tuple[str, LogEvent]]] = {}

    def put(self, subscription: str, group: str, stream: str, events: Sequence[LogEvent]) -> None:
        with self._guard:
            waiting = self._waiting.setdefault((subscription, group), [])
            waiting.extend((stream, event) for event in events)
        self._filled.set()

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"logs-to-{self._function}", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._filled.wait()
            time.sleep(GATHER_SECONDS)
            self._filled.clear()
            for batch in self._batches():
                self._deliver(batch)

    def _batches(self) -> list[dict[str, Any]]:
        """All that waits now. What comes while it is delivered is gathered for the next time."""
        with self._guard:
            waiting, self._waiting = self._waiting, {}
        return [
            envelope(
                group,
                events[start][0],
                subscription,
                [event for _, event in events[start : start + BATCH_EVENTS]],
            )
            for (subscription, group), events in waiting.items()
            for start in range(0, len(events), BATCH_EVENTS)
        ]

    def _deliver(self, batch: dict[str, Any]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while problem := self._invoke(self._function, batch):
            logger.warning("log events for %s wait %.1f s: %s", self._function, pause, problem)
            time.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
