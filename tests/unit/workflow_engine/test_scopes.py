"""Sub-processes: event sub-processes, ad-hoc ones, transactions, and what is thrown out of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import World
from workflow.engine import effects as out
from workflow.engine import triggers as on
from workflow.engine.model import (
    AdHoc,
    BoundaryEvent,
    CancelEvent,
    ConditionalEvent,
    EndEvent,
    ErrorEvent,
    EscalationEvent,
    MessageEvent,
    ParallelGateway,
    SignalEvent,
    StartEvent,
    SubProcess,
    ThrowEvent,
    TimerEvent,
    UserTask,
)

HOUR = timedelta(hours=1)


def run(*elements, flows: str, variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", variables)


def on_event(name: str, event, flows: str, *elements, interrupting: bool = True, **fields):
    """An event sub-process that starts at ``begin_<name>``."""
    start = StartEvent(f"begin_{name}", events=[event], interrupting=interrupting)
    return subprocess(name, start, *elements, flows=f"begin_{name} -> {flows}", event=True, **fields)


# -- sub-processes -----------------------------------------------------------------------------------------


def test_a_subprocess_completes_when_its_last_token_does():
    inner = subprocess(
        "sub", StartEvent("si"), ParallelGateway("split"), flows="si -> split -> a\nsplit -> b"
    )
    world, p = run(inner, flows="s -> sub -> c")
    world.complete(p, "a")
    assert world.at(p) == ["b", "sub"]
    world.complete(p, "b")
    assert world.at(p) == ["c"]
    assert len(world.state(p).scopes) == 1


def test_an_empty_subprocess_completes_at_once():
    world, p = run(subprocess("sub", flows=""), flows="s -> sub -> a")
    assert world.at(p) == ["a"]


def test_subprocesses_nest():
    innermost = subprocess("in2", StartEvent("s2"), EndEvent("x2"), flows="s2 -> a -> x2")
    inner = subprocess("in1", StartEvent("s1"), innermost, EndEvent("x1"), flows="s1 -> in2 -> x1")
    world, p = run(inner, flows="s -> in1 -> b")
    assert world.at(p) == ["a", "in1", "in2"]
    world.complete(p, "a")
    assert world.at(p) == ["b"]


def test_variables_that_a_subprocess_declares_end_with_it():
    inner = subprocess(
        "sub",
        StartEvent("si"),
        script("set", '{"mine": 2, "ours": 3, "new": 4}'),
        flows="si -> set -> a",
        variables={"mine": 1},
    )
    world, p = run(inner, flows="s -> sub -> b", variables={"ours": 0})
    [scope] = [row for row in world.state(p).scopes.values() if row.node == "sub"]
    assert scope.variables == {"mine": 2}
    assert world.state(p).variables == {"ours": 3, "new": 4}


# -- event sub-processes -----------------------------------------------------------------------------------


def test_an_interrupting_event_subprocess_takes_the_place_of_its_scope():
    handler = on_event("handle", MessageEvent("stop"), "h")
    inner = subprocess("sub", StartEvent("si"), handler, flows="si -> a")
    world, p = run(inner, flows="s -> sub -> b")
    world.message("stop", "", {"why": "enough"})
    assert world.at(p) == ["h", "handle", "sub"]
    assert world.subscriptions == {}
    world.complete(p, "h")
    assert world.at(p) == ["b"]
    assert world.state(p).variables == {"why": "enough"}


def test_an_event_subprocess_beside_its_scope_runs_each_time_and_keeps_the_scope_open():
    handler = on_event("handle", SignalEvent("ping"), "h", interrupting=False)
    world, p = run(handler, flows="s -> a -> e")
    world.signal("ping")
    world.signal("ping")
    assert world.at(p) == ["a", "h", "h", "handle", "handle"]
    world.complete(p, "a")
    world.complete(p, "h")
    assert world.state(p).status == "active"
    world.complete(p, "h")
    assert world.state(p).outcome == "completed"


def test_what_an_event_brings_can_be_declared_by_its_subprocess():
    handler = on_event("handle", MessageEvent("m"), "h", interrupting=False, variables={"text": ""})
    world, p = run(handler, flows="s -> a")
    for text in ("x", "y"):
        world.message("m", "", {"text": text, "last": text})
    scopes = [row for row in world.state(p).scopes.values() if row.node == "handle"]
    assert [row.variables["text"] for row in scopes] == ["x", "y"]
    assert world.state(p).variables == {"last": "y"}


def test_timers_and_conditions_start_event_subprocesses():
    timed = on_event("timed", TimerEvent(cycle="R2/PT1H"), "t", interrupting=False)
    asked = on_event("asked", ConditionalEvent("n > 1"), "c", interrupting=False)
    world, p = run(timed, asked, flows="s -> a", variables={"n": 0})
    world.pass_time(5 * HOUR)
    world.send(p, on.VariablesSet(at=world.now, variables={"n": 2}))
    assert [row.node for row in world.tasks.values()] == ["a", "t", "t", "c"]


def test_an_error_in_an_event_subprocess_goes_outwards_not_to_its_neighbours():
    first = on_event("first", ErrorEvent("E"), "x1", EndEvent("x1", events=[ErrorEvent("E")]))
    inner = subprocess(
        "sub", StartEvent("si"), first, EndEvent("bad", events=[ErrorEvent("E")]), flows="si -> bad"
    )
    caught = BoundaryEvent("c", attached_to="sub", events=[ErrorEvent("E")])
    world, p = run(inner, caught, flows="s -> sub -> b\nc -> d")
    assert world.at(p) == ["d"]


# -- errors and escalations --------------------------------------------------------------------------------


def throwing(event, after: str = "") -> SubProcess:
    ends = EndEvent("bad", events=[event])
    return subprocess(
        "sub",
        StartEvent("si"),
        ParallelGateway("sp"),
        ends,
        flows=f"si -> sp -> i -> bad\nsp -> {after or 'j'}",
    )


@pytest.mark.parametrize(
    ("codes", "caught"),
    [(["E"], "c0"), (["", "E"], "c1"), (["other", ""], "c1")],
)
def test_an_error_goes_to_who_names_it_before_who_catches_all(codes, caught):
    boundaries = [
        BoundaryEvent(f"c{n}", attached_to="sub", events=[ErrorEvent(code)]) for n, code in enumerate(codes)
    ]
    ways = "\n".join(f"c{n} -> after_c{n}" for n in range(len(codes)))
    world, p = run(throwing(ErrorEvent("E")), *boundaries, flows=f"s -> sub -> b\n{ways}")
    world.complete(p, "i")
    assert world.at(p) == [f"after_{caught}"]


def test_an_error_that_nothing_catches_ends_the_process_with_it():
    world, p = run(
        EndEvent("bad", events=[ErrorEvent("E")]), ParallelGateway("sp"), flows="s -> sp -> a -> bad\nsp -> b"
    )
    world.complete(p, "a")
    assert (world.state(p).outcome, world.state(p).error) == ("error", "E")
    assert world.tasks == {}


def test_an_error_crosses_several_levels():
    inner = throwing(ErrorEvent("E"))
    outer = subprocess("outer", StartEvent("so"), inner, flows="so -> sub -> o")
    caught = BoundaryEvent("c", attached_to="outer", events=[ErrorEvent("E")])
    world, p = run(outer, caught, flows="s -> outer -> b\nc -> d")
    world.complete(p, "i")
    assert world.at(p) == ["d"]


@pytest.mark.parametrize(("interrupting", "left"), [(True, ["c"]), (False, ["c", "j", "sub"])])
def test_an_escalation_interrupts_only_if_its_catcher_says_so(interrupting, left):
    caught = BoundaryEvent("x", attached_to="sub", interrupting=interrupting, events=[EscalationEvent("E")])
    world, p = run(throwing(EscalationEvent("E")), caught, flows="s -> sub -> b\nx -> c")
    world.complete(p, "i")
    assert world.at(p) == left


def test_an_escalation_that_nothing_catches_goes_to_the_caller_and_the_process_goes_on():
    throw = ThrowEvent("throw", events=[EscalationEvent("E")])
    world, p = run(throw, flows="s -> throw -> a")
    assert out.EscalateToCaller("throw", "E") in world.instances[p].effects
    assert world.at(p) == ["a"]


def test_an_escalation_can_start_an_event_subprocess():
    handler = on_event("handle", EscalationEvent(""), "h", interrupting=False)
    throw = ThrowEvent("throw", events=[EscalationEvent("E")])
    world, p = run(handler, throw, flows="s -> throw -> a")
    assert world.at(p) == ["a", "h", "handle"]


# -- ad-hoc sub-processes ----------------------------------------------------------------------------------


def ad_hoc(flows: str = "a -> b", **fields) -> SubProcess:
    return subprocess("sub", UserTask("c"), flows=flows, ad_hoc=AdHoc(**fields))


def test_a_parallel_ad_hoc_subprocess_does_everything_at_once():
    world, p = run(ad_hoc(), flows="s -> sub -> d")
    assert world.at(p) == ["a", "c", "sub"]
    for node in ("a", "c", "b"):
        world.complete(p, node)
    assert world.at(p) == ["d"]


def test_a_sequential_ad_hoc_subprocess_does_one_thing_after_the_other():
    world, p = run(ad_hoc(sequential=True), flows="s -> sub -> d")
    for node in ("a", "b", "c"):
        assert world.at(p) == sorted([node, "sub"])
        world.complete(p, node)
    assert world.at(p) == ["d"]


@pytest.mark.parametrize("sequential", [True, False])
def test_an_ad_hoc_subprocess_ends_when_its_condition_holds(sequential):
    world, p = run(
        ad_hoc(sequential=sequential, completion="enough"), flows="s -> sub -> d", variables={"enough": False}
    )
    world.complete(p, "a", {"enough": True})
    assert world.at(p) == ["d"]


def test_an_ad_hoc_subprocess_can_let_what_has_begun_finish():
    model = ad_hoc(completion="enough", cancel_remaining=False)
    world, p = run(model, flows="s -> sub -> d", variables={"enough": False})
    world.complete(p, "a", {"enough": True})
    assert world.at(p) == ["c", "sub"]
    world.complete(p, "c")
    assert world.at(p) == ["d"]


# -- transactions ------------------------------------------------------------------------------------------


def test_a_cancelled_transaction_is_left_by_its_cancel_boundary_event():
    cancel = EndEvent("cancel", events=[CancelEvent()])
    inner = subprocess(
        "tx",
        StartEvent("si"),
        ParallelGateway("sp"),
        cancel,
        flows="si -> sp -> a -> cancel\nsp -> b",
        transaction=True,
    )
    caught = BoundaryEvent("c", attached_to="tx", events=[CancelEvent()])
    world, p = run(inner, caught, flows="s -> tx -> d\nc -> e1\nc -> f")
    world.complete(p, "a")
    assert world.at(p) == ["f"]
    assert [row.node for row in world.tasks.values()] == ["f"]


def test_an_error_leaves_a_transaction_without_undoing_it():
    bad = EndEvent("bad", events=[ErrorEvent("E")])
    inner = subprocess("tx", StartEvent("si"), bad, flows="si -> a -> bad", transaction=True)
    caught = BoundaryEvent("c", attached_to="tx", events=[ErrorEvent()])
    world, p = run(inner, caught, flows="s -> tx -> d\nc -> f")
    world.complete(p, "a")
    assert world.at(p) == ["f"]
