"""Events: what is waited for, what is thrown, who hears it, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from common.errors import Invalid
from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import START, World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.calendar import Calendar
from workflow.engine.delivering import TriggerRefused
from workflow.engine.expressions import Environment
from workflow.engine.model import (
    BoundaryEvent,
    CatchEvent,
    ConditionalEvent,
    EndEvent,
    LinkEvent,
    MessageEvent,
    ParallelGateway,
    SignalEvent,
    StartEvent,
    TerminateEvent,
    ThrowEvent,
    TimerEvent,
    UserTask,
)
from workflow.engine.starting import entries

HOUR = timedelta(hours=1)


def run(*elements, flows: str, variables=None, environment=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)], environment)
    return world, world.start("p", variables)


# -- timers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timer", "due"),
    [
        (TimerEvent(duration="PT90M"), START + timedelta(minutes=90)),
        (TimerEvent(duration="P1M"), START.replace(month=2)),
        (TimerEvent(duration="='PT' + string(n) + 'H'"), START + 3 * HOUR),
        (TimerEvent(duration="=duration('2h')"), START + 2 * HOUR),
        (TimerEvent(date="2026-01-05T10:00:00Z"), START + 2 * HOUR),
        (TimerEvent(date="=timestamp('2026-01-05T08:00:00Z') + duration('5h')"), START + 5 * HOUR),
        (TimerEvent(cycle="R3/PT1H"), START + HOUR),
        (TimerEvent(cycle="R3/2026-01-05T11:00:00Z/PT1H"), START + 3 * HOUR),
    ],
)
def test_a_timer_is_due_at_a_moment_after_a_duration_or_by_a_cycle(timer, due):
    world, p = run(CatchEvent("t", events=[timer]), flows="s -> t -> a", variables={"n": 3})
    assert list(world.timers.values()) == [due]
    world.pass_time(due - START)
    assert "a" in world.at(p)


def test_a_timer_that_fires_early_or_twice_is_refused():
    world, p = run(CatchEvent("t", events=[TimerEvent(duration="PT1H")]), flows="s -> t -> a")
    [(_, timer)] = world.timers
    with pytest.raises(TriggerRefused, match="not due before"):
        world.send(p, on.TimerFired(at=START, timer=timer))
    world.pass_time(HOUR)
    with pytest.raises(TriggerRefused, match="has happened or was called off"):
        world.send(p, on.TimerFired(at=world.now, timer=timer))


def test_a_cycle_fires_as_often_as_it_says_at_moments_that_do_not_drift():
    fired = BoundaryEvent("t", attached_to="a", interrupting=False, events=[TimerEvent(cycle="R3/PT1H")])
    world, p = run(fired, flows="s -> a -> e\nt -> b -> e1")
    [(_, timer)] = world.timers
    world.now += timedelta(minutes=90)  # the sweeper is late
    world.send(p, on.TimerFired(at=world.now, timer=timer))
    assert list(world.timers.values()) == [START + 2 * HOUR]
    world.pass_time(10 * HOUR)
    assert world.at(p) == ["a", "b", "b", "b"]
    assert world.timers == {}


def test_a_timer_that_cannot_be_computed_is_an_incident():
    world, p = run(
        CatchEvent("t", events=[TimerEvent(duration="=x")]), flows="s -> t", variables={"x": "soon"}
    )
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.node) == ("timer", "t")
    world.retry(p, {"x": "PT1H"})
    assert list(world.timers.values()) == [START + HOUR]


def test_a_timer_counts_working_time_in_its_calendar():
    """Eight working hours from Monday 08:00 UTC, 09:00 in Zurich, end Tuesday 09:00 there."""
    office = Calendar("Europe/Zurich", {"monday": [("09:00", "16:00")], "tuesday": [("08:00", "16:00")]})
    timer = TimerEvent(duration="PT8H", calendar="office")
    environment = Environment(calendars={"office": office})
    world, _ = run(CatchEvent("t", events=[timer]), flows="s -> t -> a", environment=environment)
    assert list(world.timers.values()) == [START.replace(day=6, hour=8)]


def test_a_cycle_can_run_in_working_time():
    """Every four hours of Monday and Tuesday mornings: Monday 12:00, Tuesday 12:00, the next Monday."""
    office = Calendar("UTC", {"monday": [("08:00", "12:00")], "tuesday": [("08:00", "12:00")]})
    fired = BoundaryEvent(
        "t", attached_to="a", interrupting=False, events=[TimerEvent(cycle="R3/PT4H", calendar="office")]
    )
    environment = Environment(calendars={"office": office})
    world, p = run(fired, flows="s -> a\nt -> b", environment=environment)
    for day in (5, 6, 12):
        assert list(world.timers.values()) == [datetime(2026, 1, day, 12, tzinfo=UTC)]
        world.pass_time(next(iter(world.timers.values())) - world.now)
    assert world.at(p) == ["a", "b", "b", "b"]


def test_a_calendar_that_does_not_exist_is_an_incident_until_it_does():
    timer = TimerEvent(duration="PT8H", calendar="office")
    world, p = run(CatchEvent("t", events=[timer]), flows="s -> t -> a")
    assert [row.kind for row in world.state(p).incidents.values()] == ["calendar"]
    world.environment = Environment(calendars={"office": Calendar("UTC", {"monday": [("00:00", "24:00")]})})
    world.retry(p)
    assert list(world.timers.values()) == [START + 8 * HOUR]


# -- boundary events ---------------------------------------------------------------------------------------


def test_an_interrupting_boundary_event_ends_the_activity():
    late = BoundaryEvent("late", attached_to="a", events=[TimerEvent(duration="PT1H")])
    world, p = run(late, flows="s -> a -> b\nlate -> c")
    world.pass_time(HOUR)
    assert world.at(p) == ["c"]
    assert [row.node for row in world.tasks.values()] == ["c"]


def test_completing_the_activity_calls_its_boundary_events_off():
    late = BoundaryEvent("late", attached_to="a", events=[TimerEvent(duration="PT1H")])
    stop = BoundaryEvent("stop", attached_to="a", events=[MessageEvent("stop")])
    world, p = run(late, stop, flows="s -> a -> b\nlate -> c\nstop -> d")
    world.complete(p, "a")
    assert world.timers == {}
    assert world.subscriptions == {}


def test_a_boundary_event_that_does_not_interrupt_happens_again_and_again():
    note = BoundaryEvent("note", attached_to="a", interrupting=False, events=[MessageEvent("note", "=id")])
    world, p = run(note, flows="s -> a -> b\nnote -> c", variables={"id": "7"})
    assert world.message("note", "7")
    assert world.message("note", "7")
    assert world.at(p) == ["a", "c", "c"]


def test_a_multiple_boundary_event_happens_with_any_of_its_events():
    any_of = BoundaryEvent(
        "x", attached_to="a", events=[SignalEvent("one"), MessageEvent("two"), TimerEvent(duration="PT1H")]
    )
    world, p = run(any_of, flows="s -> a -> b\nx -> c")
    world.message("two")
    assert world.at(p) == ["c"]
    assert world.timers == {}


def test_a_parallel_multiple_event_happens_once_all_of_its_events_have():
    both = CatchEvent("x", events=[SignalEvent("one"), MessageEvent("two")], parallel=True)
    world, p = run(both, flows="s -> x -> a")
    world.signal("one")
    assert world.at(p) == ["x"]
    world.message("two")
    assert world.at(p) == ["a"]


def test_a_parallel_multiple_boundary_event_starts_over_if_it_does_not_interrupt():
    both = BoundaryEvent(
        "x",
        attached_to="a",
        interrupting=False,
        parallel=True,
        events=[SignalEvent("one"), SignalEvent("two")],
    )
    world, p = run(both, flows="s -> a -> e\nx -> c")
    for name in ("one", "one", "two", "two"):
        world.signal(name)
    assert world.at(p) == ["a", "c"]
    world.signal("one")
    assert world.at(p) == ["a", "c", "c"]


# -- conditions --------------------------------------------------------------------------------------------


def test_a_conditional_event_happens_when_its_condition_becomes_true():
    world, p = run(CatchEvent("c", events=[ConditionalEvent("stock > 10")]), flows="s -> c -> a")
    assert world.at(p) == ["c"]
    world.send(p, on.VariablesSet(at=world.now, variables={"stock": 5}))
    assert world.at(p) == ["c"]
    world.send(p, on.VariablesSet(at=world.now, variables={"stock": 11}))
    assert world.at(p) == ["a"]


def test_a_conditional_event_that_holds_already_happens_at_once():
    caught = BoundaryEvent("c", attached_to="a", events=[ConditionalEvent("stop")])
    world, p = run(caught, flows="s -> a -> b\nc -> d", variables={"stop": True})
    assert world.at(p) == ["d"]


def test_a_conditional_boundary_event_happens_once_each_time_it_becomes_true():
    caught = BoundaryEvent("c", attached_to="a", interrupting=False, events=[ConditionalEvent("n > 1")])
    world, p = run(caught, flows="s -> a -> b\nc -> d", variables={"n": 0})
    for number in (2, 3, 1, 4):
        world.send(p, on.VariablesSet(at=world.now, variables={"n": number}))
    assert world.at(p) == ["a", "d", "d"]


def test_a_branch_that_changes_a_variable_wakes_another_that_waits_for_it():
    wait = CatchEvent("c", events=[ConditionalEvent("ready")])
    elements = (ParallelGateway("split"), wait, script("x", "true", result="ready"))
    world, p = run(*elements, flows="s -> split -> u -> x -> e\nsplit -> c -> a", variables={"ready": False})
    world.complete(p, "u")
    assert world.at(p) == ["a"]


def test_a_condition_that_is_wrong_is_an_incident_that_ends_with_what_it_is_about():
    caught = BoundaryEvent("c", attached_to="a", events=[ConditionalEvent("n + 'x' == 'y'")])
    world, p = run(caught, flows="s -> a -> b\nc -> d", variables={"n": 1})
    assert [row.node for row in world.state(p).incidents.values()] == ["c"]
    world.send(p, on.VariablesSet(at=world.now, variables={"n": 2}))
    assert len(world.state(p).incidents) == 1
    world.complete(p, "a")
    assert world.state(p).incidents == {}


# -- signals and links -------------------------------------------------------------------------------------


def test_a_signal_reaches_everyone_who_waits_here_and_elsewhere():
    throw = ThrowEvent("throw", events=[SignalEvent("go", {"n": "1 + 1"})])
    catch = CatchEvent("catch", events=[SignalEvent("go")])
    world = World(
        [
            process(
                ParallelGateway("split"),
                throw,
                catch,
                flows="s -> split -> u -> throw -> e\nsplit -> catch -> a",
            ),
            process(CatchEvent("w", events=[SignalEvent("go")]), flows="s -> w -> b", key="q"),
            process(StartEvent("begin", events=[SignalEvent("go")]), flows="begin -> c", key="r"),
        ]
    )
    p, q = world.start("p"), world.start("q")
    world.complete(p, "u")
    assert world.at(p) == ["a"]
    assert world.at(q) == ["b"]
    assert world.at("p3") == ["c"]
    assert world.state(q).variables == {"n": 2}


def test_a_signal_is_heard_by_a_branch_that_begins_to_listen_in_the_same_moment():
    throw = ThrowEvent("throw", events=[SignalEvent("go")])
    catch = CatchEvent("catch", events=[SignalEvent("go")])
    world, p = run(
        ParallelGateway("split"), throw, catch, flows="s -> split -> throw -> e\nsplit -> catch -> a"
    )
    assert world.at(p) == ["a"]


def test_a_signal_that_interrupts_its_own_scope_ends_the_thrower():
    inner = subprocess(
        "sub", StartEvent("si"), ThrowEvent("throw", events=[SignalEvent("go")]), flows="si -> throw -> inner"
    )
    caught = BoundaryEvent("x", attached_to="sub", events=[SignalEvent("go")])
    world, p = run(inner, caught, flows="s -> sub -> e\nx -> a")
    assert world.at(p) == ["a"]


def test_a_signal_name_can_be_computed():
    catch = CatchEvent("catch", events=[SignalEvent("='go ' + region")])
    world, p = run(catch, flows="s -> catch -> a", variables={"region": "north"})
    world.signal("go south")
    assert world.at(p) == ["catch"]
    world.signal("go north")
    assert world.at(p) == ["a"]


def test_a_link_goes_on_at_its_other_end():
    throw, catch = ThrowEvent("off", events=[LinkEvent("L")]), CatchEvent("on", events=[LinkEvent("L")])
    world, p = run(throw, catch, flows="s -> off\non -> a -> off")
    world.complete(p, "a")
    assert world.at(p) == ["a"]


def test_a_throwing_event_with_several_events_throws_each_of_them():
    throw = ThrowEvent("throw", events=[SignalEvent("one"), MessageEvent("two")])
    world, p = run(throw, flows="s -> throw -> a")
    kinds = [type(effect) for effect in world.instances[p].effects]
    assert kinds.index(out.BroadcastSignal) < kinds.index(out.SendMessage)
    assert world.at(p) == ["a"]


# -- ends --------------------------------------------------------------------------------------------------


def test_a_terminate_event_ends_its_scope_and_only_that():
    stop = EndEvent("stop", events=[TerminateEvent()])
    inner = subprocess(
        "sub",
        StartEvent("si"),
        ParallelGateway("split"),
        stop,
        flows="si -> split -> i1 -> stop\nsplit -> i2",
    )
    world, p = run(inner, flows="s -> sub -> a")
    world.complete(p, "i1")
    assert world.at(p) == ["a"]
    world, p = run(ParallelGateway("split"), stop, flows="s -> split -> a -> stop\nsplit -> b")
    world.complete(p, "a")
    assert world.state(p).outcome == "terminated"
    assert world.tasks == {}


def test_a_process_is_over_when_its_last_token_is():
    world, p = run(ParallelGateway("split"), flows="s -> split -> a -> e\nsplit -> b -> e1")
    world.complete(p, "a")
    assert world.state(p).status == "active"
    world.complete(p, "b")
    assert (world.state(p).status, world.state(p).outcome) == ("ended", "completed")
    [ended] = [effect for effect in world.instances[p].effects if isinstance(effect, out.EndProcess)]
    assert ended == out.EndProcess("completed")


# -- starts ------------------------------------------------------------------------------------------------


def test_a_definition_says_by_what_it_can_be_started():
    starts = [
        StartEvent("s"),
        StartEvent("t", events=[TimerEvent(cycle="R/P1D")]),
        StartEvent("m", events=[MessageEvent("m"), SignalEvent("g")]),
    ]
    world = World([process(*starts, flows="s -> a\nt -> a\nm -> a")])
    found = [(row.node, row.event, type(row.on).__name__) for row in entries(world.definitions["p"])]
    assert found == [
        ("s", 0, "NoneType"),
        ("t", 0, "TimerEvent"),
        ("m", 0, "MessageEvent"),
        ("m", 1, "SignalEvent"),
    ]
    assert world.at(world.start("p")) == ["a"]
    assert world.at(world.start("p", node="t")) == ["a"]


def test_a_start_that_is_not_clear_is_refused_with_the_choice():

    world = World([process(StartEvent("s1"), StartEvent("s2"), flows="s1 -> a\ns2 -> b")])
    with pytest.raises(Invalid, match="name one of s1, s2"):
        world.start("p")
    with pytest.raises(Invalid, match="no start event 'zz'"):
        world.start("p", node="zz")
    with pytest.raises(Invalid, match="flows lead to it"):
        world.start("p", node="a")
    assert world.at(world.start("p", node="s2")) == ["b"]


def test_a_parallel_multiple_start_waits_for_its_other_events():
    start = StartEvent("begin", parallel=True, events=[MessageEvent("one"), MessageEvent("two")])
    world = World([process(start, flows="begin -> a")])
    world.message("two")
    assert world.at("p1") == ["begin"]
    world.message("one")
    assert world.at("p1") == ["a"]
    assert len(world.instances) == 1


def test_a_user_task_after_a_start_is_entered_by_its_flow():
    world, p = run(UserTask("a"), flows="s -> a")
    entered = [row for row in world.instances[p].history if row.node == "a"]
    assert [(row.kind, row.flow) for row in entered] == [("entered", "s.a")]


def test_a_cycle_that_began_long_ago_goes_on_from_now():
    timer = TimerEvent(cycle="R/2020-01-01T09:00:00Z/P1D")
    world, _ = run(CatchEvent("wait", events=[timer]), flows="s -> wait -> a")
    assert list(world.timers.values()) == [datetime(2026, 1, 5, 9, tzinfo=UTC)]
    world.pass_time(timedelta(days=2))
    assert [row.node for row in world.tasks.values()] == ["a", "a"]
    assert list(world.timers.values()) == [datetime(2026, 1, 7, 9, tzinfo=UTC)]


@pytest.mark.parametrize("times", [2, 2200])
def test_of_a_cycle_that_is_over_the_last_time_happens_at_once(times):
    timer = TimerEvent(cycle=f"R{times}/2019-01-01T09:00:00Z/P1D")
    world, p = run(CatchEvent("wait", events=[timer]), flows="s -> wait -> a")
    world.pass_time(timedelta())
    assert world.at(p) == ["a"]
    assert world.timers == {}


@pytest.mark.parametrize("name", ["x" * 256, "=key"])
def test_a_name_that_nothing_could_be_found_by_is_an_incident(name):
    thrown = ThrowEvent("t", events=[MessageEvent("paid", name)])
    world, p = run(thrown, flows="s -> t -> a", variables={"key": "y" * 300})
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.node) == ("name", "t")


def test_a_message_is_thrown_by_the_name_that_its_expression_gives():
    thrown = ThrowEvent("t", events=[MessageEvent("=kind + '!'")])
    world, _ = run(thrown, flows="s -> t -> a", variables={"kind": "paid"})
    sent = [row for row in world.instances["p1"].effects if isinstance(row, out.SendMessage)]
    assert [row.name for row in sent] == ["paid!"]
