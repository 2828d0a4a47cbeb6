"""Definitions for tests, in few words: ``process(StartEvent("s"), ..., flows="s -> task -> end")``."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from workflow.engine.faults import errors
from workflow.engine.model import (
    AnyElement,
    EndEvent,
    Flow,
    Process,
    ScriptTask,
    StartEvent,
    SubProcess,
    UserTask,
)
from workflow.engine.validate import validate


def flows(text: str) -> list[Flow]:
    """``a -> b -> c`` gives flows ``a.b`` and ``b.c``; ``a -> b ? x > 1`` has a condition; a path a line."""
    found: list[Flow] = []
    for line in filter(None, (row.strip() for row in text.strip().splitlines())):
        path, _, condition = line.partition(" ? ")
        names = re.split(r"\s*->\s*", path.strip())
        found += [Flow(f"{a}.{b}", a, b, condition=condition.strip()) for a, b in pairwise(names)]
    return found


def simple(name: str) -> AnyElement:
    """``s`` is a start, ``e`` and ``e`` with a digit are ends, every other name is a user task."""
    if name == "s":
        return StartEvent(name)
    if re.fullmatch(r"e\d*", name):
        return EndEvent(name)
    return UserTask(name)


def content(elements: tuple[AnyElement, ...], text: str) -> tuple[list[AnyElement], list[Flow]]:
    """The given elements, and simple ones for every other name in the flows."""
    made = flows(text)
    known = {element.id for element in elements}
    names = dict.fromkeys(name for flow in made for name in (flow.source, flow.target))
    return [*(simple(name) for name in names if name not in known), *elements], made


def process(*elements: AnyElement, flows: str, key: str = "p", valid: bool = True, **fields: Any) -> Process:
    inside, made = content(elements, flows)
    made_process = Process(key, elements=inside, flows=made, **fields)
    if valid:
        assert errors(validate(made_process)) == []
    return made_process


def subprocess(name: str, *elements: AnyElement, flows: str, **fields: Any) -> SubProcess:
    inside, made = content(elements, flows)
    return SubProcess(name, elements=inside, flows=made, **fields)


def script(name: str, text: str, **fields: Any) -> ScriptTask:
    return ScriptTask(name, script=text, **fields)
