"""Timers and service levels: each happens once, whatever becomes of the sweeper."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from common.background import Deadline
from common.clock import FixedClock
from common.work import Work
from tests.integration.platform import Platform
from tests.integration.workflow.models import END, START, flows, line, only_task, publish, start, task
from workflow import calendars, processes, sweeping, tasks


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
    execute, left = Work.execute, [step]

    def statement(work: Work, *given: Any) -> Any:
        if not left[0]:
            raise Killed("at a statement")
        left[0] -= 1
        return execute(work, *given)

    def commit(_work: Work) -> None:
        raise Killed("at the commit")

    patch.setattr(Work, "execute", statement)
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
    assert step > 10
    assert sweep(fresh_platform, hours=2) == 3
    for one in started:
        assert told(fresh_platform, one["id"])["workflow.process.completed"] == 1
    assert sweep(fresh_platform, hours=3) == 0


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
