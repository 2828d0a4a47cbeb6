"""From effects to rows: what a later effect says of a row stands instead of what an earlier one said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from workflow import outcomes
from workflow.arming import first, following
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.graph import Definition
from workflow.engine.model import Process, StartEvent, TimerEvent
from workflow.engine.state import Scope, State
from workflow.moving import customer_of
from workflow.outcomes import Outcome
from workflow.storing import Changes

AT = datetime(2026, 1, 5, 8, tzinfo=UTC)
WORK: Any = SimpleNamespace(now=AT)


def read(*effects: out.AnyEffect, trigger: on.AnyTrigger | None = None) -> Changes:
    outcome = Outcome()
    if trigger is not None:
        outcomes.close(outcome, trigger, None)
    outcomes.read(outcome, list(effects), uuid4(), 7)
    return outcome.changes


def test_a_task_that_is_made_and_called_off_at_once_is_no_row() -> None:
    changes = read(out.CreateTask("1", "ask", "Ask", assignee=""), out.CancelTask("1"))
    assert changes.parts() == ()


def test_a_timer_that_has_fired_is_gone_unless_it_is_set_again() -> None:
    fired = on.TimerFired(at=AT, timer="3")
    assert read(trigger=fired).timers_gone == {"3"}
    again = read(out.SetTimer("3", "wait", AT), trigger=fired)
    assert not again.timers_gone
    assert again.timers["3"]["due_at"] == AT


def test_a_job_that_failed_is_open_again_if_it_is_retried() -> None:
    failed = on.JobFailed(at=AT, job="2", message="no")
    assert read(trigger=failed).ended_jobs["2"]["status"] == "failed"
    retried = read(out.CreateJob("2", "work", "print", AT, 2), trigger=failed)
    assert not retried.ended_jobs
    assert retried.jobs["2"]["attempt"] == 2


def test_an_incident_that_is_raised_and_resolved_at_once_is_no_row() -> None:
    changes = read(out.RaiseIncident("5", "work", "job_failed", "no"), out.ResolveIncident("5"))
    assert changes.parts() == ()
    assert read(out.ResolveIncident("5")).resolved == {"5"}


def test_transitions_are_numbered_on_from_those_there_are() -> None:
    changes = read(out.Transition("entered", "a", "1", "0"), out.Transition("completed", "a", "1", "0"))
    assert [row["sequence"] for row in changes.transitions] == [8, 9]


def test_a_repeating_start_is_due_as_often_as_it_says() -> None:
    rows = [SimpleNamespace(cycle="R3/PT1H", armed_at=AT, fired=fired) for fired in range(3)]
    due = [following(WORK, row, "") for row in rows]
    assert [moment and moment.hour for moment in due] == [10, 11, None]
    assert following(WORK, SimpleNamespace(cycle="", fired=0), "") is None


@pytest.mark.parametrize(
    ("cycle", "due", "missed"),
    [
        ("R/PT1H", AT + timedelta(hours=1), 0),
        ("R/2026-01-05T08:00:00Z/P1D", AT, 0),
        ("R/2020-01-01T09:00:00Z/P1D", AT + timedelta(hours=1), 2196),
        ("R/2020-01-01T09:00:00Z/PT1S", AT, 189_730_800),
        ("R2/2020-01-01T09:00:00Z/P1D", datetime(2020, 1, 2, 9, tzinfo=UTC), 1),
    ],
)
def test_a_start_by_cycle_does_not_make_up_for_what_lies_before_it_was_published(cycle, due, missed) -> None:
    process = Definition(Process("p", elements=[StartEvent("s")]))
    assert first(WORK, process, TimerEvent(cycle=cycle)) == (due, missed)


CUSTOMER = "0190a0b0-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    ("variables", "business_key", "wanted"),
    [
        ({"customer_id": CUSTOMER}, "", UUID(CUSTOMER)),
        ({}, CUSTOMER, UUID(CUSTOMER)),
        ({}, f"customer:{CUSTOMER}", UUID(CUSTOMER)),
        ({"customer_id": "C-1"}, "PO-7", None),
        ({"customer_id": 7}, "", None),
    ],
)
def test_a_process_is_about_the_customer_that_its_variable_or_business_key_names(
    variables: dict[str, object], business_key: str, wanted: UUID | None
) -> None:
    state = State("p", "d", AT, business_key, scopes={"0": Scope("0", variables=variables)})
    assert customer_of(state) == wanted
