"""Asks subgraphs on a caller's behalf: own ones by invoking them with its token, others over HTTP."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.planner import FetchError, Subgraph
from gateway.protocol.caching import NOT_KEPT, CacheHint
from gateway.protocol.media import GRAPHQL, JSON
from gateway.reach import functions
from gateway.reach.endpoints import Endpoint
from gateway.reach.errors import MALFORMED, TIMEOUT, UNAVAILABLE, Unreached

FUNCTION = "lambda:"
"""Scheme of the URL of a subgraph that is an operation of the platform."""
PROPAGATED = ("authorization", "accept-language", "tracestate", "baggage", "user-agent")
"""Headers of the caller that own subgraphs get; others get those that their registration names."""
ACCEPT = f"{GRAPHQL}, {JSON};q=0.9"
_RESULTS = {TIMEOUT: "timeout", MALFORMED: "malformed", UNAVAILABLE: "unavailable"}


@dataclass(frozen=True)
class Caller:
    """On whose behalf subgraphs are asked; header names in lower case."""

    headers: Mapping[str, str]
    source_ip: str
    correlation: str
    traceparent: str


@dataclass
class Fetcher:
    """The planner's way to the subgraphs in one operation. Called by several threads at once."""

    caller: Caller
    seconds: float
    """What one request may take."""
    deadline: float
    """Monotonic time after which no subgraph is asked any more."""
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    hints: list[CacheHint] = field(default_factory=list)
    _numbers: Any = field(default_factory=itertools.count)
    _started: dict[int, str] = field(default_factory=dict)
    _ended: dict[int, str] = field(default_factory=dict)
    _lock: Any = field(default_factory=threading.Lock)

    def __call__(self, subgraph: Subgraph, body: dict[str, Any]) -> Any:
        """A subgraph's GraphQL response. Raises :class:`FetchError`."""
        number = next(self._numbers)
        self._started[number] = subgraph.name
        try:
            answer = self._ask(subgraph, body)
        except Unreached as error:
            self._ended[number] = _RESULTS.get(error.code, "refused")
            raise FetchError(f"Subgraph {subgraph.name} {error}", error.code, **_reason(error)) from error
        self._ended[number] = "error" if answer.get("errors") else "ok"
        return answer

    def results(self) -> list[tuple[str, str]]:
        """How each request ended, as ``(subgraph, result)``. One that is still under way was given up."""
        started, ended = dict(self._started), dict(self._ended)
        return [(name, ended.get(number, "timeout")) for number, name in started.items()]

    def _ask(self, subgraph: Subgraph, body: dict[str, Any]) -> dict[str, Any]:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Unreached("was not asked: the operation's time is up.", TIMEOUT)
        text = msgspec.json.encode(body)
        if subgraph.url.startswith(FUNCTION):
            operation = subgraph.url.removeprefix(FUNCTION)
            return self._invoke(operation, text.decode(), min(self.seconds, left))
        return self._call(subgraph, text, left)

    def _invoke(self, operation: str, body: str, seconds: float) -> dict[str, Any]:
        path = f"/{operation.split('.', 1)[0]}/graphql"
        headers = self._headers(PROPAGATED) | self._address()
        event = functions.event("POST", path, headers, body, self.caller.source_ip)
        answer = functions.invoke(operation, event, seconds)
        if not isinstance(answer, dict) or not isinstance(answer.get("body"), str):
            raise Unreached("answered with no HTTP response.", MALFORMED)
        given = answer.get("headers")
        hint = given.get("Cache-Control", "") if isinstance(given, dict) else ""
        return self._read(answer.get("statusCode"), answer["body"], hint)

    def _call(self, subgraph: Subgraph, body: bytes, left: float) -> dict[str, Any]:
        from gateway.reach import web  # only who asks other services pays for its import

        endpoint = self.endpoints.get(subgraph.name) or Endpoint(subgraph.url, self.seconds)
        if not endpoint.url:
            raise Unreached("is not registered.", reason="PUT /services/{name} with its graph")
        headers = self._headers(endpoint.forwards)
        seconds = min(endpoint.seconds, self.seconds, left)
        answer = web.call("POST", endpoint.url, headers=headers, body=body, seconds=seconds)
        return self._read(answer.status, answer.body, answer.headers.get("cache-control", ""))

    def _headers(self, names: tuple[str, ...]) -> dict[str, str]:
        given = self.caller.headers
        return {name: given[name] for name in names if name in given} | {
            "content-type": JSON,
            "accept": ACCEPT,
            "traceparent": self.caller.traceparent,
            "x-correlation-id": self.caller.correlation,
        }

    def _address(self) -> dict[str, str]:
        """How the caller addresses the API, which own subgraphs may write into links."""
        names = ("host", "x-forwarded-proto")
        return {name: self.caller.headers[name] for name in names if name in self.caller.headers}

    def _read(self, status: Any, body: str | bytes, hint: str) -> dict[str, Any]:
        """A GraphQL response, of whatever status; anything else is told by its status."""
        try:
            answer = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if status == 200:
                raise Unreached("answered with something that is not JSON.", MALFORMED) from error
            raise Unreached(f"answered with status {status}.", reason=f"status {status}") from error
        if isinstance(answer, dict) and ("data" in answer or isinstance(answer.get("errors"), list)):
            with self._lock:
                self.hints.append(NOT_KEPT if answer.get("errors") else CacheHint.of(hint))
            return answer
        if status == 200:
            raise Unreached("answered with no GraphQL response.", MALFORMED)
        raise _refusal(status, answer)


def _refusal(status: Any, answer: Any) -> Unreached:
    """A subgraph's problem document, or just its status."""
    if isinstance(answer, dict) and isinstance(answer.get("code"), str) and isinstance(status, int):
        code = UNAVAILABLE if status >= 500 else answer["code"].upper()
        return Unreached(f"refused: {answer.get('detail', '')}", code, f"status {status}")
    return Unreached(f"answered with status {status}.", reason=f"status {status}")


def _reason(error: Unreached) -> dict[str, str]:
    return {"reason": error.reason} if error.reason else {}
