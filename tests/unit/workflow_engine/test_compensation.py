"""Compensation: what is undone, in which order, and what it sees."""

from __future__ import annotations

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import World
from workflow.engine import triggers as on
from workflow.engine.model import (
    BoundaryEvent,
    CancelEvent,
    CompensationEvent,
    EndEvent,
    ErrorEvent,
    MultiInstance,
    ParallelGateway,
    ScriptTask,
    ServiceTask,
    StandardLoop,
    StartEvent,
    ThrowEvent,
    UserTask,
)

LOG: dict[str, list] = {"log": []}


def undoable(name: str, **fields) -> list:
    """A script ``name`` that logs itself, and its handler ``un<name>`` that logs itself as well."""
    return [
        script(name, f'log + ["{name}"]', result="log", **fields),
        BoundaryEvent(f"b_{name}", attached_to=name, events=[CompensationEvent()], handler=f"un{name}"),
        handler(name),
    ]


def handler(name: str, text: str = "") -> ScriptTask:
    return script(f"un{name}", text or f'log + ["un{name}"]', result="log", for_compensation=True)


def undo(activity: str = "", *, wait: bool = True) -> ThrowEvent:
    return ThrowEvent("undo", events=[CompensationEvent(activity, wait)])


def run(*elements, flows: str, variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", {**LOG, **(variables or {})})


def test_what_completed_is_undone_in_reverse_order():
    elements = [*undoable("a"), *undoable("b"), *undoable("c"), undo()]
    world, p = run(*elements, flows="s -> a -> b -> c -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "b", "c", "unc", "unb", "una"]
    assert world.at(p) == ["d"]
    assert world.state(p).done == {}


def test_one_activity_can_be_undone_by_name():
    world, p = run(*undoable("a"), *undoable("b"), undo("a"), flows="s -> a -> b -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "b", "una"]


def test_what_has_not_completed_is_not_undone():
    elements = [UserTask("a"), *undoable("a")[1:], ParallelGateway("sp"), undo()]
    world, p = run(*elements, flows="s -> sp -> a\nsp -> u -> undo -> d")
    world.complete(p, "u")
    assert world.state(p).variables["log"] == []
    assert world.at(p) == ["a", "d"]


def test_what_is_undone_once_is_not_undone_again():
    elements = [*undoable("a"), undo(), ThrowEvent("undo2", events=[CompensationEvent()])]
    world, p = run(*elements, flows="s -> a -> undo -> undo2 -> d")
    assert world.state(p).variables["log"] == ["a", "una"]


def test_the_thrower_waits_for_its_handlers_unless_it_need_not():
    slow = [
        script("a", "null"),
        BoundaryEvent("b_a", attached_to="a", events=[CompensationEvent()], handler="una"),
        UserTask("una", for_compensation=True),
    ]
    world, p = run(*slow, undo(), flows="s -> a -> undo -> d")
    assert world.at(p) == ["una", "undo"]
    world.complete(p, "una")
    assert world.at(p) == ["d"]
    world, p = run(*slow, undo(wait=False), flows="s -> a -> undo -> d")
    assert world.at(p) == ["d", "una", "undo"]
    world.complete(p, "d")
    assert world.state(p).status == "active"
    world.complete(p, "una")
    assert world.state(p).outcome == "completed"


def test_a_repeated_activity_is_undone_once_per_round():
    loop = StandardLoop(condition="log.size() < 3")
    world, p = run(*undoable("a", loop=loop), undo(), flows="s -> a -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "a", "a", "una", "una", "una"]


def test_an_instance_is_undone_with_its_own_item():
    elements = undoable("a", loop=MultiInstance(sequential=True, collection="[1, 2]", item="n"))
    elements[2] = handler("a", 'log + ["un" + string(n)]')
    world, p = run(*elements, undo(), flows="s -> a -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "a", "un2", "un1"]


def test_a_completed_subprocess_is_undone_from_the_inside():
    inner = subprocess(
        "sub", StartEvent("si"), *undoable("a"), *undoable("b"), EndEvent("ei"), flows="si -> a -> b -> ei"
    )
    world, p = run(inner, *undoable("c"), undo(), flows="s -> sub -> c -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "b", "c", "unc", "unb", "una"]
    assert len(world.state(p).scopes) == 1


def test_a_subprocess_with_a_handler_at_its_boundary_is_undone_by_that_alone_and_shows_it_its_variables():
    inner = subprocess(
        "sub",
        StartEvent("si"),
        *undoable("a"),
        script("set", '"mine"', result="own"),
        EndEvent("ei"),
        flows="si -> a -> set -> ei",
        variables={"own": ""},
    )
    boundary = BoundaryEvent("b_sub", attached_to="sub", events=[CompensationEvent()], handler="unsub")
    world, p = run(
        inner, boundary, handler("sub", 'log + ["un" + own]'), undo(), flows="s -> sub -> undo -> d"
    )
    assert world.state(p).variables["log"] == ["a", "unmine"]


def test_a_compensation_event_subprocess_decides_how_its_scope_is_undone():
    start = StartEvent("sc", events=[CompensationEvent()])
    inner_undo = ThrowEvent("iu", events=[CompensationEvent("a")])
    within = subprocess("comp", start, inner_undo, EndEvent("ec"), flows="sc -> iu -> ec", event=True)
    inner = subprocess(
        "sub",
        StartEvent("si"),
        *undoable("a"),
        *undoable("b"),
        within,
        EndEvent("ei"),
        flows="si -> a -> b -> ei",
    )
    world, p = run(inner, undo(), flows="s -> sub -> undo -> d")
    assert world.state(p).variables["log"] == ["a", "b", "una"]
    assert world.at(p) == ["d"]
    assert len(world.state(p).scopes) == 1


def test_a_cancelled_transaction_is_undone_before_it_is_left():
    cancel = EndEvent("cancel", events=[CancelEvent()])
    inner = subprocess(
        "tx",
        StartEvent("si"),
        *undoable("a"),
        *undoable("b"),
        cancel,
        flows="si -> a -> b -> cancel",
        transaction=True,
    )
    caught = BoundaryEvent("c", attached_to="tx", events=[CancelEvent()])
    after = script("after", 'log + ["after"]', result="log")
    world, p = run(inner, caught, after, flows="s -> tx -> d\nc -> after -> f")
    assert world.state(p).variables["log"] == ["a", "b", "unb", "una", "after"]
    assert world.at(p) == ["f"]


def test_an_end_event_can_undo_everything():
    end = EndEvent("end", events=[CompensationEvent()])
    world, p = run(*undoable("a"), end, flows="s -> a -> end")
    assert world.state(p).variables["log"] == ["a", "una"]
    assert world.state(p).outcome == "completed"


def test_an_error_handler_can_undo_what_its_scope_did():
    start = StartEvent("sx", events=[ErrorEvent("E")])
    within = subprocess(
        "onerror", start, ThrowEvent("iu", events=[CompensationEvent()]), flows="sx -> iu", event=True
    )
    inner = subprocess(
        "sub",
        StartEvent("si"),
        *undoable("a"),
        EndEvent("bad", events=[ErrorEvent("E")]),
        within,
        flows="si -> a -> bad",
    )
    world, p = run(inner, flows="s -> sub -> d")
    assert world.state(p).variables["log"] == ["a", "una"]
    assert world.at(p) == ["d"]


def test_a_handler_that_fails_is_retried_and_the_undoing_goes_on():
    elements = [*undoable("a"), *undoable("b"), undo()]
    elements[5] = handler("b", "log + [missing]")
    world, p = run(*elements, flows="s -> a -> b -> undo -> d")
    assert world.at(p) == ["unb", "undo"]
    world.retry(p, {"missing": "unb"})
    assert world.state(p).variables["log"] == ["a", "b", "unb", "una"]
    assert world.at(p) == ["d"]


def test_an_error_of_a_handler_inside_a_completed_scope_belongs_to_who_is_undoing():

    worker = ServiceTask("una", for_compensation=True)
    inner = subprocess(
        "sub",
        StartEvent("si"),
        script("a", "null"),
        BoundaryEvent("b_a", attached_to="a", events=[CompensationEvent()], handler="una"),
        worker,
        EndEvent("ei"),
        flows="si -> a -> ei",
    )
    outer = subprocess("outer", StartEvent("so"), inner, undo(), flows="so -> sub -> undo -> o")
    caught = BoundaryEvent("c", attached_to="outer", events=[ErrorEvent("E")])
    world, p = run(outer, caught, flows="s -> outer -> d\nc -> f")
    [(_, job)] = world.jobs
    world.send(p, on.JobFailed(at=world.now, job=job.job, message="no", error="E"))
    assert world.at(p) == ["f"]


def test_a_handler_can_be_a_subprocess_and_is_not_undone_itself():
    inner = subprocess(
        "una", StartEvent("si"), *undoable("x"), EndEvent("ei"), flows="si -> x -> ei", for_compensation=True
    )
    boundary = BoundaryEvent("b_a", attached_to="a", events=[CompensationEvent()], handler="una")
    again = ThrowEvent("again", events=[CompensationEvent()])
    world, p = run(script("a", "null"), boundary, inner, undo(), again, flows="s -> a -> undo -> again -> d")
    assert world.state(p).variables["log"] == ["x"]
    assert world.state(p).done == {}
    assert len(world.state(p).scopes) == 1


def test_nothing_is_remembered_that_nothing_can_undo():
    inner = subprocess("sub", StartEvent("si"), EndEvent("ei"), flows="si -> x -> ei")
    world, p = run(inner, flows="s -> sub -> d")
    world.complete(p, "x")
    assert world.state(p).done == {}
    assert len(world.state(p).scopes) == 1
