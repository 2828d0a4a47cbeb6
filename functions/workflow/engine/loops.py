"""Repeated activities: standard loops and multiple instances (BPMN 2.0.2, 13.3.6 and 13.3.7).

The token at the activity stays there as the loop; every instance is a token of its own, and its row names the
loop it belongs to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from .cancelling import kill
from .model import Activity, MultiInstance, StandardLoop
from .propagation import throw_to_boundary
from .run import ModelFailure, Run, step
from .state import Loop, Token, Work

MAX_INSTANCES = 10_000
"""The most instances of one activity."""


@step("loop")
def loop(run: Run, work: Work) -> None:
    """A repeated activity begins: how many instances there are to be, and the first of them."""
    token = run.tokens[work.token]
    element = run.node(token)
    assert isinstance(element, Activity)
    if isinstance(element.loop, StandardLoop):
        token = run.put(run.tokens, replace(token, waits="loop", loop=Loop()))
        unasked = not element.loop.test_before and element.loop.maximum != 0
        again = unasked or _again(run, token, element.loop)
        run.push(_instance(run, token, element) if again else Work("complete", token.id))
        return
    assert isinstance(element.loop, MultiInstance)
    items, total = _instances_wanted(run, token, element.loop)
    token = run.put(run.tokens, replace(token, waits="loop", loop=Loop(total, items=items)))
    if total == 0:
        run.push(*_finished(run, token, element.loop))
        return
    count = 1 if element.loop.sequential else total
    run.push(*[_instance(run, run.tokens[token.id], element) for _ in range(count)])


def instance_completed(run: Run, token: Token, element: Activity, result: Mapping[str, Any]) -> None:
    """An instance is done: its output is gathered, and the loop goes on or ends."""
    outer = run.tokens[token.instance_of]
    state = outer.loop
    assert state is not None
    outputs = state.outputs
    marker = element.loop
    if isinstance(marker, MultiInstance) and marker.output:
        outputs = [*outputs, [token.counter, run.evaluate(marker.output, token, more=result)]]
    done = replace(state, completed=state.completed + 1, outputs=outputs)
    outer = run.put(run.tokens, replace(outer, loop=done))
    seen = token.variables
    run.drop(run.tokens, token)
    if isinstance(marker, StandardLoop):
        again = _again(run, outer, marker)
        run.push(_instance(run, outer, element) if again else Work("complete", outer.id))
    elif isinstance(marker, MultiInstance):
        _after_instance(run, outer, element, marker, seen)


def _again(run: Run, token: Token, marker: StandardLoop) -> bool:
    assert token.loop is not None
    counter = token.loop.completed
    if marker.maximum is not None and counter >= marker.maximum:
        return False
    return not marker.condition or run.holds(marker.condition, token, more={"loopCounter": counter})


def _instances_wanted(run: Run, token: Token, marker: MultiInstance) -> tuple[list[Any], int]:
    if marker.collection:
        items = run.evaluate(marker.collection, token)
        if isinstance(items, dict):
            items = list(items)
        if not isinstance(items, list):
            raise ModelFailure(
                "multi_instance", f"The collection {marker.collection!r} gives {items!r}, not a list."
            )
        total = len(items)
    else:
        items, value = [], run.evaluate(marker.cardinality, token)
        whole = value.is_integer() if isinstance(value, float) else isinstance(value, int)
        total = int(value) if whole and not isinstance(value, bool) else -1
        if total < 0:
            raise ModelFailure(
                "multi_instance",
                f"The number of instances {marker.cardinality!r} gives {value!r}, not a whole number from 0.",
            )
    if total > MAX_INSTANCES:
        raise ModelFailure("multi_instance", f"{total} instances are more than the {MAX_INSTANCES} allowed.")
    return items, total


def _instance(run: Run, outer: Token, element: Activity) -> Work:
    """The next instance, with its number and item as its own variables."""
    state = outer.loop
    assert state is not None
    counter = state.started + 1
    variables: dict[str, Any] = {"loopCounter": counter}
    if isinstance(element.loop, MultiInstance) and element.loop.item and state.items:
        variables[element.loop.item] = state.items[counter - 1]
    run.put(run.tokens, replace(outer, loop=replace(state, started=counter)))
    row = Token(
        run.fresh(), outer.scope, outer.node, variables=variables, instance_of=outer.id, counter=counter
    )
    token = run.put(run.tokens, row)
    run.record("entered", token)
    return Work("body", token.id)


def _after_instance(
    run: Run, outer: Token, element: Activity, marker: MultiInstance, seen: dict[str, Any]
) -> None:
    """What follows an instance: events to the boundary, then the next instance or the end."""
    state = outer.loop
    assert state is not None
    works: list[Work] = []
    if marker.event is not None and (
        marker.behavior == "none" or (marker.behavior == "one" and state.completed == 1)
    ):
        works += throw_to_boundary(run, outer, marker.event)
    fulfilled = bool(marker.completion) and run.holds(marker.completion, outer, more=seen)
    for rule in marker.complex if marker.behavior == "complex" else ():
        if run.holds(rule.condition, outer, more=seen):
            fulfilled = True
            if rule.event is not None:
                works += throw_to_boundary(run, outer, rule.event)
    if fulfilled:
        _terminate_rest(run, outer)
    if fulfilled or (state.active == 0 and state.started == state.total):
        works += _finished(run, run.tokens[outer.id], marker)
    elif marker.sequential:
        works.append(_instance(run, outer, element))
    run.push(*works)


def _terminate_rest(run: Run, outer: Token) -> None:
    for token in [row for row in run.tokens.values() if row.instance_of == outer.id]:
        kill(run, token)
    outer = run.tokens[outer.id]
    assert outer.loop is not None
    left = max(outer.loop.total, outer.loop.started) - outer.loop.completed
    run.put(run.tokens, replace(outer, loop=replace(outer.loop, terminated=left)))


def _finished(run: Run, outer: Token, marker: MultiInstance) -> list[Work]:
    assert outer.loop is not None
    if marker.output_collection:
        gathered = [value for _, value in sorted(outer.loop.outputs, key=lambda entry: int(entry[0]))]
        run.assign({marker.output_collection: gathered}, scope=outer.scope)
    return [Work("complete", outer.id)]
