"""The federated graph: one endpoint over every service's part of it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import cache
from typing import Any

from common.errors import TooLarge
from common.operation import PUBLIC, Uses, operation
from common.request import Request, Response
from common.work import Work
from gateway import admission, ledger
from gateway.directory import endpoints
from gateway.documents import Registry
from gateway.errors import NotAcceptable, as_graphql
from gateway.events import ErrorOccurred, QueryCompleted, QueryReceived, RateLimited
from gateway.options import options
from gateway.pages import graphiql
from gateway.protocol.media import GRAPHQL, HTML, JSON, preferred, ranges
from gateway.protocol.requests import Asked, GraphQLRequest, got, posted
from gateway.reach.subgraphs import Caller
from gateway.serving import composed
from gateway.serving.serve import NOT_FOUND, Served, Serving, serve

BODY_LIMIT = 1_048_576
EMITS = (QueryReceived, QueryCompleted, ErrorOccurred, RateLimited)


@operation(
    "POST /graphql",
    permission=PUBLIC,
    identifies=True,
    opening=admission.opening,
    tells=as_graphql,
    reads=GraphQLRequest | list[GraphQLRequest],
    answers=(400, 401, 406, 413, 415, 429),
    emits=EMITS,
    uses={Uses.INVOKE},
    body_limit=BODY_LIMIT,
    timeout=29,
    memory=1024,
)
def query(request: Request, work: Work) -> Response[Any]:
    """Ask the graph: a query or a mutation, or a batch of them.

    GraphQL over HTTP. Without a token, what is public can be asked for. Persisted queries work as Apollo's
    clients send them; `documentId` names a document too. `X-Query-Plan: true` adds the plan to the answer.
    """
    received_at, admitted = work.now, admission.admit(request, work)
    media_type = _media_type(request)
    if len(request.body) > BODY_LIMIT:
        raise TooLarge(f"The body may have {BODY_LIMIT} bytes.", limit=BODY_LIMIT)
    asked = posted(request.body, request.headers.get("content-type", ""), options().batch)
    work.commit()  # no transaction is held while subgraphs work
    serving = _serving(request, work)
    served = _serve_all(asked, serving) if isinstance(asked, list) else [serve(asked, serving)]
    _keep(work, served, received_at)
    body = [each.response for each in served] if isinstance(asked, list) else served[0].response
    return _response(body, served, media_type, admitted.headers())


@operation(
    "GET /graphql",
    permission=PUBLIC,
    identifies=True,
    opening=admission.opening,
    writes=True,
    tells=as_graphql,
    answers=(400, 401, 405, 406, 429),
    emits=EMITS,
    uses={Uses.INVOKE},
    timeout=29,
    memory=1024,
)
def read(request: Request, work: Work) -> Response[Any]:
    """Ask the graph with a query in the URL; or, as a browser, open GraphiQL.

    Parameters as GraphQL over HTTP has them: `query`, `operationName`, `variables`, `extensions`.
    """
    if preferred(request.headers.get("accept", ""), (GRAPHQL, JSON, HTML)) == HTML:
        return graphiql()
    received_at, admitted = work.now, admission.admit(request, work)
    media_type = _media_type(request)
    asked = got(request.query)
    work.commit()
    served = serve(asked, _serving(request, work, safe=True))
    _keep(work, [served], received_at)
    return _response(served.response, [served], media_type, admitted.headers(), cached=True)


def _media_type(request: Request) -> str:
    """What to answer with. The newer type is for those who name it; who accepts anything gets plain JSON."""
    accept = request.headers.get("accept", "")
    named = any(each.type == GRAPHQL for each in ranges(accept))
    media_type = preferred(accept, (GRAPHQL, JSON) if named else (JSON,))
    if media_type is None:
        raise NotAcceptable(f"There is {JSON} and {GRAPHQL}, in UTF-8.")
    return media_type


def _serving(request: Request, work: Work, *, safe: bool = False) -> Serving:
    return Serving(
        graph=composed.graph(),
        options=options(),
        principal=work.principal,
        caller=Caller(request.headers, request.source_ip, work.correlation, work.traceparent),
        documents=Registry(work),
        endpoints=lambda: endpoints(work),
        safe=safe,
        explain=request.headers.get("x-query-plan", "").lower() == "true",
    )


def _serve_all(asked: list[Asked], serving: Serving) -> list[Served]:
    """A batch, its operations side by side."""
    contexts = [(copy_context(), each) for each in asked]
    return list(_threads().map(lambda pair: pair[0].run(serve, pair[1], serving), contexts))


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="batch")


def _keep(work: Work, served: list[Served], received_at: datetime) -> None:
    for each in served:
        ledger.count(each)
    ledger.record(work, served, received_at)


def _response(
    body: Any, served: list[Served], media_type: str, headers: Mapping[str, str], *, cached: bool = False
) -> Response[Any]:
    """The HTTP response (GraphQL over HTTP, 6.4): in the newer media type, a request that could not be
    executed is 400; a document that is merely unknown yet is none of these.
    """
    refused = all(each.refused and each.codes != [NOT_FOUND] for each in served)
    return Response(
        body,
        status=400 if refused and media_type == GRAPHQL else 200,
        media_type=f"{media_type}; charset=utf-8",
        headers={
            **headers,
            "Cache-Control": served[0].hint.header() if cached or len(served) == 1 else "no-store",
            "Vary": "Accept, Authorization",
            "Server-Timing": _timing(served),
        },
    )


def _timing(served: list[Served]) -> str:
    plan, execution = (max(getattr(each, name) for each in served) for name in ("plan_ms", "execute_ms"))
    return f"plan;dur={plan:.2f}, execute;dur={execution:.2f}"


if os.environ.get("_HANDLER", "").startswith("gateway.graph."):  # in a Lambda of ours: its init phase
    composed.warm()
