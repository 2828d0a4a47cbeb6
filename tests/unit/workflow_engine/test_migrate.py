"""Migration: a running process goes on in another version of its definition, or stays and says why."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import START, World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.graph import Definition
from workflow.engine.migrate import Migration, migrate
from workflow.engine.model import (
    BoundaryEvent,
    CatchEvent,
    CompensationEvent,
    ComplexGateway,
    EndEvent,
    EventBasedGateway,
    InclusiveGateway,
    MessageEvent,
    MultiInstance,
    ParallelGateway,
    Process,
    ReceiveTask,
    ScriptTask,
    ServiceTask,
    SignalEvent,
    Sla,
    StartEvent,
    TimerEvent,
    UserTask,
)

HOUR = timedelta(hours=1)


def begin(model: Process, variables=None) -> tuple[World, str]:
    world = World([model])
    return world, world.start("p", variables)


def move(world: World, p: str, model: Process, mapping: dict[str, str] | None = None) -> Migration:
    """Migrates, and if that could be done goes on with the result."""
    instance, target = world.instances[p], Definition(model)
    result = migrate(instance.definition, target, instance.state, at=world.now, mapping=mapping)
    if result.state is not None:
        instance.definition, instance.state = target, result.state
        world._carry_out(p, result.effects)
    return result


def reasons(result: Migration) -> set[tuple[str, str]]:
    assert result.state is None
    assert result.effects == []
    return {(row.element, row.code) for row in result.reasons}


def test_a_process_goes_on_in_the_new_version():
    world, p = begin(process(flows="s -> a -> b -> e"))
    assert move(world, p, process(script("x", "1", result="n"), flows="s -> a -> x -> c -> e")).reasons == []
    world.complete(p, "a")
    assert world.at(p) == ["c"]
    assert world.state(p).variables == {"n": 1}


def test_a_dry_run_changes_nothing():
    world, p = begin(process(flows="s -> a -> b"))
    before = world.state(p)
    result = migrate(world.definitions["p"], Definition(process(flows="s -> a -> c")), before, at=world.now)
    assert result.state is not None
    assert world.state(p) is before


def test_an_element_with_another_name_is_mapped_and_what_hangs_on_it_is_told():
    late = BoundaryEvent("late", attached_to="a", events=[TimerEvent(duration="PT1H")])
    world, p = begin(process(late, flows="s -> a -> b\nlate -> c"))
    renamed = BoundaryEvent("too_late", attached_to="check", events=[TimerEvent(duration="PT9H")])
    result = move(
        world, p, process(renamed, flows="s -> check -> b\ntoo_late -> c"), {"a": "check", "late": "too_late"}
    )
    [task] = world.state(p).tokens
    assert out.MoveToken(task, "check") in result.effects
    assert list(world.timers.values()) == [START + HOUR]  # a timer that runs keeps its time
    world.pass_time(HOUR)
    assert world.at(p) == ["c"]


def test_new_boundary_events_are_armed_and_old_ones_called_off():
    old = BoundaryEvent("old", attached_to="a", events=[MessageEvent("old")])
    world, p = begin(process(old, flows="s -> a -> b\nold -> c"))
    new = BoundaryEvent("new", attached_to="a", events=[TimerEvent(duration="PT2H")])
    move(world, p, process(new, flows="s -> a -> b\nnew -> d"))
    assert world.subscriptions == {}
    world.pass_time(2 * HOUR)
    assert world.at(p) == ["d"]


def test_a_boundary_event_that_has_happened_is_not_armed_again():
    note = BoundaryEvent("note", attached_to="a", interrupting=False, events=[TimerEvent(duration="PT1H")])
    model = process(note, flows="s -> a -> b\nnote -> c")
    world, p = begin(model)
    world.pass_time(HOUR)
    move(world, p, model)
    assert world.timers == {}


def test_new_event_subprocesses_are_armed():
    world, p = begin(process(flows="s -> a -> b"))
    handler = subprocess("handle", StartEvent("hs", events=[SignalEvent("g")]), flows="hs -> h", event=True)
    move(world, p, process(handler, flows="s -> a -> b"))
    world.signal("g")
    assert world.at(p) == ["h", "handle"]


def test_a_service_level_that_the_new_version_lacks_is_called_off():
    world, p = begin(process(UserTask("a", sla=Sla("PT1H")), flows="s -> a"))
    move(world, p, process(flows="s -> a"))
    assert world.timers == {}


def test_a_stuck_join_can_be_helped_by_a_new_version():
    split = InclusiveGateway("split")
    flows = "s -> split\nsplit -> a ? true\nsplit -> b ? false\na -> join\nb -> join\njoin -> c"
    world, p = begin(process(split, ParallelGateway("join"), flows=flows))
    world.complete(p, "a")
    assert [row.kind for row in world.state(p).incidents.values()] == ["stuck_join"]
    result = move(
        world,
        p,
        process(split, ParallelGateway("join"), flows="s -> split\nsplit -> a ? true\na -> join -> c"),
    )
    assert result.reasons == []
    assert world.state(p).incidents == {}
    assert world.at(p) == ["c"]


def test_a_complex_gateway_that_failed_can_be_renamed():
    def model(name: str, condition: str) -> Process:
        gateways = (ParallelGateway("split"), ComplexGateway(name, activation=condition))
        return process(*gateways, flows=f"s -> split -> a -> {name} -> d\nsplit -> b -> {name}")

    world, p = begin(model("join", "missing"))
    world.complete(p, "a")
    mapping = {"join": "j2", "a.join": "a.j2", "b.join": "b.j2"}
    assert move(world, p, model("j2", "activationCount >= 1"), mapping).reasons == []
    assert world.at(p) == ["b", "d"]
    assert world.incidents == {}


def test_instances_scopes_and_what_can_be_undone_move_along():
    def model(undo: str) -> Process:
        inner = subprocess(
            "sub",
            StartEvent("si"),
            script("a", "null"),
            BoundaryEvent("b_a", attached_to="a", events=[CompensationEvent()], handler="una"),
            ScriptTask("una", script=f'log + ["{undo}"]', result="log", for_compensation=True),
            UserTask("m", loop=MultiInstance(cardinality="2")),
            EndEvent("undo", events=[CompensationEvent("a")]),
            flows="si -> a -> m -> undo",
        )
        return process(inner, flows="s -> sub -> d")

    world, p = begin(model("old"), {"log": []})
    world.complete(p, "m")
    assert move(world, p, model("new")).reasons == []
    world.complete(p, "m")
    assert world.state(p).variables["log"] == ["new"]
    assert world.at(p) == ["d"]


def test_a_suspended_process_stays_suspended():
    world, p = begin(process(flows="s -> a"))
    world.send(p, on.Suspended(at=world.now))
    assert move(world, p, process(flows="s -> a -> b")).reasons == []
    assert world.state(p).status == "suspended"


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "mapping", "expected"),
    [
        (process(flows="s -> a"), process(flows="s -> b"), {}, ("a", "missing")),
        (process(flows="s -> a"), process(ServiceTask("a"), flows="s -> a"), {}, ("a", "kind")),
        (
            process(flows="s -> a"),
            process(subprocess("sub", StartEvent("si"), flows="si -> a"), flows="s -> sub"),
            {},
            ("a", "scope"),
        ),
        (process(flows="s -> a"), process(flows="s -> a"), {"zz": "a"}, ("zz", "mapping")),
        (
            process(UserTask("a", loop=MultiInstance(cardinality="2")), flows="s -> a"),
            process(UserTask("a", loop=MultiInstance(cardinality="2", sequential=True)), flows="s -> a"),
            {},
            ("a", "loop"),
        ),
        (
            process(CatchEvent("a", events=[SignalEvent("g")]), flows="s -> a"),
            process(CatchEvent("a", events=[TimerEvent(duration="PT1S")]), flows="s -> a"),
            {},
            ("a", "event"),
        ),
        (
            process(EventBasedGateway("a"), CatchEvent("c", events=[SignalEvent("g")]), flows="s -> a -> c"),
            process(EventBasedGateway("a"), ReceiveTask("d", message=MessageEvent("m")), flows="s -> a -> d"),
            {},
            ("a", "event"),
        ),
    ],
)
def test_what_has_no_counterpart_is_a_reason_to_stay(old, new, mapping, expected):
    world, p = begin(old)
    assert expected in reasons(move(world, p, new, mapping))


def test_a_token_at_a_join_needs_its_flow():
    gateways = (ParallelGateway("split"), ParallelGateway("join"))
    world, p = begin(process(*gateways, flows="s -> split -> a -> join -> c\nsplit -> b -> join"))
    world.complete(p, "a")
    target = process(*gateways, flows="s -> split -> a -> x -> join -> c\nsplit -> b -> join")
    assert reasons(move(world, p, target)) == {("join", "flow")}
    assert move(world, p, target, {"a.join": "x.join"}).reasons == []
    world.complete(p, "b")
    assert world.at(p) == ["c"]


def test_what_can_be_undone_needs_something_to_undo_it():
    undoable = (
        BoundaryEvent("b_a", attached_to="a", events=[CompensationEvent()], handler="una"),
        UserTask("una", for_compensation=True),
    )
    world, p = begin(process(*undoable, flows="s -> a -> b"))
    world.complete(p, "a")
    assert reasons(move(world, p, process(flows="s -> a -> b"))) == {("a", "compensation")}


def test_a_new_event_that_cannot_be_computed_is_a_reason_to_stay():
    world, p = begin(process(flows="s -> a -> b"))
    late = BoundaryEvent("late", attached_to="a", events=[TimerEvent(duration="=missing")])
    assert reasons(move(world, p, process(late, flows="s -> a -> b\nlate -> c"))) == {("", "event")}


def test_an_ended_process_has_nothing_to_migrate():
    world, p = begin(process(script("x", "null"), flows="s -> x"))
    assert reasons(move(world, p, process(flows="s -> a"))) == {("", "ended")}


def test_all_reasons_are_given_at_once():
    world, p = begin(process(ParallelGateway("split"), flows="s -> split -> a\nsplit -> b"))
    assert reasons(move(world, p, process(flows="s -> c"))) == {("a", "missing"), ("b", "missing")}
