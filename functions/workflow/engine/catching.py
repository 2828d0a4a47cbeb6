"""Who catches an error or an escalation: the search goes outwards from where it is thrown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from .model import (
    AnyEvent,
    BoundaryEvent,
    CancelEvent,
    ErrorEvent,
    EscalationEvent,
    StartEvent,
    SubProcess,
)
from .run import Run, is_event_subprocess
from .state import Scope, Token

T = TypeVar("T")
Thrown = type[ErrorEvent] | type[EscalationEvent] | type[CancelEvent]


@dataclass(frozen=True, slots=True)
class BoundaryCatch:
    """A boundary event of the activity at which ``token`` is."""

    token: Token
    event: BoundaryEvent


@dataclass(frozen=True, slots=True)
class ScopeCatch:
    """An event sub-process of ``scope``."""

    scope: Scope
    subprocess: SubProcess
    event: StartEvent


Catch = BoundaryCatch | ScopeCatch


def catcher(run: Run, token: Token, kind: Thrown, code: str, *, at_activity: bool) -> Catch | None:
    """Who catches what is thrown at ``token``: by the activity it is at (``at_activity``), or by an event.

    At each level an event that names the code goes before one that catches everything. What is thrown within
    an event sub-process is not caught by the event sub-processes beside it.
    """
    if at_activity:
        found = at_boundary(run, run.outermost(token), kind, code)
        if found is not None:
            return found
    beside = False
    while True:
        scope = run.scopes[token.scope]
        if not beside:
            found_in_scope = in_scope(run, scope, kind, code)
            if found_in_scope is not None:
                return found_in_scope
        owner = run.owner(scope)
        if owner is None:
            if not token.undoes:
                return None
            token, beside = run.tokens[token.undoes], False  # a handler's failure is its thrower's
            continue
        beside = is_event_subprocess(run.node(owner))
        token = owner if beside else run.outermost(owner)
        if not beside:
            found = at_boundary(run, token, kind, code)
            if found is not None:
                return found


def at_boundary(run: Run, token: Token, kind: Thrown, code: str = "") -> BoundaryCatch | None:
    """The boundary event, at the activity where ``token`` is, that catches it."""
    boundaries = run.definition.boundaries.get(token.node, ())
    event = _best([(row, _code(row.events, kind)) for row in boundaries], code)
    return BoundaryCatch(token, event) if event is not None else None


def in_scope(run: Run, scope: Scope, kind: Thrown, code: str) -> ScopeCatch | None:
    """The event sub-process of ``scope`` that catches it."""
    subprocesses = run.definition.event_subprocesses.get(scope.node, ())
    found = _best([((inner, start), _code(start.events, kind)) for inner, start in subprocesses], code)
    return ScopeCatch(scope, *found) if found is not None else None


def _code(events: Iterable[AnyEvent], kind: Thrown) -> list[str]:
    """The codes that a catching event names for this kind."""
    return [getattr(event, "code", "") for event in events if isinstance(event, kind)]


def _best(candidates: list[tuple[T, list[str]]], code: str) -> T | None:
    for wanted in (code, "") if code else ("",):
        for candidate, codes in candidates:
            if wanted in codes:
                return candidate
    return None
