"""Timers and service levels: each happens once, whatever becomes of the sweeper."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from common.background import Deadline
from common.clock import FixedClock
from common.work import Work
from tests.integration.platform import Platform
from tests.integration.workflow.models import END, START, flows, line, only_task, publish, start, task
from workflow import calendars, messages, moving, processes, sweeping, tasks


class Killed(BaseException):
    """The sweeper's process ends here and now."""


def sweep(platform: Platform, **later: float) -> int:
    platform.use("workflow")
    clock, fired = FixedClock(datetime.now(UTC) + timedelta(**later)), 0
    while some := sweeping.round_(clock):
        fired += some
    return fired


def waiting(duration: str) -> dict[str, Any]:
    return {
        "type": "intermediateCatchEvent",
        "id": "wait",
        "events": [{"type": "timer", "duration": duration}],
    }


def told(platform: Platform, process: str) -> Counter[str]:
    rows = platform.rows("select type from workflow.event_store where stream = :s", s=f"process:{process}")
    return Counter(row.type for row in rows)


def killed_at(step: int, clock: FixedClock, patch: pytest.MonkeyPatch) -> bool:
    """Kill a sweep at a statement, or at its commit if it has no more of them; whether it was the latter."""
    left = [step]

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def statement(work: Work, *given: Any) -> Any:
            if not left[0]:
                raise Killed("at a statement")
            left[0] -= 1
            return run(work, *given)

        return statement

    def commit(_work: Work) -> None:
        raise Killed("at the commit")

    for name in ("execute", "rows"):
        patch.setattr(Work, name, counted(getattr(Work, name)))
    patch.setattr(Work, "commit", commit)
    with pytest.raises(Killed) as killed:
        sweeping.round_(clock)
    return "commit" in str(killed.value)


def test_a_timer_fires_when_it_is_due_and_not_before(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    process = start(owner, publish(owner, line(waiting("PT1H"))))
    assert sweep(fresh_platform, minutes=59) == 0
    assert sweep(fresh_platform, minutes=61) == 1
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["status"] == "ended"
    assert sweep(fresh_platform, minutes=62) == 0


def test_a_sweeper_killed_anywhere_has_fired_nothing_and_the_next_fires_each_once(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = fresh_platform.register()
    key = publish(owner, line(waiting("PT1H")))
    started = [start(owner, key) for _ in range(3)]
    clock = FixedClock(datetime.now(UTC) + timedelta(hours=2))
    fresh_platform.use("workflow")
    step, reached_the_commit = 0, False
    while not reached_the_commit:
        with monkeypatch.context() as patch:
            reached_the_commit = killed_at(step, clock, patch)
        assert all(not told(fresh_platform, one["id"])["workflow.process.completed"] for one in started)
        step += 1
    assert step > 5
    assert sweep(fresh_platform, hours=2) == 3
    for one in started:
        assert told(fresh_platform, one["id"])["workflow.process.completed"] == 1
    assert sweep(fresh_platform, hours=3) == 0


SWEEPER = """
import sys
from datetime import datetime
from common.clock import FixedClock
from workflow import sweeping
clock = FixedClock(datetime.fromisoformat(sys.argv[1]))
sweeping.round_(clock, limit=1)
print("sweeping", flush=True)
while sweeping.round_(clock, limit=7):
    pass
"""


@contextmanager
def sweeper(platform: Platform, now: datetime) -> Iterator[subprocess.Popen[bytes]]:
    """A sweeper in a process of its own, that has fired a timer and goes on."""
    url = platform.settings["workflow"].database_url
    environment = os.environ | {
        "DATABASE_URL": url,
        "SERVICE": "workflow",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    command = [sys.executable, "-c", SWEEPER, now.isoformat()]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while (said := process.stdout.readline()) != b"sweeping\n":
            assert said, "the sweeper could not begin"
        yield process
        process.kill()


def test_sweepers_killed_by_the_system_at_any_moment_fire_each_timer_once(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    key = publish(owner, line(waiting("PT1H")))
    started = [start(owner, key)["id"] for _ in range(150)]
    now, moments = datetime.now(UTC) + timedelta(hours=2), random.Random(4)
    interrupted = 0
    for _ in range(6):
        with sweeper(fresh_platform, now) as process:
            time.sleep(moments.uniform(0, 0.05))
            interrupted += process.poll() is None
            process.send_signal(signal.SIGKILL)
            process.wait()
        settled(fresh_platform, started)
    assert interrupted > 1
    sweep(fresh_platform, hours=2)
    assert settled(fresh_platform, started) == len(started)


def settled(platform: Platform, started: list[str]) -> int:
    """How many of the processes have ended: each with one event and no timer, the others with their timer."""
    ended = platform.rows("select id from workflow.processes where status = 'ended'")
    assert platform.rows("select 1 from workflow.timers") == [(1,)] * (len(started) - len(ended))
    told_of = platform.rows(
        "select stream from workflow.event_store where type = 'workflow.process.completed' order by stream"
    )
    assert [row.stream for row in told_of] == sorted(f"process:{row.id}" for row in ended)
    return len(ended)


def test_a_service_level_warns_and_is_breached_once_and_hands_the_task_on(
    fresh_platform: Platform,
) -> None:
    owner = fresh_platform.register()
    level = {"target": "PT8H", "warning": "PT4H", "reassign_to": ["head"]}
    process = start(owner, publish(owner, line(task(sla=level, candidate_roles=["clerk"]))))
    assert sweep(fresh_platform, hours=5) == 1
    assert sweep(fresh_platform, hours=5) == 0
    assert sweep(fresh_platform, hours=9) == 1
    assert sweep(fresh_platform, hours=20) == 0
    counts = told(fresh_platform, process["id"])
    assert (counts["workflow.sla.warned"], counts["workflow.sla.breached"]) == (1, 1)
    work = only_task(owner, process)
    assert work["candidate_roles"] == ["head"]


def test_a_completed_task_breaches_no_service_level(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    process = start(owner, publish(owner, line(task(sla={"target": "PT1H"}))))
    work = only_task(owner, process)
    owner.call(tasks.complete, {}, path={"id": work["id"]}).ok()
    assert sweep(fresh_platform, hours=2) == 0
    assert not told(fresh_platform, process["id"])["workflow.sla.breached"]


def test_working_time_counts_by_the_tenants_calendar(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    week = {day: [["00:00", "24:00"]] for day in ("saturday", "sunday")}
    office: dict[str, Any] = {
        "name": "weekend",
        "calendar": {"time_zone": "Europe/Berlin", "week": week},
    }
    owner.call(calendars.create, office).ok(201)
    owner.call(calendars.create, office).problem(409)
    timer = {"type": "timer", "duration": "PT1H", "calendar": "weekend"}
    catch = {"type": "intermediateCatchEvent", "id": "wait", "events": [timer]}
    start(owner, publish(owner, line(catch)))
    [row] = fresh_platform.rows("select due_at from workflow.timers")
    assert row.due_at.strftime("%A") in ("Saturday", "Sunday", "Monday")
    read = owner.call(calendars.read, path={"name": "weekend"})
    bad = office["calendar"] | {"time_zone": "Mars/Base"}
    headers = {"If-Match": read.etag}
    path = {"name": "weekend"}
    owner.call(calendars.replace, bad, path=path, headers=headers).problem(422)
    owner.call(calendars.replace, office["calendar"], path=path, headers=headers).ok()
    owner.call(calendars.replace, office["calendar"], path=path, headers=headers).problem(412)


def test_a_definition_that_starts_by_the_clock_does_so_as_often_as_it_says(
    fresh_platform: Platform,
) -> None:
    owner = fresh_platform.register()
    timer = {"type": "timer", "cycle": "R2/PT1H"}
    definition = line(task())
    definition["elements"] = [{**START, "events": [timer]}, task(), END]
    definition["flows"] = flows("start ask", "ask end")
    key = publish(owner, definition)
    assert sweep(fresh_platform, minutes=61) == 1
    assert sweep(fresh_platform, hours=9) == 1
    assert len(owner.call(processes.list_, query={"key": key}).ok()["items"]) == 2


def test_a_start_by_the_clock_counts_in_its_calendar_and_misses_what_is_past(
    fresh_platform: Platform,
) -> None:
    owner = fresh_platform.register()
    week = {"monday": [["00:00", "24:00"]]}
    calendar = {"name": "mondays", "calendar": {"time_zone": "UTC", "week": week}}
    owner.call(calendars.create, calendar).ok(201)
    cycles: list[dict[str, str]] = [
        {"cycle": "R/PT24H", "calendar": "mondays"},
        {"cycle": "R/2020-01-01T00:00:00Z/P1D"},
    ]
    for timer in cycles:
        definition = line(task())
        definition["elements"] = [{**START, "events": [{"type": "timer"} | timer]}, task(), END]
        definition["flows"] = flows("start ask", "ask end")
        publish(owner, definition)
    assert sweep(fresh_platform, seconds=1) == 0
    assert sweep(fresh_platform, days=1) == 1
    assert sweep(fresh_platform, days=14) >= 2
    [row] = fresh_platform.rows("select fired from workflow.starts where cycle = 'R/PT24H'")
    assert row.fired in (1, 2), "a fortnight has two Mondays"


def test_a_sweep_that_collides_with_another_transaction_is_done_again(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = fresh_platform.register()
    process = start(owner, publish(owner, line(waiting("PT1H"))))
    fresh_platform.use("workflow")
    clock, commit, collisions = FixedClock(datetime.now(UTC) + timedelta(hours=2)), Work.commit, [1]

    def collide(work: Work) -> None:
        if collisions:
            collisions.pop()
            work.connection.exec_driver_sql("do $$ begin raise deadlock_detected; end $$")
        commit(work)

    monkeypatch.setattr(Work, "commit", collide)
    monkeypatch.setattr(sweeping, "forget", lambda _clock: None)
    monkeypatch.setattr(sweeping, "SPAN", 2.0)
    assert sweeping.sweep.function(Deadline(time.monotonic() + 60), clock) == {"fired": 1}
    assert told(fresh_platform, process["id"])["workflow.process.completed"] == 1


def test_two_sweepers_share_what_is_due(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    key = publish(owner, line(waiting("PT1H")))
    started = [start(owner, key) for _ in range(20)]
    fresh_platform.use("workflow")
    clock = FixedClock(datetime.now(UTC) + timedelta(hours=2))
    with ThreadPoolExecutor(2) as pool:
        fired = list(pool.map(lambda _: sweeping.round_(clock, limit=5), range(8)))
    assert sum(fired) + sweep(fresh_platform, hours=2) == 20
    for one in started:
        assert told(fresh_platform, one["id"])["workflow.process.completed"] == 1


def test_a_signal_that_many_wait_for_reaches_each_once_also_when_sweepers_are_killed(
    fresh_platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = fresh_platform.register()
    catch = {"type": "intermediateCatchEvent", "id": "wait", "events": [{"type": "signal", "name": "go"}]}
    key = publish(owner, line(catch, task()))
    waiting = [start(owner, key)["id"] for _ in range(23)]
    monkeypatch.setattr(moving, "TOLD_AT_ONCE", 5)
    go = {"name": "go", "kind": "signal", "variables": {"why": "time"}}
    assert owner.call(messages.send, go).ok()["receivers"] == 23
    late = start(owner, key)["id"]
    assert len(heard(fresh_platform)) == 5
    fresh_platform.use("workflow")
    clock = FixedClock(datetime.now(UTC))
    assert sweeping.round_(clock, limit=4) == 4
    with mock.patch.object(Work, "commit", side_effect=Killed), pytest.raises(Killed):
        sweeping.round_(clock, limit=4)
    assert len(heard(fresh_platform)) == 9
    while sweeping.round_(clock, limit=4):
        pass
    assert sorted(heard(fresh_platform)) == sorted(waiting)
    assert fresh_platform.rows("select 1 from workflow.broadcasts") == []
    assert owner.call(messages.send, go).ok()["receivers"] == 1
    assert late in heard(fresh_platform)


def heard(platform: Platform) -> list[str]:
    """The processes that have gone on to their task, one entry for each time they did."""
    return [str(row.process_id) for row in platform.rows("select process_id from workflow.tasks")]
