"""The purchase approval that ships: decided by rules, by people in time, or by a parallel review."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.workflow_engine.world import World
from workflow.engine import triggers as on
from workflow.engine.bpmn import read_bpmn
from workflow.engine.calendar import Calendar
from workflow.engine.definition_json import read_json, write_json
from workflow.engine.diagram import draw
from workflow.engine.expressions import Environment
from workflow.engine.model import Process
from workflow.engine.validate import validate

FILE = Path(__file__).parents[3] / "functions" / "workflow" / "definitions" / "purchase_approval.bpmn"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
OFFICE = Calendar("Europe/Zurich", {day: [("08:00", "12:00"), ("13:00", "17:00")] for day in WEEKDAYS})
REQUEST: dict[str, Any] = {
    "requester": "ann",
    "item": "Desk",
    "supplier": "Acme",
    "amount": 900.0,
    "currency": "CHF",
}


def model() -> Process:
    document = read_bpmn(FILE.read_bytes())
    assert document.faults == []
    return document.processes[0]


def begin(path: str) -> tuple[World, str]:
    """A request, and what the rules say of it."""
    world = World([model()], Environment(calendars={"office": OFFICE}))
    p = world.start("purchase_approval", REQUEST, business_key="PR-1")
    [asked] = world.decisions.values()
    assert (asked.rules, asked.facts) == (
        "purchase-approval",
        {"amount": 900.0, "currency": "CHF", "supplier": "Acme"},
    )
    world.send(p, on.DecisionCompleted(at=world.now, decision=asked.decision, outputs={"path": path}))
    return world, p


def do_job(world: World, p: str, variables: dict[str, Any] | None = None, error: str = "") -> str:
    [(_, job)] = world.jobs
    world.jobs.clear()
    trigger: on.AnyTrigger = on.JobCompleted(at=world.now, job=job.job, variables=variables or {})
    if error:
        trigger = on.JobFailed(at=world.now, job=job.job, message="refused", error=error)
    world.send(p, trigger)
    return job.job_type


def test_it_is_valid_complete_and_drawn_by_itself():
    process = model()
    assert validate(process) == []
    assert read_json(write_json(process)) == process
    assert process.diagram is not None
    assert {element.id for element in process.elements} <= set(process.diagram.shapes)
    assert "Purchase approval" in draw(process)


def test_a_small_purchase_is_ordered_without_anybody():
    world, p = begin("automatic")
    assert do_job(world, p, {"order_number": "4711"}) == "place-order"
    assert world.state(p).outcome == "completed"
    assert world.state(p).variables["order_number"] == "4711"
    assert world.went(p)[-1] == "ordered"


@pytest.mark.parametrize(
    ("approved", "job", "end"),
    [(True, "place-order", "ordered"), (False, "notify-requester", "request_rejected")],
)
def test_the_manager_decides(approved, job, end):
    world, p = begin("manager")
    [task] = world.tasks.values()
    assert (task.candidate_roles, task.priority) == (["manager"], 50)
    assert task.form["required"] == ["approved"]
    world.complete(p, "approve", {"approved": approved, "comment": "…"})
    assert do_job(world, p) == job
    assert world.went(p)[-1] == end
    assert world.timers == {}


def test_after_two_working_days_the_head_of_department_decides():
    """Monday 09:00 in Zurich: the warning is due on Tuesday at nine, the breach on Wednesday at nine."""
    world, p = begin("manager")
    world.pass_time(timedelta(days=1))
    assert [row.event for row in world.published][1:] == ["workflow.sla.warned"]
    world.pass_time(timedelta(days=1))
    assert [row.event for row in world.published][2:] == ["workflow.sla.breached"]
    [task] = world.tasks.values()
    assert (task.node, task.candidate_roles) == ("approve_in_place", ["head_of_department"])
    world.complete(p, "approve_in_place", {"approved": True})
    assert do_job(world, p) == "place-order"


@pytest.mark.parametrize(("legal", "finance"), [(True, True), (True, False), (False, True)])
def test_legal_and_finance_review_at_the_same_time_and_both_have_to_agree(legal, finance):
    world, p = begin("review")
    assert sorted(row.candidate_roles[0] for row in world.tasks.values()) == ["finance", "legal"]
    world.complete(p, "review_finance", {"approved": finance})
    assert world.at(p) == ["review_legal"]
    world.complete(p, "review_legal", {"approved": legal})
    assert do_job(world, p) == ("place-order" if legal and finance else "notify-requester")


def test_a_supplier_that_refuses_sends_the_request_back_to_the_requester():
    world, p = begin("automatic")
    do_job(world, p, error="ORDER_REFUSED")
    [task] = world.tasks.values()
    assert (task.node, task.assignee) == ("clarify", "ann")
    world.complete(p, "clarify", {"withdrawn": False, "supplier": "Bolt"})
    [asked] = world.decisions.values()
    assert asked.facts["supplier"] == "Bolt"
    world.send(p, on.DecisionCompleted(at=world.now, decision=asked.decision, outputs={"path": "automatic"}))
    do_job(world, p, error="ORDER_REFUSED")
    world.complete(p, "clarify", {"withdrawn": True})
    assert world.went(p)[-1] == "request_withdrawn"
    assert world.state(p).outcome == "completed"
