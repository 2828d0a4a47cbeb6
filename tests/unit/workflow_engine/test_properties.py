"""Random sound definitions, run in random orders: no token is lost, no join is stuck, history replays.

A definition is made of blocks, so it is sound by construction, and how often each of its tasks has to run is
known beforehand: the engine, with its joins and loops and scopes, has to come to the same count.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.workflow_engine.world import World
from workflow.engine import triggers as on
from workflow.engine.advance import advance
from workflow.engine.delivering import TriggerRefused
from workflow.engine.diagram import draw
from workflow.engine.faults import errors
from workflow.engine.graph import Definition
from workflow.engine.layout import lay_out
from workflow.engine.model import (
    AnyElement,
    BoundaryEvent,
    CatchEvent,
    EndEvent,
    ExclusiveGateway,
    Flow,
    InclusiveGateway,
    MessageEvent,
    MultiInstance,
    ParallelGateway,
    Process,
    ScriptTask,
    ServiceTask,
    StartEvent,
    SubProcess,
    TimerEvent,
    UserTask,
)
from workflow.engine.state import State
from workflow.engine.validate import validate

# -- blocks ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    kind: str
    instances: int = 0  # 0: not repeated; negative: that many in sequence


@dataclass(frozen=True)
class Sequence:
    parts: tuple


@dataclass(frozen=True)
class Split:
    """``kind`` xor, and or or; ``taken`` are the branches whose conditions hold."""

    kind: str
    branches: tuple
    taken: frozenset


@dataclass(frozen=True)
class Loop:
    body: object
    rounds: int


@dataclass(frozen=True)
class Sub:
    body: object
    instances: int = 0
    stoppable: bool = False


def splits(inner):
    branches = st.lists(inner, min_size=2, max_size=3).map(tuple)

    def chosen(pair):
        kind, rows = pair
        indexes = range(len(rows))
        if kind == "and":
            return st.just(Split(kind, rows, frozenset(indexes)))
        if kind == "xor":
            return st.sampled_from(indexes).map(lambda one: Split(kind, rows, frozenset([one])))
        return st.frozensets(st.sampled_from(indexes), min_size=1).map(lambda some: Split(kind, rows, some))

    return st.tuples(st.sampled_from(["and", "xor", "or", "or"]), branches).flatmap(chosen)


tasks = st.builds(
    Task, st.sampled_from(["user", "service", "script", "timer", "user"]), st.sampled_from([0, 0, 0, 2, -2])
)
blocks = st.recursive(
    tasks,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Sequence(tuple(parts))),
        splits(inner),
        st.builds(Loop, inner, st.integers(1, 3)),
        st.builds(Sub, inner, st.sampled_from([0, 0, 2, -2]), st.booleans()),
    ),
    max_leaves=9,
)


# -- from blocks to definitions ----------------------------------------------------------------------------


@dataclass
class Builder:
    """Elements and flows of one scope, and how often each task has to run in one run of it."""

    names: list[int] = field(default_factory=lambda: [0])
    elements: list[AnyElement] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)
    expected: Counter = field(default_factory=Counter)
    variables: dict = field(default_factory=dict)

    def name(self, kind: str) -> str:
        self.names[0] += 1
        return f"{kind}{self.names[0]}"

    def add(self, element: AnyElement) -> str:
        self.elements.append(element)
        return element.id

    def flow(self, source: str, target: str, condition: str = "") -> None:
        self.flows.append(Flow(self.name("f"), source, target, condition=condition))

    def build(self, block, times: int) -> tuple[str, str]:
        """Adds a block that runs ``times`` times; where it is entered and where it is left."""
        match block:
            case Task():
                return self._task(block, times)
            case Sequence():
                ends = [self.build(part, times) for part in block.parts]
                for (_, left), (entered, _) in pairwise(ends):
                    self.flow(left, entered)
                return ends[0][0], ends[-1][1]
            case Split():
                return self._split(block, times)
            case Loop():
                return self._loop(block, times)
            case Sub():
                return self._sub(block, times)
        raise AssertionError(block)

    def _task(self, block: Task, times: int) -> tuple[str, str]:
        name = self.name(block.kind)
        loop = _instances(block.instances)
        if block.kind == "timer":
            self.add(CatchEvent(name, events=[TimerEvent(duration="PT1H")]))
            self.expected[name] += times
            return name, name
        kinds = {"user": UserTask, "service": ServiceTask, "script": ScriptTask}
        self.add(kinds[block.kind](name, loop=loop))
        self.expected[name] += times * (abs(block.instances) + 1 if loop else 1)
        return name, name

    def _split(self, block: Split, times: int) -> tuple[str, str]:
        kinds: dict[str, Any] = {"and": ParallelGateway, "xor": ExclusiveGateway, "or": InclusiveGateway}
        split, join = (
            self.add(kinds[block.kind](self.name("split"))),
            self.add(kinds[block.kind](self.name("join"))),
        )
        for number, branch in enumerate(block.branches):
            taken = number in block.taken
            entered, left = self.build(branch, times if taken else 0)
            self.flow(split, entered, "" if block.kind == "and" else str(taken).lower())
            self.flow(left, join)
        return split, join

    def _loop(self, block: Loop, times: int) -> tuple[str, str]:
        counter = self.name("n")
        self.variables[counter] = 0
        reset = self.add(ScriptTask(self.name("reset"), script="0", result=counter))
        merge = self.add(ExclusiveGateway(self.name("merge")))
        entered, left = self.build(block.body, times * block.rounds)
        count = self.add(ScriptTask(self.name("count"), script=f"{counter} + 1", result=counter))
        out = self.name("out")
        again = ExclusiveGateway(self.name("again"), default=out)
        self.add(again)
        after = self.add(ExclusiveGateway(self.name("after")))
        for source, target in ((reset, merge), (merge, entered), (left, count), (count, again.id)):
            self.flow(source, target)
        self.flow(again.id, merge, f"{counter} < {block.rounds}")
        self.flows.append(Flow(out, again.id, after))
        return reset, after

    def _sub(self, block: Sub, times: int) -> tuple[str, str]:
        inner = Builder(self.names)
        inner.whole(block.body, times * (abs(block.instances) or 1))
        name = self.name("sub")
        loop = _instances(block.instances)
        self.add(
            SubProcess(name, elements=inner.elements, flows=inner.flows, variables=inner.variables, loop=loop)
        )
        self.expected += inner.expected
        if not block.stoppable:
            return name, name
        stop, join = self.name("stop"), self.name("join")
        self.add(BoundaryEvent(stop, attached_to=name, events=[MessageEvent(stop)]))
        self.add(ExclusiveGateway(join))
        self.flow(name, join)
        self.flow(stop, join)
        return name, join

    def whole(self, block, times: int) -> None:
        entered, left = self.build(block, times)
        start, end = self.add(StartEvent(self.name("start"))), self.add(EndEvent(self.name("end")))
        self.flow(start, entered)
        self.flow(left, end)


def _instances(count: int) -> MultiInstance | None:
    return MultiInstance(sequential=count < 0, cardinality=str(abs(count))) if count else None


def definition(block) -> tuple[Process, Counter]:
    builder = Builder()
    builder.whole(block, 1)
    process = Process("p", elements=builder.elements, flows=builder.flows, variables=builder.variables)
    assert errors(validate(process)) == []
    return process, +builder.expected


# -- running -----------------------------------------------------------------------------------------------


def choices(world: World, p: str, *, stops: bool) -> list[on.AnyTrigger]:
    """Everything that could happen to the process next."""
    now = world.now
    found: list[on.AnyTrigger] = [on.TaskCompleted(at=now, task=task) for _, task in world.tasks]
    found += [on.JobCompleted(at=now, job=job.job) for _, job in world.jobs]
    found += [on.TimerFired(at=due, timer=timer) for (_, timer), due in world.timers.items()]
    if stops:
        found += [on.MessageReceived(at=now, subscription=name) for _, name in world.subscriptions]
    return found


def happen(world: World, p: str, trigger: on.AnyTrigger) -> None:
    if isinstance(trigger, on.JobCompleted):
        world.jobs = [row for row in world.jobs if row[1].job != trigger.job]
    if isinstance(trigger, on.TimerFired):
        del world.timers[p, trigger.timer]
    world.send(p, trigger)


def check(world: World, p: str) -> None:
    """What has been asked of the outside is just what the state waits for."""
    state = world.state(p)
    waits = Counter(token.waits for token in state.tokens.values())
    assert "" not in waits
    assert waits["task"] == len(world.tasks)
    assert waits["job"] == len(world.jobs)
    assert {key for _, key in world.timers} == {row.id for row in state.waits.values() if row.kind == "timer"}
    assert {key for _, key in world.subscriptions} == {
        row.id for row in state.waits.values() if row.kind == "message"
    }
    assert state.incidents == {}
    for token in state.tokens.values():
        assert token.scope in state.scopes
        assert not token.instance_of or token.instance_of in state.tokens


def run(
    block, data: st.DataObject, *, stops: bool = False
) -> tuple[World, str, list[on.AnyTrigger], Counter]:
    process, expected = definition(block)
    world = World([process])
    triggers: list[on.AnyTrigger] = [on.Start(at=world.now, process="p1")]
    p = world.start("p")
    check(world, p)
    while world.state(p).status == "active":
        possible = choices(world, p, stops=stops)
        assert possible, f"stuck at {world.at(p)}"
        trigger = data.draw(st.sampled_from(possible))
        triggers.append(trigger)
        happen(world, p, trigger)
        check(world, p)
    return world, p, triggers, expected


FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@FEW
@given(blocks, st.data())
def test_every_task_runs_as_often_as_the_model_says_and_nothing_is_left(block, data):
    world, p, _, expected = run(block, data)
    state = world.state(p)
    assert state.outcome == "completed"
    assert (state.tokens, state.arrivals, state.waits, state.gateways, state.done) == ({}, {}, {}, {}, {})
    assert list(state.scopes) == ["0"]
    counted = Counter(row.node for row in world.instances[p].history if row.kind == "completed")
    assert Counter({name: counted[name] for name in expected}) == expected


@FEW
@given(blocks, st.data())
def test_stopping_any_subprocess_at_any_moment_leaves_nothing_behind(block, data):
    world, p, _, _ = run(block, data, stops=True)
    state = world.state(p)
    assert state.outcome == "completed"
    assert (state.tokens, state.arrivals, state.waits) == ({}, {}, {})
    assert (world.tasks, world.jobs, world.timers, world.subscriptions) == ({}, [], {}, {})


@settings(FEW, max_examples=30)
@given(blocks, st.data())
def test_the_same_history_replays_to_the_same_state_at_every_step(block, data):
    world, p, triggers, _ = run(block, data, stops=True)
    effects = []
    state: State | None = None
    for trigger in triggers:
        result = advance(Definition(world.definitions["p"].process), state, trigger)
        state = result.state
        effects += result.effects
    assert state is not None
    assert msgspec.json.encode(state) == msgspec.json.encode(world.state(p))
    assert effects == world.instances[p].effects


@settings(FEW, max_examples=30)
@given(blocks, st.data())
def test_nothing_that_has_happened_can_happen_again(block, data):
    process, _ = definition(block)
    world = World([process])
    p = world.start("p")
    past: list[on.AnyTrigger] = []
    while world.state(p).status == "active":
        trigger = data.draw(st.sampled_from(choices(world, p, stops=True)))
        happen(world, p, trigger)
        past.append(trigger)
        before = world.state(p)
        for old in past[-3:]:
            with pytest.raises(TriggerRefused) as refused:
                advance(world.definitions["p"], before, old)
            assert refused.value.reason in ("not_waiting", "ended")


@settings(FEW, max_examples=25)
@given(blocks)
def test_every_definition_can_be_drawn_without_elements_on_top_of_each_other(block):
    process, _ = definition(block)
    assert draw(process).startswith("<svg")
    shapes = lay_out(process).shapes
    for scope in _scopes(process):
        boxes = [shapes[element.id].bounds for element in scope if not isinstance(element, BoundaryEvent)]
        for number, one in enumerate(boxes):
            for other in boxes[number + 1 :]:
                apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
                apart_y = one.y + one.height <= other.y or other.y + other.height <= one.y
                assert apart_x or apart_y


def _scopes(process: Process) -> list[list[AnyElement]]:
    found, pending = [], [process.elements]
    while pending:
        elements = pending.pop()
        found.append(elements)
        pending += [element.elements for element in elements if isinstance(element, SubProcess)]
    return found
