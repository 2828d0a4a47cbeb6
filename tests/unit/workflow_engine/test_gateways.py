"""Gateways: which flows are taken, and when joins fire."""

from __future__ import annotations

from datetime import timedelta

from msgspec.structs import replace

from tests.unit.workflow_engine.models import process, script, subprocess
from tests.unit.workflow_engine.world import World
from workflow.engine.model import (
    BoundaryEvent,
    CatchEvent,
    ComplexGateway,
    EndEvent,
    EventBasedGateway,
    ExclusiveGateway,
    InclusiveGateway,
    MessageEvent,
    ParallelGateway,
    ReceiveTask,
    SignalEvent,
    StartEvent,
    TimerEvent,
    UserTask,
)


def run(*elements, flows: str, variables=None, **fields) -> tuple[World, str]:
    world = World([process(*elements, flows=flows, **fields)])
    return world, world.start("p", variables)


def test_an_exclusive_gateway_takes_the_first_flow_that_holds():
    flows = """
        s -> x
        x -> a ? n > 10
        x -> b ? n > 5
        x -> c"""
    for number, taken in ((11, "a"), (6, "b"), (1, "c")):
        world, p = run(ExclusiveGateway("x", default="x.c"), flows=flows, variables={"n": number})
        assert world.at(p) == [taken]


def test_without_a_flow_that_holds_the_token_waits_for_help_and_goes_on_when_helped():
    world, p = run(ExclusiveGateway("x"), flows="s -> x\nx -> a ? n > 10", variables={"n": 1})
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.node) == ("no_flow", "x")
    world.retry(p, {"n": 12})
    assert world.at(p) == ["a"]
    assert world.state(p).incidents == {}


def test_a_condition_that_cannot_be_evaluated_is_an_incident_that_names_it():
    world, p = run(ExclusiveGateway("x"), flows="s -> x\nx -> a ? nothing > 10")
    [incident] = world.state(p).incidents.values()
    assert incident.kind == "expression"
    assert "nothing" in incident.message


def test_a_condition_must_be_true_or_false():
    world, p = run(ExclusiveGateway("x"), flows="s -> x\nx -> a ? 1 + 1")
    [incident] = world.state(p).incidents.values()
    assert "not true or false" in incident.message


def test_a_parallel_gateway_waits_for_every_branch():
    split, join = ParallelGateway("split"), ParallelGateway("join")
    world, p = run(split, join, flows="s -> split -> a -> join -> c -> e\nsplit -> b -> join")
    world.complete(p, "a")
    assert world.at(p) == ["b"]
    assert [row.flow for row in world.state(p).arrivals.values()] == ["a.join"]
    world.complete(p, "b")
    assert world.at(p) == ["c"]
    assert world.state(p).arrivals == {}


def test_each_branch_has_an_arrival_of_its_own_so_a_loop_cannot_stand_in_for_a_branch():
    split, join = ParallelGateway("split"), ParallelGateway("join")
    flows = """
        s -> split -> a -> again
        again -> a ? more
        again -> join
        split -> b -> join -> e"""
    again = InclusiveGateway("again", default="again.join")
    world, p = run(split, join, again, flows=flows, variables={"more": True})
    world.complete(p, "a", {"more": True})
    world.complete(p, "a", {"more": False})
    assert world.at(p) == ["b"]
    world.complete(p, "b")
    assert world.state(p).outcome == "completed"


def test_a_parallel_join_that_lacks_a_token_for_good_is_an_incident():
    split, join = ExclusiveGateway("split", default="split.b"), ParallelGateway("join")
    world, p = run(split, join, flows="s -> split\nsplit -> a ? true\nsplit -> b\na -> join -> e\nb -> join")
    assert world.state(p).incidents == {}
    world.complete(p, "a")
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.node) == ("stuck_join", "join")
    assert world.state(p).status == "active"


def test_an_inclusive_split_takes_all_that_hold_and_its_join_waits_for_just_those():
    flows = """
        s -> split
        split -> a ? x.contains("a")
        split -> b ? x.contains("b")
        split -> c
        a -> join -> d -> e
        b -> join
        c -> join"""
    gateways = (InclusiveGateway("split", default="split.c"), InclusiveGateway("join"))
    world, p = run(*gateways, flows=flows, variables={"x": "ab"})
    assert world.at(p) == ["a", "b"]
    world.complete(p, "b")
    assert world.at(p) == ["a"]
    world.complete(p, "a")
    assert world.at(p) == ["d"]
    world, p = run(*gateways, flows=flows, variables={"x": ""})
    world.complete(p, "c")
    assert world.at(p) == ["d"]


def test_an_inclusive_join_waits_for_what_can_still_come_around_a_loop():
    """The loop before b can be taken any number of times; the join waits until it is left."""
    flows = """
        s -> split
        split -> a
        split -> b
        b -> again
        again -> b ? more
        again -> join
        a -> join -> d -> e"""
    world, p = run(
        InclusiveGateway("split"),
        InclusiveGateway("join"),
        ExclusiveGateway("again", default="again.join"),
        flows=flows,
        variables={"more": True},
    )
    world.complete(p, "a")
    world.complete(p, "b", {"more": True})
    assert world.at(p) == ["b"]
    world.complete(p, "b", {"more": False})
    assert world.at(p) == ["d"]


def test_an_inclusive_join_fires_when_the_branch_it_waits_for_goes_elsewhere():
    """b's branch ends without coming to the join: nothing can reach it any more, so it fires."""
    flows = """
        s -> split -> a -> join -> d -> e
        split -> b -> away
        away -> join ? back
        away -> e1"""
    world, p = run(
        ParallelGateway("split"),
        InclusiveGateway("join"),
        ExclusiveGateway("away", default="away.e1"),
        flows=flows,
        variables={"back": False},
    )
    world.complete(p, "a")
    assert world.at(p) == ["b"]
    world.complete(p, "b")
    assert world.at(p) == ["d"]


def test_two_inclusive_joins_in_a_row_do_not_wait_for_each_other():
    flows = """
        s -> split -> a -> j1 -> c -> j2 -> d -> e
        split -> b -> j1
        split -> f -> j2"""
    world, p = run(ParallelGateway("split"), InclusiveGateway("j1"), InclusiveGateway("j2"), flows=flows)
    world.complete(p, "f")
    world.complete(p, "a")
    assert world.at(p) == ["b"]
    world.complete(p, "b")
    world.complete(p, "c")
    assert world.at(p) == ["d"]


def test_a_token_that_can_reach_a_filled_flow_does_not_hold_an_inclusive_join_up():
    """BPMN 2.0.2, 13.4.3: the token at ``before`` reaches both flows of the join, so it does not wait."""
    flows = """
        s -> split -> before -> choose
        choose -> a ? left
        choose -> b
        a -> join -> d -> e
        b -> join
        split -> a2 -> a"""
    world, p = run(
        ParallelGateway("split"),
        ExclusiveGateway("choose", default="choose.b"),
        InclusiveGateway("join"),
        flows=flows,
        variables={"left": True},
    )
    world.complete(p, "a2")
    world.complete(p, "a")
    assert world.at(p) == ["before", "d"]


def test_a_boundary_event_counts_as_a_way_to_an_inclusive_join():
    flows = """
        s -> split -> a -> join -> d -> e
        split -> b -> e1
        late -> join"""
    late = BoundaryEvent("late", attached_to="b", events=[TimerEvent(duration="PT1H")])
    world, p = run(ParallelGateway("split"), InclusiveGateway("join"), late, flows=flows)
    world.complete(p, "a")
    assert world.at(p) == ["b"]  # b may still time out and come to the join
    world.pass_time(timedelta(hours=1))
    assert world.at(p) == ["d"]


def test_a_join_in_a_subprocess_knows_only_what_is_in_it():
    inner = subprocess(
        "sub",
        ParallelGateway("split"),
        InclusiveGateway("join"),
        StartEvent("si"),
        EndEvent("ei"),
        flows="si -> split -> a -> join -> ei\nsplit -> b -> join",
    )
    world, p = run(inner, ParallelGateway("fork"), flows="s -> fork -> sub -> e\nfork -> other -> e1")
    world.complete(p, "a")
    world.complete(p, "b")
    assert world.at(p) == ["other"]


def test_a_complex_gateway_fires_at_its_condition_and_takes_up_the_rest_in_silence():
    """Two of three: a partial join (workflow pattern 30)."""
    flows = "s -> split -> a -> join -> d -> e\nsplit -> b -> join\nsplit -> c -> join"
    gateways = (ParallelGateway("split"), ComplexGateway("join", activation="activationCount >= 2"))
    world, p = run(*gateways, flows=flows)
    world.complete(p, "c")
    assert world.at(p) == ["a", "b"]
    world.complete(p, "a")
    assert world.at(p) == ["b", "d"]
    world.complete(p, "b")
    assert world.at(p) == ["d"]
    world.complete(p, "d")
    assert world.state(p).outcome == "completed"


def test_a_complex_gateway_is_ready_again_after_its_reset():
    """In a loop the discriminator fires once per round."""
    flows = """
        s -> loop -> split -> a -> join -> d -> again
        split -> b -> join
        again -> loop ? more
        again -> e"""
    world, p = run(
        ExclusiveGateway("loop"),
        ParallelGateway("split"),
        ComplexGateway("join", activation="activationCount >= 1"),
        ExclusiveGateway("again", default="again.e"),
        flows=flows,
        variables={"more": True},
    )
    world.complete(p, "a")
    world.complete(p, "b")
    world.complete(p, "d", {"more": True})
    assert world.at(p) == ["a", "b"]
    world.complete(p, "b")
    assert world.at(p) == ["a", "d"]
    world.complete(p, "a")
    world.complete(p, "d", {"more": False})
    assert world.state(p).outcome == "completed"


def test_a_complex_gateway_sends_tokens_out_at_its_reset_where_a_flow_asks_for_it():
    flows = """
        s -> split -> a -> join
        split -> b -> join
        join -> first ? waitingForStart
        join -> last ? !waitingForStart
        first -> e
        last -> e1"""
    gateways = (ParallelGateway("split"), ComplexGateway("join", activation="activationCount >= 1"))
    world, p = run(*gateways, flows=flows)
    world.complete(p, "a")
    assert world.at(p) == ["b", "first"]
    world.complete(p, "b")
    assert world.at(p) == ["first", "last"]


def test_a_complex_gateway_can_ask_how_many_came_by_which_flow():
    flows = "s -> split -> a -> join -> d -> e\nsplit -> b -> join"
    activation = "flow_a > 0 || activationCount > 1"
    model = process(ParallelGateway("split"), ComplexGateway("join", activation=activation), flows=flows)
    model = replace(model, flows=[replace(f, id="flow_a") if f.id == "a.join" else f for f in model.flows])
    world = World([model])
    p = world.start("p")
    world.complete(p, "a")
    assert world.at(p) == ["b", "d"]


def test_a_complex_gateway_without_a_condition_joins_everything():
    flows = "s -> split -> a -> join -> d\nsplit -> b -> join"
    world, p = run(ParallelGateway("split"), ComplexGateway("join"), flows=flows)
    world.complete(p, "a")
    assert world.at(p) == ["b"]
    world.complete(p, "b")
    assert world.at(p) == ["d"]


def test_an_activation_condition_that_fails_is_asked_again_when_helped():
    flows = "s -> split -> a -> join -> d\nsplit -> b -> join"
    gateways = (ParallelGateway("split"), ComplexGateway("join", activation="activationCount >= least"))
    world, p = run(*gateways, flows=flows)
    world.complete(p, "a")
    [incident] = world.state(p).incidents.values()
    assert (incident.kind, incident.node, incident.token) == ("expression", "join", "")
    world.retry(p, {"least": 1})
    assert world.at(p) == ["b", "d"]


def test_what_waits_at_joins_is_gone_with_its_scope():
    inner = subprocess(
        "sub",
        StartEvent("si"),
        ParallelGateway("split"),
        ComplexGateway("join", activation="activationCount >= 1"),
        flows="si -> split -> a -> join -> d\nsplit -> b -> join",
    )
    stop = BoundaryEvent("stop", attached_to="sub", events=[MessageEvent("stop")])
    world, p = run(inner, stop, flows="s -> sub -> e\nstop -> c")
    world.complete(p, "a")
    world.message("stop")
    assert world.at(p) == ["c"]
    assert (world.state(p).arrivals, world.state(p).gateways) == ({}, {})


def test_an_event_based_gateway_goes_on_with_the_first_event_and_gives_up_the_others():
    flows = "s -> g -> timer -> a -> e\ng -> message -> b -> e\ng -> receive -> c -> e"
    elements = (
        EventBasedGateway("g"),
        CatchEvent("timer", events=[TimerEvent(duration="PT1H")]),
        CatchEvent("message", events=[MessageEvent("paid", "=order")]),
        ReceiveTask("receive", message=MessageEvent("cancelled")),
    )
    world, p = run(*elements, flows=flows, variables={"order": 7})
    assert not world.message("paid", "8")
    assert world.message("paid", "7", {"amount": 12})
    assert world.at(p) == ["b"]
    assert world.state(p).waits == {}
    assert world.timers == {}
    assert world.subscriptions == {}
    assert world.state(p).variables["amount"] == 12
    world, p = run(*elements, flows=flows, variables={"order": 7})
    world.pass_time(timedelta(hours=1))
    assert world.at(p) == ["a"]
    world, p = run(*elements, flows=flows, variables={"order": 7})
    world.message("cancelled", "", {"why": "late"})
    assert world.at(p) == ["c"]
    assert world.state(p).variables["why"] == "late"


def test_a_parallel_event_based_gateway_wants_every_event():
    flows = "s -> g -> one -> a -> e\ng -> two -> b -> e1"
    elements = (
        EventBasedGateway("g", parallel=True),
        CatchEvent("one", events=[SignalEvent("one")]),
        CatchEvent("two", events=[SignalEvent("two")]),
    )
    world, p = run(*elements, flows=flows)
    world.signal("two")
    assert world.at(p) == ["b", "g"]
    world.signal("one")
    assert world.at(p) == ["a", "b"]


def test_a_process_can_begin_at_an_event_based_gateway():
    flows = "g -> one -> a -> e\ng -> two -> b -> e1"
    elements = [
        CatchEvent("one", events=[MessageEvent("one")]),
        CatchEvent("two", events=[MessageEvent("two")]),
    ]
    world = World([process(EventBasedGateway("g", instantiate=True), *elements, flows=flows)])
    assert world.message("two", "", {"x": 1})
    assert world.at("p1") == ["b"]
    assert world.state("p1").waits == {}
    parallel = EventBasedGateway("g", instantiate=True, parallel=True)
    world = World([process(parallel, *elements, flows=flows)])
    world.message("two")
    assert world.at("p1") == ["b", "g"]
    world.message("one")
    assert world.at("p1") == ["a", "b"]


def test_flows_out_of_an_activity_are_taken_as_the_standard_says():
    """Unconditional ones always, conditional ones if they hold, the default if no conditional one does."""
    flows = """
        s -> a
        a -> b ? x == 1
        a -> c
        a -> d"""
    world, p = run(UserTask("a", default="a.d"), flows=flows, variables={"x": 1})
    world.complete(p, "a")
    assert world.at(p) == ["b", "c"]
    world, p = run(UserTask("a", default="a.d"), flows=flows, variables={"x": 2})
    world.complete(p, "a")
    assert world.at(p) == ["c", "d"]


def test_a_path_ends_where_no_flow_leaves():
    world, p = run(script("x", "null"), flows="s -> x")
    assert world.state(p).outcome == "completed"
