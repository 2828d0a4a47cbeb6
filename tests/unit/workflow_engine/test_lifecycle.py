"""A process from outside: suspended, resumed, cancelled, retried; its state in a store, and its size."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from common.errors import Invalid
from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import START, World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.advance import advance
from workflow.engine.delivering import TriggerRefused
from workflow.engine.graph import Definition
from workflow.engine.model import (
    BoundaryEvent,
    CatchEvent,
    EscalationEvent,
    ExclusiveGateway,
    MessageEvent,
    ParallelGateway,
    ServiceTask,
    SignalEvent,
    Sla,
    StartEvent,
    TimerEvent,
    UserTask,
)
from workflow.engine.state import State

HOUR = timedelta(hours=1)


def run(*elements, flows: str, variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", variables)


# -- suspending --------------------------------------------------------------------------------------------


def waiting_for_everything() -> tuple[World, str]:
    elements = (
        ParallelGateway("sp"),
        CatchEvent("timer", events=[TimerEvent(duration="PT1H")]),
        CatchEvent("message", events=[MessageEvent("m")]),
        CatchEvent("signal", events=[SignalEvent("g")]),
        ServiceTask("job"),
    )
    names = ("timer", "message", "signal", "job", "task")
    ways = "\n".join(f"sp -> {name} -> after_{name}" for name in names)
    return run(*elements, flows=f"s -> sp\n{ways}")


def test_what_happens_to_a_suspended_process_is_held_and_done_when_it_resumes():
    world, p = waiting_for_everything()
    [(_, job)] = world.jobs
    world.send(p, on.Suspended(at=world.now))
    before = world.at(p)
    world.pass_time(HOUR)
    world.message("m", "", {"x": 1})
    world.send(p, on.SignalReceived(at=world.now, name="g"))
    world.send(p, on.JobCompleted(at=world.now, job=job.job))
    assert world.at(p) == before
    assert len(world.state(p).held) == 4
    world.send(p, on.Resumed(at=world.now))
    assert world.at(p) == ["after_job", "after_message", "after_signal", "after_timer", "task"]
    assert world.state(p).held == []
    assert world.state(p).variables == {"x": 1}


def test_people_cannot_go_on_with_a_suspended_process():
    world, p = waiting_for_everything()
    world.send(p, on.Suspended(at=world.now))
    task = next(iter(world.tasks))[1]
    for trigger in (on.TaskCompleted(at=world.now, task=task), on.Suspended(at=world.now)):
        with pytest.raises(TriggerRefused) as refused:
            world.send(p, trigger)
        assert refused.value.reason == "suspended"
    world.send(p, on.Resumed(at=world.now))
    with pytest.raises(TriggerRefused):
        world.send(p, on.Resumed(at=world.now))


def test_the_same_thing_is_held_once_and_what_is_not_awaited_not_at_all():
    world, p = waiting_for_everything()
    [(_, job)] = world.jobs
    world.send(p, on.Suspended(at=world.now))
    world.send(p, on.JobCompleted(at=world.now, job=job.job))
    for trigger in (
        on.JobCompleted(at=world.now + HOUR, job=job.job),
        on.JobCompleted(at=world.now, job="999"),
        on.TimerFired(at=world.now, timer="999"),
    ):
        with pytest.raises(TriggerRefused) as refused:
            world.send(p, trigger)
        assert refused.value.reason == "not_waiting"


def test_what_an_earlier_event_makes_pointless_is_left_out_on_resuming():
    late = BoundaryEvent("late", attached_to="job", events=[TimerEvent(duration="PT1H")])
    world, p = run(ServiceTask("job"), late, flows="s -> job -> a\nlate -> b")
    [(_, job)] = world.jobs
    world.send(p, on.Suspended(at=world.now))
    world.pass_time(HOUR)
    world.send(p, on.JobCompleted(at=world.now, job=job.job))
    world.send(p, on.Resumed(at=world.now))
    assert world.at(p) == ["b"]


def test_a_suspended_process_can_be_cancelled():
    world, p = waiting_for_everything()
    world.send(p, on.Suspended(at=world.now))
    world.send(p, on.Cancelled(at=world.now))
    assert world.state(p).outcome == "cancelled"
    assert (world.tasks, world.jobs, world.timers, world.subscriptions) == ({}, [], {}, {})


# -- the end and after -------------------------------------------------------------------------------------


def test_an_ended_process_takes_nothing_more():
    world, p = run(script("x", "null"), flows="s -> x -> e")
    for trigger in (
        on.Cancelled(at=world.now),
        on.Resumed(at=world.now),
        on.VariablesSet(at=world.now, variables={}),
    ):
        with pytest.raises(TriggerRefused) as refused:
            world.send(p, trigger)
        assert refused.value.reason == "ended"


def test_a_process_starts_once_and_first():
    definition = Definition(process(flows="s -> a"))
    with pytest.raises(TriggerRefused):
        advance(definition, None, on.Cancelled(at=START))
    state = advance(definition, None, on.Start(at=START, process="x")).state
    with pytest.raises(TriggerRefused):
        advance(definition, state, on.Start(at=START, process="x"))


def test_a_process_that_cannot_be_armed_does_not_start():
    handler = subprocess(
        "handle", StartEvent("sx", events=[MessageEvent("m", "=order")]), flows="sx -> h", event=True
    )
    for model in (process(handler, flows="s -> a"), process(flows="s -> a", sla=Sla("P1D", calendar="none"))):
        with pytest.raises(Invalid, match="cannot start"):
            World([model]).start("p")
    assert World([process(handler, flows="s -> a")]).start("p", {"order": "7"})


def test_a_refused_trigger_leaves_the_state_as_it_was():
    world, p = waiting_for_everything()
    before = msgspec.json.encode(world.state(p))
    with pytest.raises(TriggerRefused):
        world.send(p, on.TaskCompleted(at=world.now, task="999"))
    assert msgspec.json.encode(world.state(p)) == before


# -- purity ------------------------------------------------------------------------------------------------


def test_an_advance_changes_nothing_that_it_is_given():
    world, p = waiting_for_everything()
    state, task = world.state(p), next(iter(world.tasks))[1]
    before = msgspec.json.encode(state)
    trigger = on.TaskCompleted(at=world.now, task=task, variables={"x": [1]})
    first = advance(world.definitions["p"], state, trigger)
    second = advance(world.definitions["p"], state, trigger)
    assert msgspec.json.encode(state) == before
    assert first == second


def test_triggers_and_states_are_plain_data():
    world, p = waiting_for_everything()
    world.send(p, on.Suspended(at=world.now))
    world.pass_time(HOUR)
    state = world.state(p)
    assert msgspec.json.decode(msgspec.json.encode(state), type=State) == state


def test_a_process_does_not_grow_with_its_history():
    """After a thousand rounds of a person's task the state is as large as after ten, but for its counter."""
    flows = "s -> x -> a -> again\nagain -> x ? true"
    world, p = run(ExclusiveGateway("x"), ExclusiveGateway("again"), flows=flows)
    sizes = []
    for number in range(1000):
        world.complete(p, "a", {"n": 1})
        if number in (9, 999):
            sizes.append(len(msgspec.json.encode(world.state(p))))
    assert sizes[1] - sizes[0] < 20


# -- service levels ----------------------------------------------------------------------------------------


def sla_events(world: World) -> list[str]:
    return [row.event for row in world.published if row.event.startswith("workflow.sla")]


def test_a_service_level_warns_and_is_breached_once_each():
    world, p = run(UserTask("a", sla=Sla("PT4H", "PT3H")), flows="s -> a -> b")
    assert sorted(world.timers.values()) == [START + 3 * HOUR, START + 4 * HOUR]
    world.pass_time(3 * HOUR)
    assert sla_events(world) == ["workflow.sla.warned"]
    world.pass_time(30 * HOUR)
    assert sla_events(world) == ["workflow.sla.warned", "workflow.sla.breached"]
    assert world.at(p) == ["a"]


def test_what_is_done_in_time_is_not_breached():
    world, p = run(UserTask("a", sla=Sla("PT4H")), flows="s -> a -> b")
    world.complete(p, "a")
    assert world.timers == {}


def test_a_breach_hands_the_task_to_others_and_escalates():
    level = Sla("PT4H", escalation="late", reassign_to=["boss"])
    caught = BoundaryEvent("x", attached_to="a", interrupting=False, events=[EscalationEvent("late")])
    world, p = run(UserTask("a", sla=level), caught, flows="s -> a -> b\nx -> c")
    world.pass_time(4 * HOUR)
    [given] = [row for row in world.instances[p].effects if isinstance(row, out.ReassignTask)]
    assert given.candidate_roles == ["boss"]
    assert world.at(p) == ["a", "c"]


def test_a_process_has_a_service_level_too_and_an_event_subprocess_can_answer_it():
    start = StartEvent("sx", events=[EscalationEvent("late")], interrupting=False)

    handler = subprocess("handle", start, flows="sx -> h", event=True)
    world, p = run(handler, flows="s -> a -> e", sla=Sla("P1D", escalation="late"))
    world.pass_time(24 * HOUR)
    assert sla_events(world) == ["workflow.sla.breached"]
    assert world.at(p) == ["a", "h", "handle"]


def test_the_service_level_of_a_process_outlives_an_interrupting_event_subprocess():

    handler = subprocess("handle", StartEvent("sx", events=[SignalEvent("g")]), flows="sx -> h", event=True)
    world, _ = run(handler, flows="s -> a -> e", sla=Sla("P1D"))
    world.signal("g")
    world.pass_time(24 * HOUR)
    assert sla_events(world) == ["workflow.sla.breached"]


def test_what_a_process_says_to_the_outside():
    world, p = run(script("x", "1 / 0", result="y"), flows="s -> x -> a -> e")
    world.send(p, on.Cancelled(at=world.now))
    assert [row.event for row in world.published] == [
        "workflow.process.started",
        "workflow.incident.raised",
        "workflow.incident.resolved",
        "workflow.process.cancelled",
    ]
