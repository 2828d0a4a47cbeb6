"""A counter is what was done: with everything at once, delivered twice, and killed in the middle."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from common import collector, database, relay
from common.operation import PLATFORM
from common.work import Work
from masterdata import customers
from tests.integration.observability.batches import batch, counted, environment
from tests.integration.platform import Caller, Platform, event_of

CONTAINER = Path(__file__).with_name("container.py")
CREATES = {"entity": "customer", "operation": "create"}


@pytest.fixture
def platform(fresh_platform: Platform) -> Platform:
    return fresh_platform


def line(**changes: Any) -> str:
    """A metric line of one creation."""
    emf = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Dimensions": [["entity", "operation", "service"], ["service"]],
                    "Metrics": [{"Name": "crud_operations_total", "Unit": "Count"}],
                }
            ],
        },
        **CREATES,
        "service": "masterdata",
        "line": str(uuid4()),
        "crud_operations_total": [1.0],
    }
    return json.dumps(emf | changes)


def creates(platform: Platform) -> float:
    return counted(platform, "crud_operations_total", **CREATES)


def test_batches_delivered_twice_and_at_once_count_once(platform: Platform) -> None:
    lines = [line() for _ in range(400)]
    batches = [batch(lines[n : n + 20]) for n in range(0, len(lines), 20)]
    deliveries = batches * 3
    random.Random(1).shuffle(deliveries)
    url = database.url_of(platform.settings[PLATFORM])
    engine = database.open_engine(url, size=8)

    def collect(event: dict[str, Any]) -> None:
        work = Work(engine, PLATFORM)
        try:
            collector.collect.function(event, work)
            work.commit()
        finally:
            work.rollback()

    platform.use(PLATFORM)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(collect, deliveries))
    engine.dispose()
    assert creates(platform) == len(lines)


class Container:
    """A container that is killed from outside, like Lambda's."""

    def __init__(self, platform: Platform, service: str, handler: str) -> None:
        self.lines: list[str] = []
        self.answers = 0
        self._process = subprocess.Popen(
            [sys.executable, CONTAINER, handler],
            env=environment(platform, service),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for written in self._process.stdout:
            self.lines.append(written)
            self.answers += written.startswith('{"answer"')

    def send(self, event: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(event) + "\n")
        self._process.stdin.flush()

    def answer(self) -> None:
        """Wait until it has answered once."""
        deadline = time.monotonic() + 60
        while not self.answers:
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def kill(self) -> None:
        self._process.kill()
        self.wait()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.wait()

    def wait(self) -> None:
        self._process.wait(timeout=60)
        self._reader.join()
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            self.lines.append("")  # what it did not take, it did not do
        assert self._process.stdout is not None
        self._process.stdout.close()


def test_a_collector_that_is_killed_in_the_middle_counts_all_and_nothing_twice(platform: Platform) -> None:
    chance = random.Random(2)
    lines = [line() for _ in range(600)]
    waiting = [batch(lines[n : n + 10]) for n in range(0, len(lines), 10)]
    deaths = 0
    while waiting:
        container = Container(platform, PLATFORM, "common.collector.collect")
        container.send(waiting[0])
        container.answer()
        for event in waiting[1:]:
            container.send(event)
        if deaths < 8:
            time.sleep(chance.uniform(0, 0.05))
            container.kill()
            deaths += 1
        else:
            container.end()
        # Whoever was killed has not said what it dealt with last: that is delivered again.
        del waiting[: container.answers]
    assert deaths > 0
    assert creates(platform) == len(lines)


def test_what_containers_did_before_they_were_killed_is_counted(platform: Platform) -> None:
    owner, chance = platform.register(), random.Random(3)
    lines: list[str] = []
    for _ in range(10):
        container = Container(platform, "masterdata", "masterdata.customers.create")
        container.send(request(owner))
        container.answer()
        for _ in range(200):
            container.send(request(owner))
        time.sleep(chance.uniform(0, 0.2))
        container.kill()
        lines += container.lines
    platform.invoke(collector.collect, batch(lines))
    (row,) = platform.rows("select count(*) as n from masterdata.customers")
    assert row.n > 20
    assert creates(platform) == row.n


def request(owner: Caller) -> dict[str, Any]:
    body = {"code": f"C-{uuid4().hex}", "name": "x"}
    return event_of(customers.create, body, headers={"Authorization": f"Bearer {owner.token}"})


@pytest.fixture
def transaction(platform: Platform) -> Iterator[Any]:
    """A transaction that is open, with its id."""
    with platform.admin.connect() as connection:
        connection.xid = connection.execute(text("select pg_current_xact_id()::text")).scalar_one()  # type: ignore[attr-defined]
        yield connection


def test_a_line_written_ahead_of_its_commit_counts_if_that_happens(
    platform: Platform, transaction: Any
) -> None:
    ahead = batch([line(transaction=transaction.xid)])
    threading.Timer(0.5, transaction.commit).start()
    assert platform.invoke(collector.collect, ahead) == {"lines": 1, "counted": 1}


def test_a_line_whose_transaction_was_undone_counts_nothing(platform: Platform, transaction: Any) -> None:
    ahead = batch([line(transaction=transaction.xid)])
    transaction.rollback()
    assert platform.invoke(collector.collect, ahead) == {"lines": 1, "counted": 0}
    assert creates(platform) == 0


def test_a_transaction_that_stays_open_is_asked_for_again(
    platform: Platform, transaction: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "PATIENCE", 0.2)
    ahead = batch([line(transaction=transaction.xid), line()])
    with pytest.raises(collector.StillOpenError):
        platform.invoke(collector.collect, ahead)
    assert creates(platform) == 0
    transaction.commit()
    assert platform.invoke(collector.collect, ahead) == {"lines": 2, "counted": 2}


@pytest.mark.parametrize("xid", ["18446744073709551615", "none", ""])
def test_a_transaction_that_this_database_does_not_know_counts_nothing(platform: Platform, xid: str) -> None:
    assert platform.invoke(collector.collect, batch([line(transaction=xid), line()]))["counted"] == 1


def test_a_line_that_comes_too_late_is_refused(platform: Platform, caplog: pytest.LogCaptureFixture) -> None:
    late = json.loads(line())
    late["_aws"]["Timestamp"] -= collector.MEMORY.total_seconds() * 1000
    assert platform.invoke(collector.collect, batch([json.dumps(late), line()]))["counted"] == 1
    assert [getattr(record, "code", "") for record in caplog.records] == ["GW021"]


class _Sent:
    """A broker that takes everything at once."""

    exception = None

    def succeeded(self) -> bool:
        return True

    def failed(self) -> bool:
        return False

    def send(self, *_: Any, **__: Any) -> _Sent:
        return self

    def flush(self) -> None: ...


def test_what_the_relay_publishes_is_counted_with_what_it_takes_out(platform: Platform) -> None:
    platform.register()
    (before,) = platform.rows("select count(*) as n from platform.outbox")
    platform.use(PLATFORM)
    engine = database.engine()
    with engine.connect() as connection:  # a relay that dies before it commits
        for shard in range(16):
            relay._publish(connection, _Sent(), shard)
        connection.rollback()
    assert counted(platform, "relay_published_total", PLATFORM) == 0
    with ThreadPoolExecutor(4) as threads:
        relays = [database.open_engine(database.url_of(platform.settings[PLATFORM])) for _ in range(4)]

        def drain(own: Any) -> None:
            while relay.drain(own, _Sent()):
                pass
            own.dispose()

        list(threads.map(drain, relays))
    (left,) = platform.rows("select count(*) as n from platform.outbox")
    assert left.n == 0
    assert counted(platform, "relay_published_total", PLATFORM) == before.n
