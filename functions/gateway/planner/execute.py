"""Carries out a plan: sends each request as soon as those it waits for are answered, then projects the
response.

Nothing here knows how a subgraph is reached: `fetch(subgraph, request)` sends `{"query", "variables",
"operationName"}` and returns the GraphQL response. It may raise; `FetchError` says more to the client than
others do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from gateway.planner.answers import TIMEOUT, UNAVAILABLE, Fault, FetchError, Sent, failed, take
from gateway.planner.cost import check_cost
from gateway.planner.errors import RequestError, Response
from gateway.planner.joins import Subgraph
from gateway.planner.plan import QueryPlan
from gateway.planner.project import project
from gateway.planner.representations import Object, Sender, objects_at, typename_of
from gateway.planner.selection import Conditions
from gateway.planner.variables import coerce_variables, truth_of
from gateway.planner.workers import Workers
from gateway.planner.write import Request

WORKERS = Workers()
Fetcher = Callable[[Subgraph, dict[str, Any]], Any]


def execute(
    plan: QueryPlan, variables: Mapping[str, Any] | None, fetch: Fetcher, *, timeout: float | None = None
) -> Response:
    """Answer a planned operation: `{"data": ..., "errors": [...]}`, errors only when there are some.

    `timeout` is the time in seconds each request to a subgraph may take; one that takes longer is given up,
    and what it was asked for is null with an error. Source: GraphQL specification, 6 and 7.1.
    """
    try:
        values = coerce_variables(plan, variables or {})
        truth = truth_of(plan, values)
        check_cost(plan, values, truth)
    except RequestError as error:
        return error.response()
    run = _Run(plan, values, truth, fetch, timeout)
    run.to_end()
    return project(plan, run.data, run.faults, truth, values)


class _Run:
    def __init__(
        self,
        plan: QueryPlan,
        values: dict[str, Any],
        truth: Mapping[str, bool],
        fetch: Fetcher,
        timeout: float | None,
    ) -> None:
        self.plan = plan
        self.values = values
        self.truth = truth
        self.fetch = fetch
        self.timeout = timeout
        self.data: Object = {}
        self.faults: list[Fault] = []
        self.waiting = {request.number: len(request.after) for request in plan.requests}
        self.sent: dict[int, list[Sent]] = {}
        self.deadlines: dict[int, float] = {}
        self.done: SimpleQueue[tuple[int, Any]] = SimpleQueue()

    def to_end(self) -> None:
        ready = [request for request in self.plan.requests if not request.after]
        while ready or self.deadlines:
            started = [(request, body) for request in ready if (body := self.prepare(request)) is not None]
            skipped = [request for request in ready if request.number not in self.sent]
            ready = [each for request in skipped for each in self.freed(request)]
            if len(started) == 1 and not ready and not self.deadlines and self.timeout is None:
                request, body = started[0]
                ready += self.finish(request, self.call(request, body))
                continue
            for request, body in started:
                self.start(request, body)
            if self.deadlines and not ready:
                ready += self.next_finished()

    def freed(self, request: Request) -> list[Request]:
        """The requests that waited for this one last."""
        found = []
        for number in self.plan.followers[request.number]:
            self.waiting[number] -= 1
            if not self.waiting[number]:
                found.append(self.plan.requests[number])
        return found

    # sending

    def prepare(self, request: Request) -> dict[str, Any] | None:
        """The body of a request, or None when there is nothing to ask."""
        if request.when is not None and not any(self.holds(when) for when in request.when):
            return None
        variables = {name: self.values[name] for name in request.variables if name in self.values}
        sent: list[Sent] = []
        if request.calls[0].key is not None:
            sent = [self.represent(request, position) for position in range(len(request.calls))]
            if not any(each.representations for each in sent):
                return None
            for each in sent:
                variables[each.call.variable or ""] = each.representations
        elif request.calls[0].fetches[0].path and not objects_at(self.data, request.calls[0].fetches[0].path):
            return None
        self.sent[request.number] = sent
        body: dict[str, Any] = {"query": request.text, "variables": variables}
        if request.operation_name:
            body["operationName"] = request.operation_name
        return body

    def holds(self, conditions: Conditions) -> bool:
        return all(self.truth[variable] is wanted for variable, wanted in conditions)

    def represent(self, request: Request, position: int) -> Sent:
        """The representations of a call, each one once however many objects are waiting for it."""
        call = request.calls[position]
        sent = Sent(call)
        known: dict[Any, int] = {}
        for fetch in call.fetches:
            if not any(self.holds(when) for when in fetch.when):
                continue
            senders: Mapping[str | None, Sender] = self.plan.senders[fetch]
            for source in objects_at(self.data, fetch.path):
                sender = senders.get(typename_of(source))
                representation = sender.represent(source) if sender is not None else None
                if representation is None:
                    continue
                identity = _identity(representation)
                index = known.get(identity)
                if index is None:
                    known[identity] = len(sent.objects)
                    sent.representations.append(representation)
                    sent.objects.append([source])
                else:
                    sent.objects[index].append(source)
        return sent

    def start(self, request: Request, body: dict[str, Any]) -> None:
        now = time.monotonic()
        self.deadlines[request.number] = now + self.timeout if self.timeout is not None else float("inf")

        def work() -> None:
            answer: Any = RuntimeError("the worker was stopped")
            try:
                answer = self.call(request, body)
            finally:
                self.done.put((request.number, answer))

        context = copy_context()  # the caller's trace and log fields hold in the worker too
        WORKERS.run(lambda: context.run(work))

    def call(self, request: Request, body: dict[str, Any]) -> Any:
        try:
            return self.fetch(request.subgraph, body)
        except Exception as error:
            return error

    # answers

    def next_finished(self) -> list[Request]:
        """Wait for an answer or for the first deadline; returns what can be sent then."""
        deadline = min(self.deadlines.values())
        try:
            if deadline == float("inf"):
                number, answer = self.done.get()
            else:
                number, answer = self.done.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            return self.give_up(deadline)
        if number not in self.deadlines:
            return []  # given up before it answered
        del self.deadlines[number]
        return self.finish(self.plan.requests[number], answer)

    def give_up(self, deadline: float) -> list[Request]:
        freed: list[Request] = []
        for number in [each for each, due in self.deadlines.items() if due <= deadline]:
            del self.deadlines[number]
            request = self.plan.requests[number]
            message = f"Subgraph {request.subgraph.name} did not answer within {self.timeout:g} s."
            self.faults += failed(request, message, TIMEOUT)
            freed += self.freed(request)
        return freed

    def finish(self, request: Request, answer: Any) -> list[Request]:
        if isinstance(answer, FetchError):
            self.faults += failed(request, str(answer), answer.code, **answer.extensions)
        elif isinstance(answer, Exception):
            message = f"Subgraph {request.subgraph.name} could not be reached."
            self.faults += failed(request, message, UNAVAILABLE, reason=type(answer).__name__)
        else:
            self.faults += take(request, self.sent[request.number], answer, self.data)
        return self.freed(request)


def _identity(representation: Object) -> Any:
    values = tuple(representation.values())
    for value in values:
        if type(value) not in _PLAIN:
            return repr(representation)
    return (tuple(representation), values, tuple(map(type, values)))


_PLAIN = frozenset({str, int, bool, float, type(None)})
