"""Two at once: one wins, the other is told why; nothing happens twice and nothing is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest

from common.clock import FixedClock
from tests.integration.platform import PASSWORD, Answer, Caller, Platform
from tests.integration.workflow.models import (
    END,
    START,
    flows,
    line,
    only_task,
    publish,
    service,
    start,
    task,
)
from workflow import inbox, jobs, processes, sweeping, tasks

ROUNDS = 8


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


@pytest.fixture(scope="module")
def colleague(platform: Platform, owner: Caller) -> Caller:
    """Another user of the tenant, who may do everything as well."""
    from auth import memberships, roles, users

    found = owner.call(roles.list_, query={"built_in": True}).ok()["items"]
    admin = next(role["id"] for role in found if role["name"] == "admin")
    email = "other@race.test"
    made = owner.call(users.create, {"email": email, "name": "Other", "password": PASSWORD}).ok(201)
    owner.call(memberships.assign, path={"id": made["id"], "role_id": admin})
    return Caller(platform, owner.slug, platform.sign_in(owner.slug, email), made["id"], owner.tenant)


def together(*calls: Callable[[], Any]) -> list[Any]:
    """Run calls at the same moment; what each gave."""
    gate = Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        gate.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def events_of(platform: Platform, stream: str) -> Counter[str]:
    rows = platform.rows("select type from workflow.event_store where stream = :stream", stream=stream)
    return Counter(row.type for row in rows)


def timed_task() -> dict[str, Any]:
    """A task that a timer interrupts after an hour."""
    boundary = {
        "type": "boundaryEvent",
        "id": "late",
        "attached_to": "ask",
        "events": [{"type": "timer", "duration": "PT1H"}],
    }
    late = {"type": "endEvent", "id": "too_late"}
    definition = line(task())
    definition["elements"] = [START, task(), boundary, late, END]
    definition["flows"] += flows("late too_late")
    return definition


def test_of_two_claims_one_wins_and_the_other_learns_who_has_it(
    platform: Platform, owner: Caller, colleague: Caller
) -> None:
    key = publish(owner, line(task()))
    for _ in range(ROUNDS):
        work = only_task(owner, start(owner, key))
        answers = together(
            partial(owner.call, tasks.claim, path={"id": work["id"]}),
            partial(colleague.call, tasks.claim, path={"id": work["id"]}),
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        winner = next(answer for answer in answers if answer.status == 200).json["assignee"]
        loser = next(answer for answer in answers if answer.status == 409)
        assert loser.problem(409, "task_taken")["assignee"] == winner
        assert events_of(platform, f"task:{work['id']}")["workflow.task.assigned"] == 2  # created, claimed


def test_of_two_completions_one_wins(platform: Platform, owner: Caller, colleague: Caller) -> None:
    key = publish(owner, line(task()))
    for _ in range(ROUNDS):
        process = start(owner, key)
        work = only_task(owner, process)
        answers = together(
            partial(owner.call, tasks.complete, {}, path={"id": work["id"]}),
            partial(colleague.call, tasks.complete, {}, path={"id": work["id"]}),
        )
        assert sorted(answer.status for answer in answers) == [200, 409]
        assert events_of(platform, f"task:{work['id']}")["workflow.task.completed"] == 1
        assert events_of(platform, f"process:{process['id']}")["workflow.process.completed"] == 1


def test_a_claim_against_a_completion_leaves_the_task_with_one(
    platform: Platform, owner: Caller, colleague: Caller
) -> None:
    key = publish(owner, line(task()))
    for _ in range(ROUNDS):
        work = only_task(owner, start(owner, key))
        completed, claimed = together(
            partial(owner.call, tasks.complete, {}, path={"id": work["id"]}),
            partial(colleague.call, tasks.claim, path={"id": work["id"]}),
        )
        assert sorted((completed.status, claimed.status)) == [200, 409]
        after = owner.call(inbox.read, path={"id": work["id"]}).ok()
        assert after["status"] == ("completed" if completed.status == 200 else "open")


def test_of_a_completion_and_a_cancellation_one_wins(platform: Platform, owner: Caller) -> None:
    key = publish(owner, line(task()))
    for _ in range(ROUNDS):
        process = start(owner, key)
        work = only_task(owner, process)
        completed, cancelled = together(
            partial(owner.call, tasks.complete, {}, path={"id": work["id"]}),
            partial(owner.call, processes.cancel, path={"id": process["id"]}),
        )
        assert sorted((completed.status, cancelled.status)) == [200, 409]
        told = events_of(platform, f"process:{process['id']}")
        assert told["workflow.process.completed"] + told["workflow.process.cancelled"] == 1
        ended = events_of(platform, f"task:{work['id']}")
        assert ended["workflow.task.completed"] == int(completed.status == 200)
        assert ended["workflow.task.cancelled"] == int(cancelled.status == 200)


def test_of_a_timer_and_a_completion_one_wins(platform: Platform, owner: Caller) -> None:
    key = publish(owner, timed_task())
    for _ in range(ROUNDS):
        process = start(owner, key)
        work = only_task(owner, process)
        platform.use("workflow")
        later = FixedClock(datetime.now(UTC) + timedelta(hours=2))
        completed, _ = together(
            partial(owner.call, tasks.complete, {}, path={"id": work["id"]}),
            partial(sweeping.round_, later),
        )
        assert completed.status in (200, 409)
        read = owner.call(processes.read, path={"id": process["id"]}).ok()
        history = owner.call(processes.history, path={"id": process["id"]}).ok()["items"]
        ends = [entry["node"] for entry in history if entry["node"] in ("end", "too_late")]
        assert read["status"] == "ended"
        assert ends == (["end"] if completed.status == 200 else ["too_late"])
        assert events_of(platform, f"process:{process['id']}")["workflow.process.completed"] == 1
    assert platform.rows("select 1 from workflow.timers where tenant_id = :t", t=owner.tenant) == []


def test_branches_that_are_completed_at_once_all_arrive_at_the_join(owner: Caller) -> None:
    branches = [task(f"t{n}") for n in range(6)]
    split, join = ({"type": "parallelGateway", "id": name} for name in ("split", "join"))
    definition = line(task())
    definition["elements"] = [START, split, *branches, join, END]
    between = [pair for branch in branches for pair in (f"split {branch['id']}", f"{branch['id']} join")]
    definition["flows"] = flows("start split", *between, "join end")
    process = start(owner, publish(owner, definition))
    found = owner.call(inbox.list_, query={"process_id": process["id"]}).ok()["items"]
    assert len(found) == 6

    def complete(identifier: str) -> Answer:
        return owner.call(tasks.complete, {"variables": {}}, path={"id": identifier})

    answers = together(*(partial(complete, one["id"]) for one in found))
    assert [answer.status for answer in answers] == [200] * 6
    assert owner.call(processes.read, path={"id": process["id"]}).ok()["outcome"] == "completed"


def test_workers_share_jobs_and_get_none_twice(owner: Caller) -> None:
    key = publish(owner, line(service(job="shared")))
    for _ in range(12):
        start(owner, key)

    def take() -> list[str]:
        leased = owner.call(jobs.lease, {"worker": "w", "types": ["shared"], "limit": 4}).ok()["items"]
        return [job["id"] for job in leased]

    taken = [job for some in together(*[take] * 4) for job in some]
    rest = take()
    assert len(taken) == len(set(taken))
    assert len(set(taken) | set(rest)) == 12
