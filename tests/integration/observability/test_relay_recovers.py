"""A relay whose producer is beyond recovery goes on with another."""

from __future__ import annotations

import time
from typing import Any

import pytest
from kafka.errors import KafkaError

from common import relay
from common.background import Deadline
from common.operation import PLATFORM
from tests.integration.observability.batches import counted
from tests.integration.platform import Platform


class _Answer:
    """The future of one send."""

    def __init__(self, exception: Exception | None) -> None:
        self.exception = exception

    def succeeded(self) -> bool:
        return self.exception is None

    def failed(self) -> bool:
        return self.exception is not None


class _Producer:
    """A producer that works, or whose every send fails for good, as after a fatal answer of the broker."""

    def __init__(self, exception: Exception | None = None) -> None:
        self.exception = exception
        self.closed = False

    def send(self, *_: Any, **__: Any) -> _Answer:
        return _Answer(self.exception)

    def flush(self) -> None: ...

    def close(self, timeout: float) -> None:
        self.closed = True


def test_a_fatal_error_costs_a_pause_and_no_event(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh_platform.register()
    (waiting,) = fresh_platform.rows("select count(*) as n from platform.outbox")
    broken, sound = _Producer(KafkaError("no producer id")), _Producer()
    made = iter((broken, sound))
    relay._producer.cache_clear()
    monkeypatch.setattr("common.kafka_client.producer", lambda: next(made))
    monkeypatch.setattr(relay, "PAUSE", 0.05)
    fresh_platform.use(PLATFORM)
    try:
        result = relay.relay.function(Deadline(time.monotonic() + relay.MARGIN + 2))
    finally:
        relay._producer.cache_clear()
    assert broken.closed
    assert result == {"published": waiting.n}
    assert counted(fresh_platform, "relay_published_total", PLATFORM) == waiting.n
