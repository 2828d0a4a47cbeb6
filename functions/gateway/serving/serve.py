"""Carries out one operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Protocol

from common.principal import Principal
from gateway.access.restore import restore
from gateway.errors import MethodNotAllowed
from gateway.options import Options
from gateway.planner import QueryPlan, RequestError, execute
from gateway.protocol.caching import NOT_KEPT, CacheHint, together
from gateway.protocol.requests import Asked
from gateway.reach.endpoints import Endpoint
from gateway.reach.subgraphs import FUNCTION, Caller, Fetcher
from gateway.serving.composed import Graph
from gateway.serving.masking import codes, masked

NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"


class Documents(Protocol):
    """Where documents are known by their hash."""

    def find(self, digest: str) -> str | None:
        """The document, if it is known."""

    def remember(self, digest: str, document: str) -> None:
        """Know it from here on."""

    def trusts(self, digest: str) -> bool:
        """Whether an operator trusts it."""


@dataclass(frozen=True)
class Serving:
    """What an operation is carried out with."""

    graph: Graph
    options: Options
    principal: Principal
    caller: Caller
    documents: Documents
    endpoints: Callable[[], Mapping[str, Endpoint]]
    safe: bool
    """Whether it came as GET, which changes nothing."""
    explain: bool = False


@dataclass
class Served:
    """An operation's response, and what is worth knowing of how it came about."""

    response: dict[str, Any]
    digest: str = ""
    name: str = ""
    kind: str = "none"
    """``query`` or ``mutation``; ``none`` where nothing could be planned."""
    plan_ms: float = 0
    execute_ms: float = 0
    hint: CacheHint = NOT_KEPT
    results: list[tuple[str, str]] = field(default_factory=list)
    """The requests to subgraphs: which, and how each ended."""
    codes: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    """Which services the errors came from."""

    @property
    def refused(self) -> bool:
        """Whether nothing was executed."""
        return "data" not in self.response


def serve(asked: Asked, serving: Serving) -> Served:
    """Answer one request. A fault of the request is a response too; only a method that does not fit is
    refused.
    """
    started = time.perf_counter()
    served = Served({}, name=asked.operation_name or "")
    try:
        document = _document(asked, serving, served)
        limits = serving.options.limits
        planned = serving.graph.plan(document, asked.operation_name, serving.principal, limits)
        _describe(served, planned.plan)
        if serving.safe and served.kind != "query":
            raise MethodNotAllowed("A GET cannot carry a mutation.", headers={"Allow": "POST"})
        if asked.query and asked.hash and not serving.options.safelist:
            serving.documents.remember(asked.hash, document)
    except RequestError as error:
        served.response = error.response()
    else:
        served.plan_ms = _since(started)
        started = time.perf_counter()
        served.response = _execute(planned.plan, asked, serving, served)
        if planned.narrowed is not None:
            served.hint = NOT_KEPT
            schema = serving.graph.supergraph.api
            served.response = restore(served.response, planned.narrowed, schema, serving.principal)
        served.execute_ms = _since(started)
    return _told(served, serving)


def _document(asked: Asked, serving: Serving, served: Served) -> str:
    """The document meant: as sent, or as known by its hash."""
    document = asked.query
    if document is None:
        assert asked.hash is not None
        served.digest = asked.hash
        document = serving.documents.find(asked.hash)
        if document is None:
            raise RequestError.of("PersistedQueryNotFound", NOT_FOUND)
    else:
        served.digest = sha256(document.encode(errors="surrogatepass")).hexdigest()
        if asked.hash is not None and asked.hash != served.digest:
            raise RequestError.of("The hash is not the document's.", "PERSISTED_QUERY_HASH_MISMATCH")
    if serving.options.safelist and not serving.documents.trusts(served.digest):
        raise RequestError.of("Only documents that the operator trusts run here.", "QUERY_NOT_IN_SAFELIST")
    return document


def _describe(served: Served, plan: QueryPlan) -> None:
    served.kind = plan.kind
    if plan.operation.name is not None:
        served.name = plan.operation.name.value


def _execute(plan: QueryPlan, asked: Asked, serving: Serving, served: Served) -> dict[str, Any]:
    chosen = serving.options
    others = any(not request.subgraph.url.startswith(FUNCTION) for request in plan.requests)
    fetcher = Fetcher(
        serving.caller,
        seconds=chosen.timeout_ms / 1000,
        deadline=time.monotonic() + chosen.deadline_ms / 1000,
        endpoints=serving.endpoints() if others else {},
    )
    response = execute(plan, asked.variables, fetcher, timeout=chosen.timeout_ms / 1000)
    served.results = fetcher.results()
    if plan.kind == "query" and "errors" not in response:
        served.hint = together(fetcher.hints)
        if serving.principal.tenant is not None:
            served.hint = CacheHint(served.hint.max_age, private=True)
    if serving.explain and chosen.introspection:
        response["extensions"] = response.get("extensions", {}) | {"queryPlan": plan.to_json()}
    return response


def _told(served: Served, serving: Serving) -> Served:
    served.codes = codes(served.response)
    named = ((error.get("extensions") or {}).get("service") for error in served.response.get("errors", ()))
    served.services = sorted({str(service) for service in named if service is not None})
    served.response = masked(served.response, details=serving.options.error_details)
    return served


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
