"""Simulation: a draft over past evaluations, to see which decisions would change before it is published."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from common.errors import Problem
from rules.engine.chain import evaluate_set
from rules.engine.conclude import Evaluation
from rules.engine.evaluate import Matcher


class PastEvaluation(msgspec.Struct, frozen=True):
    """An evaluation as it was: its facts, its moment, and what it came to."""

    id: str
    facts: dict[str, Any]
    outputs: dict[str, Any]
    fired: tuple[str, ...] = ()
    moment: datetime | None = None


class Change(msgspec.Struct, frozen=True, omit_defaults=True):
    """A past evaluation that would come to something else; ``refused`` when the draft would refuse its
    facts.
    """

    id: str
    changed: dict[str, tuple[Any, Any]]
    """Each output that differs: as it was, and as it would be; null for one that is not given."""
    fired_before: tuple[str, ...]
    fired_after: tuple[str, ...] = ()
    refused: str = ""


class Simulation(msgspec.Struct, frozen=True, kw_only=True):
    """How a draft would have decided. ``changes`` lists at most the first of the ``changed``."""

    evaluated: int
    unchanged: int
    changed: int
    refused: int
    failed: int
    """Evaluations with errors in rules."""
    changes: list[Change]
    fired: dict[str, tuple[int, int]]
    """How often each rule fired: before, and with the draft."""


def simulate(draft: Matcher, past: Iterable[PastEvaluation], *, listed: int = 100) -> Simulation:
    """Evaluate past facts with a draft and compare. Outputs decide what is a change; which rules fired
    does not.
    """
    changes: list[Change] = []
    counts = {"evaluated": 0, "unchanged": 0, "changed": 0, "refused": 0, "failed": 0}
    fired: dict[str, list[int]] = {}
    for before in past:
        counts["evaluated"] += 1
        after, refused = _evaluated(draft, before)
        now = after.fired if after is not None else ()
        for side, rules in enumerate((before.fired, now)):
            for rule in rules:
                fired.setdefault(rule, [0, 0])[side] += 1
        differing = _differing(before.outputs, after.outputs if after is not None else {})
        if refused:
            counts["refused"] += 1
        elif not differing:
            counts["unchanged"] += 1
        else:
            counts["changed"] += 1
        counts["failed"] += after is not None and bool(after.errors)
        if (refused or differing) and len(changes) < listed:
            changes.append(Change(before.id, differing, before.fired, now, refused))
    by_rule = {rule: (before, after) for rule, (before, after) in sorted(fired.items())}
    return Simulation(changes=changes, fired=by_rule, **counts)


def _evaluated(draft: Matcher, past: PastEvaluation) -> tuple[Evaluation | None, str]:
    try:
        return evaluate_set(draft, past.facts, moment=past.moment), ""
    except Problem as problem:
        return None, problem.detail


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*before, *after])
    pairs = {name: (before.get(name), after.get(name)) for name in names}
    return {name: pair for name, pair in pairs.items() if not _same(*pair)}


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, bool) is isinstance(b, bool) and bool(a == b)
