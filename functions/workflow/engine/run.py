"""The working copy of a state during one advance: tables that remember how to undo, work to do, and effects.

The steps of the engine are functions over a ``Run``, registered by name in ``STEPS``. They schedule each
other as ``Work``, which is plain data, so a step that fails is rolled back and kept to be retried.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from .effects import (
    AnyEffect,
    CancelTimer,
    CloseSubscription,
    PublishEvent,
    RaiseIncident,
    ResolveIncident,
    Transition,
)
from .expressions import Environment
from .graph import Definition
from .model import MAX_NAME, AnyElement, Element, MultiInstance, StandardLoop, SubProcess
from .state import ROOT_SCOPE, Arrival, Done, Incident, Loop, Scope, State, Token, Wait, Work


class ModelFailure(Exception):
    """The process cannot go on here until somebody helps: becomes an incident of ``kind``."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class _Row(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_Row)
Step = Callable[["Run", Work], None]
STEPS: dict[str, Step] = {}


def step(op: str) -> Callable[[Step], Step]:
    """Registers the function that does ``op``."""

    def register(function: Step) -> Step:
        STEPS[op] = function
        return function

    return register


class Run:
    """One advance. Tables are written through ``put`` and ``drop``, so that a failed step can be undone."""

    def __init__(self, definition: Definition, state: State, at: datetime, environment: Environment) -> None:
        self.definition = definition
        self.environment = environment
        self.at = at
        self.base = state
        self.counter = state.counter
        self.scopes = dict(state.scopes)
        self.tokens = dict(state.tokens)
        self.arrivals = dict(state.arrivals)
        self.waits = dict(state.waits)
        self.done = dict(state.done)
        self.incidents = dict(state.incidents)
        self.gateways = dict(state.gateways)
        self.status, self.outcome, self.error = state.status, state.outcome, state.error
        self.effects: list[AnyEffect] = []
        self.stack: list[Work] = []
        self.deferred: deque[Work] = deque()
        self.changed = False
        """Variables have changed since the conditional events were last looked at."""
        self.emptied: dict[str, None] = {}
        self.population: dict[str, int] = {}
        for scope in [row.scope for row in self.tokens.values()] + [
            row.scope for row in self.arrivals.values()
        ]:
            self.population[scope] = self.population.get(scope, 0) + 1
        self._journal: list[tuple[dict[str, Any], str, Any]] = []

    # -- rows ----------------------------------------------------------------------------------------------

    def fresh(self) -> str:
        """The next id of this process."""
        self.counter += 1
        return str(self.counter)

    def put(self, table: dict[str, R], row: R) -> R:
        """Adds or replaces a row."""
        self._write(table, row.id, row)
        return row

    def drop(self, table: dict[str, R], row: R) -> None:
        """Removes a row."""
        self._write(table, row.id, None)

    def mark(self, gateway: str, flows: list[str] | None) -> None:
        """Notes which flows a complex gateway has used since it fired, or forgets it."""
        self._write(self.gateways, gateway, flows)

    def _write(self, table: dict[str, Any], key: str, row: Any) -> None:
        old = table.get(key)
        self._journal.append((table, key, old))
        self._apply(table, key, old, row)

    def _apply(self, table: dict[str, Any], key: str, old: Any, row: Any) -> None:
        if row is None:
            table.pop(key, None)
        else:
            table[key] = row
        if table is self.tokens or table is self.arrivals:
            self._count(old, -1)
            self._count(row, 1)

    def _count(self, row: Token | Arrival | None, change: int) -> None:
        if row is not None:
            left = self.population[row.scope] = self.population.get(row.scope, 0) + change
            if left == 0:
                self.emptied[row.scope] = None

    def attempt(self, function: Step, work: Work) -> None:
        """Does one step; if it raises, everything it did is undone before the exception goes on."""
        self._journal.clear()
        effects, stack, deferred = len(self.effects), list(self.stack), list(self.deferred)
        counter, ending = self.counter, (self.status, self.outcome, self.error)
        try:
            function(self, work)
        except Exception:
            for table, key, old in reversed(self._journal):
                self._apply(table, key, table.get(key), old)
            del self.effects[effects:]
            self.stack, self.deferred, self.counter = stack, deque(deferred), counter
            self.status, self.outcome, self.error = ending
            raise

    # -- work ----------------------------------------------------------------------------------------------

    def push(self, *works: Work) -> None:
        """Schedules work to be done next, the first one first."""
        self.stack.extend(reversed(works))

    def emit(self, effect: AnyEffect) -> None:
        """Adds an effect."""
        self.effects.append(effect)

    def record(self, kind: str, token: Token, flow: str = "") -> None:
        """Adds an entry to the history."""
        self.emit(Transition(kind, token.node, token.id, token.scope, flow, token.counter))

    # -- tokens --------------------------------------------------------------------------------------------

    def node(self, token: Token | Wait | Arrival) -> AnyElement:
        """The element at which it is."""
        return self.definition.nodes[token.node]

    def rest(self, token: Token, waits: str) -> Token:
        """The token stays where it is until what it waits for comes."""
        return self.put(self.tokens, replace(token, waits=waits))

    def outermost(self, token: Token) -> Token:
        """The token of the whole activity, if ``token`` is one of its repeated instances."""
        return self.tokens[token.instance_of] if token.instance_of else token

    def owner(self, scope: Scope) -> Token | None:
        """The token that waits for the scope to complete; none for the process's and for kept scopes."""
        return self.tokens.get(scope.token) if scope.token else None

    def close_waits(self, *, token: str = "", scope: str = "") -> None:
        """Stops waiting for every event that belongs to the token, or to the scope itself."""
        for wait in list(self.waits.values()):
            if (wait.token == token) if token else (wait.scope == scope and not wait.token):
                self.close(wait)

    def close(self, wait: Wait) -> None:
        """Stops waiting for one event."""
        self.drop(self.waits, wait)
        if wait.kind in ("timer", "sla"):
            self.emit(CancelTimer(wait.id))
        elif wait.kind in ("message", "signal"):
            self.emit(CloseSubscription(wait.id))
        else:
            self.resolve_if(lambda incident: incident.work is not None and incident.work.wait == wait.id)

    def raise_incident(self, kind: str, message: str, token: Token, work: Work) -> None:
        """The token stands until ``work`` is retried."""
        self.rest(token, "incident")
        self.incident(Incident(self.fresh(), kind, message, token.node, token.id, token.scope, work))

    def incident(self, incident: Incident) -> None:
        """Something needs help."""
        self.put(self.incidents, incident)
        self.emit(RaiseIncident(incident.id, incident.node, incident.kind, incident.message, incident.token))
        data = {"incident": incident.id, "kind": incident.kind, "message": incident.message}
        self.emit(PublishEvent("workflow.incident.raised", incident.node, data))

    def resolve_if(self, over: Callable[[Incident], bool]) -> None:
        """The incidents for which ``over`` holds are over."""
        for incident in [row for row in self.incidents.values() if over(row)]:
            self.resolve(incident)

    def resolve(self, incident: Incident) -> None:
        """The incident is over."""
        self.drop(self.incidents, incident)
        self.emit(ResolveIncident(incident.id))
        self.emit(PublishEvent("workflow.incident.resolved", incident.node, {"incident": incident.id}))

    # -- variables -----------------------------------------------------------------------------------------

    def bindings(self, token: Token | None = None, scope: str = ROOT_SCOPE) -> dict[str, Any]:
        """The variables seen from a token or a scope, inner ones hiding outer ones. Not to be changed."""
        layers: list[Mapping[str, Any]] = []
        while True:
            if token is not None:
                if token.variables:
                    layers.append(token.variables)
                if token.loop is not None:
                    layers.append(_instances(token.loop))
                if token.instance_of:
                    token = self.tokens[token.instance_of]
                    continue
                scope = token.scope
            row = self.scopes[scope]
            if row.variables:
                layers.append(row.variables)
            if not row.parent:
                break
            token, scope = self.owner(row), row.parent
        if len(layers) == 1:
            return dict(layers[0]) if not isinstance(layers[0], dict) else layers[0]
        merged: dict[str, Any] = {}
        for layer in reversed(layers):
            merged.update(layer)
        return merged

    def evaluate(
        self,
        source: str,
        token: Token | None = None,
        scope: str = ROOT_SCOPE,
        more: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of an expression, seen from a token or a scope, with ``more`` variables on top."""
        bindings = self.bindings(token, scope)
        return self.environment.expressions.evaluate(source, {**bindings, **more} if more else bindings)

    def holds(
        self,
        source: str,
        token: Token | None = None,
        scope: str = ROOT_SCOPE,
        more: Mapping[str, Any] | None = None,
    ) -> bool:
        """Whether a condition is true; one that is neither true nor false is a failure."""
        value = self.evaluate(source, token, scope, more)
        if not isinstance(value, bool):
            raise ModelFailure("condition", f"The condition {source!r} gives {value!r}, not true or false.")
        return value

    def text(self, source: str, token: Token | None = None, scope: str = ROOT_SCOPE) -> str:
        """A literal, or with a leading ``=`` the value of an expression, as text."""
        if not source.startswith("="):
            return source
        value = self.evaluate(source[1:], token, scope)
        return "" if value is None else str(value)

    def name(self, source: str, token: Token | None = None, scope: str = ROOT_SCOPE) -> str:
        """A text that something is found by, such as a message, so that it cannot be of any length."""
        found = self.text(source, token, scope)
        if len(found) > MAX_NAME:
            shown = f"{source!r} gives a name of {len(found)} characters"
            raise ModelFailure("name", f"{shown}; {MAX_NAME} are the most.")
        return found

    def texts(self, sources: list[str], token: Token) -> list[str]:
        """Literals and expressions, an expression giving a text or a list of them."""
        found: list[str] = []
        for source in sources:
            value = self.evaluate(source[1:], token) if source.startswith("=") else source
            found.extend(str(item) for item in (value if isinstance(value, list) else [value]))
        return found

    def assign(
        self, variables: Mapping[str, Any], token: Token | None = None, scope: str = ROOT_SCOPE
    ) -> None:
        """Sets each variable where it is declared, looking outwards; in the process if nowhere."""
        for name, value in variables.items():
            self._assign(name, value, token, scope)
        if variables:
            self.changed = True

    def _assign(self, name: str, value: Any, token: Token | None, scope: str) -> None:
        while True:
            while token is not None:
                token = self.tokens[token.id]
                if name in token.variables:
                    self.put(self.tokens, replace(token, variables={**token.variables, name: value}))
                    return
                scope = token.scope
                token = self.tokens[token.instance_of] if token.instance_of else None
            row = self.scopes[scope]
            if name in row.variables or not row.parent:
                self.put(self.scopes, replace(row, variables={**row.variables, name: value}))
                return
            token, scope = self.owner(row), row.parent

    # -- results -------------------------------------------------------------------------------------------

    def state(self) -> State:
        """The state after this advance."""
        return replace(
            self.base,
            status=self.status,
            outcome=self.outcome,
            error=self.error,
            counter=self.counter,
            scopes=self.scopes,
            tokens=self.tokens,
            arrivals=self.arrivals,
            waits=self.waits,
            done=self.done,
            incidents=self.incidents,
            gateways=self.gateways,
        )


def is_repeated(element: Element) -> bool:
    """Whether the element is an activity with a loop marker."""
    return isinstance(getattr(element, "loop", None), (StandardLoop, MultiInstance))


def is_event_subprocess(element: AnyElement | None) -> bool:
    """Whether the element is a sub-process that an event starts."""
    return isinstance(element, SubProcess) and element.event


def is_in_ad_hoc(run: Run, token: Token) -> bool:
    """Whether the token is directly in an ad-hoc sub-process."""
    around = run.definition.nodes.get(run.scopes[token.scope].node)
    return isinstance(around, SubProcess) and around.ad_hoc is not None


def done_in(run: Run, scope: str) -> list[Done]:
    """What can be undone in a scope, in the order of completion."""
    return sorted((row for row in run.done.values() if row.scope == scope), key=lambda row: int(row.id))


def _instances(loop: Loop) -> dict[str, int]:
    """The attributes of a multi-instance activity (BPMN 2.0.2, table 10.31)."""
    return {
        "numberOfInstances": max(loop.total, loop.started),
        "numberOfActiveInstances": loop.active,
        "numberOfCompletedInstances": loop.completed,
        "numberOfTerminatedInstances": loop.terminated,
    }
