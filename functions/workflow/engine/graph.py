"""A definition indexed for execution: what is where, what follows what, and what may still reach a join."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from .model import (
    ROOT,
    Activity,
    AnyElement,
    BoundaryEvent,
    CatchEvent,
    CompensationEvent,
    Flow,
    LinkEvent,
    Process,
    StartEvent,
    SubProcess,
    ThrowEvent,
)


class Definition:
    """A process with its indexes, for a definition in which ``validate`` finds no errors.

    Building one is linear in its size, and it never changes afterwards, so it can be kept and shared.
    Scopes are named by the sub-process they are the inside of, the process's own by ``ROOT``.
    """

    def __init__(self, process: Process) -> None:
        self.process = process
        self.nodes: dict[str, AnyElement] = {}
        self.scope_of: dict[str, str] = {}
        self.flows: dict[str, Flow] = {}
        self.outgoing: dict[str, list[Flow]] = defaultdict(list)
        self.incoming: dict[str, list[Flow]] = defaultdict(list)
        self.boundaries: dict[str, list[BoundaryEvent]] = defaultdict(list)
        self.event_subprocesses: dict[str, list[tuple[SubProcess, StartEvent]]] = defaultdict(list)
        self.entries: dict[str, list[str]] = {}
        self.links: dict[tuple[str, str], str] = {}
        self._upstream: dict[str, dict[str, frozenset[str]]] = {}
        self._index(ROOT, process.elements, process.flows)
        for scope, elements in self._scopes():
            self.entries[scope] = self._entries(elements)
        self.compensable = self._compensable()

    def inside(self, scope: str) -> list[AnyElement]:
        """The elements that stand directly in ``scope``."""
        if scope == ROOT:
            return self.process.elements
        subprocess = self.nodes[scope]
        assert isinstance(subprocess, SubProcess)
        return subprocess.elements

    def handler(self, activity: str) -> str:
        """The activity that undoes ``activity``, or nothing."""
        for boundary in self.boundaries.get(activity, ()):
            if boundary.handler and any(isinstance(event, CompensationEvent) for event in boundary.events):
                return boundary.handler
        return ""

    def successors(self, node: str) -> Iterator[str]:
        """Where a token at ``node`` may go next within its scope: by flow, by boundary event or by link."""
        for flow in self.outgoing.get(node, ()):
            yield flow.target
        for boundary in self.boundaries.get(node, ()):
            yield boundary.id
        element = self.nodes[node]
        if isinstance(element, ThrowEvent):
            for event in element.events:
                if isinstance(event, LinkEvent):
                    target = self.links.get((self.scope_of[node], event.name))
                    if target:
                        yield target

    def upstream(self, join: str) -> dict[str, frozenset[str]]:
        """For each flow into ``join``, the nodes from which a token may reach it without passing ``join``."""
        known = self._upstream.get(join)
        if known is None:
            known = self._upstream[join] = self._reach(join)
        return known

    def _reach(self, join: str) -> dict[str, frozenset[str]]:
        predecessors: dict[str, list[str]] = defaultdict(list)
        for element in self.inside(self.scope_of[join]):
            for successor in self.successors(element.id):
                predecessors[successor].append(element.id)
        reach: dict[str, frozenset[str]] = {}
        for flow in self.incoming[join]:
            seen: set[str] = set()
            pending = [flow.source]
            while pending:
                node = pending.pop()
                if node != join and node not in seen:
                    seen.add(node)
                    pending.extend(predecessors[node])
            reach[flow.id] = frozenset(seen)
        return reach

    def _index(self, scope: str, elements: list[AnyElement], flows: list[Flow]) -> None:
        for element in elements:
            self.nodes[element.id] = element
            self.scope_of[element.id] = scope
            if isinstance(element, BoundaryEvent):
                self.boundaries[element.attached_to].append(element)
            elif isinstance(element, CatchEvent):
                for event in element.events:
                    if isinstance(event, LinkEvent):
                        self.links[scope, event.name] = element.id
            elif isinstance(element, SubProcess):
                self._index(element.id, element.elements, element.flows)
                if element.event:
                    start = next(inner for inner in element.elements if isinstance(inner, StartEvent))
                    self.event_subprocesses[scope].append((element, start))
        for flow in flows:
            self.flows[flow.id] = flow
            self.outgoing[flow.source].append(flow)
            self.incoming[flow.target].append(flow)

    def _scopes(self) -> Iterator[tuple[str, list[AnyElement]]]:
        yield ROOT, self.process.elements
        for element in self.nodes.values():
            if isinstance(element, SubProcess):
                yield element.id, element.elements

    def _entries(self, elements: list[AnyElement]) -> list[str]:
        """The start events, or else every element that no flow leads to (BPMN 2.0.2, 13.3.4)."""
        starts = [element.id for element in elements if isinstance(element, StartEvent)]
        if starts:
            return starts
        return [element.id for element in elements if self._is_entry(element)]

    def _is_entry(self, element: AnyElement) -> bool:
        if self.incoming.get(element.id) or isinstance(element, BoundaryEvent):
            return False
        if isinstance(element, CatchEvent) and any(isinstance(event, LinkEvent) for event in element.events):
            return False
        if isinstance(element, SubProcess) and element.event:
            return False
        return not (isinstance(element, Activity) and element.for_compensation)

    def _compensable(self) -> frozenset[str]:
        """The activities whose completion is remembered because something can undo them."""
        found: set[str] = set()
        for element in reversed(self.nodes.values()):  # inner ones stand after their sub-process
            if isinstance(element, Activity) and element.for_compensation:
                continue
            if self.handler(element.id) or (isinstance(element, SubProcess) and self._undoes(element, found)):
                found.add(element.id)
        return frozenset(found)

    def _undoes(self, subprocess: SubProcess, found: set[str]) -> bool:
        if subprocess.event:
            return False
        return bool(self.compensation_start(subprocess.id)) or any(
            inner.id in found for inner in subprocess.elements
        )

    def compensation_start(self, scope: str) -> str:
        """The event sub-process that undoes the whole of ``scope``, or nothing."""
        for subprocess, start in self.event_subprocesses.get(scope, ()):
            if any(isinstance(event, CompensationEvent) for event in start.events):
                return subprocess.id
        return ""
