"""Repeated activities: loops and multiple instances, in all their behaviours."""

from __future__ import annotations

import pytest

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.loops import MAX_INSTANCES
from workflow.engine.model import (
    BoundaryEvent,
    ComplexBehavior,
    EndEvent,
    EscalationEvent,
    MessageEvent,
    MultiInstance,
    SignalEvent,
    StandardLoop,
    StartEvent,
    UserTask,
)


def run(*elements, flows: str = "s -> a -> b", variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", variables)


def open_tasks(world: World) -> list[tuple[str, int]]:
    return sorted((row.node, row.counter) for row in world.tasks.values())


# -- standard loops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loop", "rounds"),
    [
        (StandardLoop(condition="n < 3"), 3),
        (StandardLoop(condition="false"), 1),
        (StandardLoop(condition="false", test_before=True), 0),
        (StandardLoop(condition="n < 2", test_before=True), 2),
        (StandardLoop(condition="true", maximum=4), 4),
        (StandardLoop(maximum=2), 2),
        (StandardLoop(condition="true", maximum=0), 0),
        (StandardLoop(condition="loopCounter < 5"), 5),
    ],
)
def test_a_loop_runs_while_its_condition_holds_up_to_its_maximum(loop, rounds):
    world, p = run(script("a", "n + 1", result="n", loop=loop), variables={"n": 0})
    assert world.state(p).variables["n"] == rounds
    assert world.at(p) == ["b"]


def test_a_looped_user_task_is_one_task_after_the_other():
    world, p = run(UserTask("a", loop=StandardLoop(condition="again")))
    assert open_tasks(world) == [("a", 1)]
    world.complete(p, "a", {"again": True})
    assert open_tasks(world) == [("a", 2)]
    world.complete(p, "a", {"again": False})
    assert open_tasks(world) == [("b", 0)]


# -- multiple instances ------------------------------------------------------------------------------------


def test_parallel_instances_all_run_and_gather_their_outputs_in_order():
    loop = MultiInstance(
        collection="people", item="person", output="{person: vote}", output_collection="votes"
    )
    task = UserTask("a", assignee="=person", loop=loop)
    world, p = run(task, variables={"people": ["ann", "bob", "cid"]})
    assert sorted(row.assignee for row in world.tasks.values()) == ["ann", "bob", "cid"]
    for person, vote in (("cid", 3), ("ann", 1), ("bob", 2)):
        task_id = next(key[1] for key, row in world.tasks.items() if row.assignee == person)
        world.send(p, on.TaskCompleted(at=world.now, task=task_id, variables={"vote": vote}))
    assert world.state(p).variables["votes"] == [{"ann": 1}, {"bob": 2}, {"cid": 3}]
    assert world.at(p) == ["b"]


def test_what_an_instance_declares_is_its_own():
    loop = MultiInstance(cardinality="2", output="vote", output_collection="votes")
    world, p = run(UserTask("a", loop=loop, variables={"vote": None}))
    world.complete(p, "a", {"vote": "yes"})
    world.complete(p, "a", {"vote": "no"})
    assert world.state(p).variables == {"votes": ["yes", "no"]}


def test_sequential_instances_run_one_after_the_other_with_their_number():
    loop = MultiInstance(sequential=True, cardinality="n * 1.5")
    world, p = run(UserTask("a", loop=loop), variables={"n": 2.0})
    for number in (1, 2, 3):
        assert open_tasks(world) == [("a", number)]
        assert next(iter(world.tasks.values())).variables["loopCounter"] == number
        world.complete(p, "a")
    assert open_tasks(world) == [("b", 0)]


def test_no_instances_at_all_are_done_at_once():
    loop = MultiInstance(collection="[]", output="loopCounter", output_collection="out")
    world, p = run(UserTask("a", loop=loop))
    assert world.at(p) == ["b"]
    assert world.state(p).variables["out"] == []


def test_a_completion_condition_ends_the_rest():
    loop = MultiInstance(
        cardinality="5",
        completion="numberOfCompletedInstances >= 2",
        output="loopCounter",
        output_collection="out",
    )
    world, p = run(UserTask("a", loop=loop))
    world.complete(p, "a")
    assert len(world.tasks) == 4
    world.complete(p, "a")
    assert open_tasks(world) == [("b", 0)]
    assert world.state(p).variables["out"] == [1, 2]


def test_a_completion_condition_sees_how_many_are_active():
    loop = MultiInstance(sequential=True, cardinality="5", completion="numberOfInstances - loopCounter == 2")
    world, p = run(script("a", "null", loop=loop))
    assert world.at(p) == ["b"]
    assert [row.counter for row in world.instances[p].history if row.node == "a" and row.counter] == [
        1, 1, 2, 2, 3, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("loop", "reason"),
    [
        (MultiInstance(cardinality="0 - 1"), "not a whole number"),
        (MultiInstance(cardinality="1.5"), "not a whole number"),
        (MultiInstance(cardinality="'3'"), "not a whole number"),
        (MultiInstance(collection="3"), "not a list"),
        (MultiInstance(cardinality=str(MAX_INSTANCES + 1)), "more than"),
    ],
)
def test_a_number_of_instances_that_is_none_is_an_incident(loop, reason):
    world, p = run(UserTask("a", loop=loop))
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "multi_instance"
    assert reason in incident.message


def test_a_map_gives_an_instance_per_key():
    loop = MultiInstance(collection="{'x': 1, 'y': 2}", item="key", output="key", output_collection="keys")
    world, p = run(script("a", "null", loop=loop))
    assert world.state(p).variables["keys"] == ["x", "y"]


def test_a_subprocess_can_have_instances_each_with_its_own_variables():
    inner = subprocess(
        "a",
        StartEvent("si"),
        script("double", "item * 2", result="doubled"),
        EndEvent("ei"),
        flows="si -> double -> work -> ei",
        variables={"doubled": 0},
        loop=MultiInstance(collection="[1, 2, 3]", item="item"),
    )
    world, p = run(inner)
    scopes = [row for row in world.state(p).scopes.values() if row.node == "a"]
    assert sorted(row.variables["doubled"] for row in scopes) == [2, 4, 6]
    for _ in range(3):
        world.complete(p, "work")
    assert world.at(p) == ["b"]
    assert "doubled" not in world.state(p).variables


def test_an_instance_can_change_its_own_item():
    inner = subprocess(
        "a",
        StartEvent("si"),
        script("double", "item * 2", result="item"),
        EndEvent("ei"),
        flows="si -> double -> ei",
        loop=MultiInstance(collection="[1, 2]", item="item", output="item", output_collection="out"),
    )
    world, p = run(inner)
    assert world.state(p).variables == {"out": [2, 4]}


def test_an_event_that_no_boundary_catches_is_thrown_as_usual():
    for event, effect in ((SignalEvent("x"), out.BroadcastSignal), (MessageEvent("x", "k"), out.SendMessage)):
        loop = MultiInstance(cardinality="2", behavior="none", event=event)
        world, p = run(script("a", "null", loop=loop))
        assert [type(row) for row in world.instances[p].effects].count(effect) == 2


def test_a_boundary_event_interrupts_all_instances():
    stop = BoundaryEvent("stop", attached_to="a", events=[MessageEvent("stop")])
    world, p = run(UserTask("a", loop=MultiInstance(cardinality="3")), stop, flows="s -> a -> b\nstop -> c")
    world.complete(p, "a")
    world.message("stop")
    assert world.at(p) == ["c"]
    assert open_tasks(world) == [("c", 0)]


@pytest.mark.parametrize(
    ("behavior", "event", "complex_", "caught"),
    [
        ("all", None, [], 0),
        ("one", SignalEvent("x"), [], 1),
        ("none", SignalEvent("x"), [], 3),
        ("complex", None, [ComplexBehavior("numberOfCompletedInstances == 2", SignalEvent("x"))], 1),
    ],
)
def test_completing_instances_throw_to_the_boundary_as_their_behavior_says(behavior, event, complex_, caught):
    """The event interrupts at most the instance that throws it, so the others go on."""
    loop = MultiInstance(cardinality="3", behavior=behavior, event=event, complex=complex_)
    boundary = BoundaryEvent("x", attached_to="a", events=[SignalEvent("x")])
    world, p = run(script("a", "null", loop=loop), boundary, flows="s -> a -> b\nx -> c")
    assert world.at(p) == ["b"] + ["c"] * caught


def test_a_complex_behavior_cancels_what_is_left():
    loop = MultiInstance(cardinality="3", behavior="complex", complex=[ComplexBehavior("true")])
    world, p = run(UserTask("a", loop=loop))
    world.complete(p, "a")
    assert world.at(p) == ["b"]
    assert open_tasks(world) == [("b", 0)]


def test_an_instance_can_escalate_to_the_scope_around():
    loop = MultiInstance(cardinality="2", behavior="one", event=EscalationEvent("first"))
    inner = subprocess(
        "sub", UserTask("a", loop=loop), StartEvent("si"), EndEvent("ei"), flows="si -> a -> ei"
    )
    caught = BoundaryEvent("x", attached_to="sub", interrupting=False, events=[EscalationEvent("first")])
    world, p = run(inner, caught, flows="s -> sub -> e\nx -> c")
    world.complete(p, "a")
    assert world.at(p) == ["a", "a", "c", "sub"]
