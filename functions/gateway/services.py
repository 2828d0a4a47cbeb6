"""The registry: the five services that come with every deployment, and the platform's other services by URL.

Who is registered is counted in the health roll-up, found by Prometheus, and may answer a part of the graph.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Row, delete, select
from sqlalchemy.dialects.postgresql import insert

from common.errors import BadRequest, Invalid, NotFound
from common.exposition import require_scrape_token
from common.operation import PLATFORM, PUBLIC, SERVICES, operation
from common.paging import Page, Paging, page
from common.request import Request, Response
from common.settings import settings
from common.work import Work
from gateway import directory
from gateway.errors import OwnService
from gateway.events import ServiceRegistered, ServiceRemoved
from gateway.operators import require_operator
from gateway.reach import addresses
from gateway.reach.endpoints import joined
from gateway.tables import services

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]{0,62}")
_HEADER = re.compile(r"[a-z][a-z0-9-]{0,62}")

Url = Annotated[str, Meta(min_length=1, max_length=500)]


class Registration(Struct, frozen=True, forbid_unknown_fields=True):
    """A service of the platform. Paths are under its ``url``, or whole URLs; null: it has none.

    ``required``: the platform is not healthy without it. ``graph`` is its subgraph's endpoint, ``forwards``
    names the request headers that it gets from the caller, ``timeout_ms`` is how long it is waited for.
    """

    url: Url
    description: Annotated[str, Meta(max_length=500)] = ""
    health: Url | None = "/health"
    ready: Url | None = "/health/ready"
    live: Url | None = "/health/live"
    metrics: Url | None = "/metrics"
    graph: Url | None = None
    required: bool = False
    timeout_ms: Annotated[int, Meta(ge=100, le=20_000)] = 5_000
    forwards: Annotated[list[Annotated[str, Meta(max_length=63)]], Meta(max_length=20)] = []
    labels: dict[str, Annotated[str, Meta(max_length=200)]] = {}


class Service(Struct, frozen=True, kw_only=True):
    """A registered service; ``own`` ones are the platform's five."""

    name: str
    kind: Literal["own", "external"]
    description: str
    url: str
    health: str | None
    ready: str | None
    live: str | None
    metrics: str | None
    graph: str | None
    required: bool
    timeout_ms: int
    forwards: list[str]
    labels: dict[str, str]
    version: int
    updated_at: datetime | None
    updated_by: str


class TargetGroup(Struct, frozen=True):
    """Targets of a Prometheus HTTP service discovery answer."""

    targets: list[str]
    labels: dict[str, str]


DESCRIPTIONS = {
    "auth": "Identity: tenants, users, roles, sessions, tokens.",
    "masterdata": "Customers, vendors, products, the chart of accounts.",
    "workflow": "Process definitions, processes, tasks.",
    "rules": "Rule sets and their evaluation.",
    "gateway": "The federated graph, the registry, the roll-ups.",
}


@operation("GET /services", permission="gateway.service.read")
def list_(paging: Paging, request: Request, work: Work) -> Page[Service]:
    """List the services of the platform: the five own ones, then those that were registered, by name."""
    after = tuple(paging.after("services", [int, str]) or (-1, ""))
    every = [*(_own(name, request.base_url) for name in SERVICES), *external(work)]
    found = sorted((service for service in every if _place(service) > after), key=_place)
    return page(found[: paging.limit + 1], paging.limit, "services", _place, lambda service: service)


def _place(service: Service) -> tuple[int, str]:
    own = service.kind == "own"
    return SERVICES.index(service.name) if own else len(SERVICES), service.name


@operation("PUT /services/{name}", permission="gateway.service.write", emits=ServiceRegistered)
def register(name: str, new: Registration, work: Work) -> Service:
    """Register a service of the platform, or change its entry. Repeating it changes nothing more.

    For the platform's operator. Outside the stage `local`, only https URLs to public addresses are taken.
    """
    require_operator(work)
    _check_name(name)
    _check(new)
    values: dict[str, Any] = msgspec.structs.asdict(new) | {
        "updated_at": work.now,
        "updated_by": work.principal.name,
    }
    statement = insert(services).values(
        name=name, created_at=work.now, created_by=work.principal.name, **values
    )
    changed = values | {"version": services.c.version + 1}
    row = work.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_=changed).returning(*services.c)
    ).one()
    work.emit(ServiceRegistered(name, new.url))
    directory.forget()
    return _external(row)


@operation("DELETE /services/{name}", permission="gateway.service.write", status=204, emits=ServiceRemoved)
def remove(name: str, work: Work) -> None:
    """Take a service out of the registry."""
    require_operator(work)
    _check_name(name)
    if work.execute(delete(services).where(services.c.name == name)).rowcount == 0:
        raise NotFound("No service of that name is registered.")
    work.emit(ServiceRemoved(name))
    directory.forget()


@operation("GET /services/targets", permission=PUBLIC, answers=(401,))
def targets(request: Request, work: Work) -> Response[list[TargetGroup]]:
    """Every service's metrics endpoint, as Prometheus' HTTP service discovery reads it.

    Stages that set a scrape token ask for it as bearer.
    """
    require_scrape_token(request)
    base = settings().public_url or request.base_url
    own = (*SERVICES, PLATFORM)
    found = [_target(f"{base}/{name}/metrics", {"service": name, "kind": "own"}) for name in own]
    for each in external(work):
        if each.metrics is not None:
            labels = {**each.labels, "service": each.name, "kind": "external"}
            found.append(_target(joined(each.url, each.metrics), labels))
    return Response(found, headers={"Cache-Control": "no-store"})


def external(work: Work) -> list[Service]:
    """The registered services."""
    return [_external(row) for row in work.execute(select(services).order_by(services.c.name))]


def _check_name(name: str) -> None:
    if name in SERVICES:
        raise OwnService(f"{name} comes with the platform; it is neither registered nor removed.")
    if not _NAME.fullmatch(name):
        raise BadRequest("A service's name is lower-case letters, digits and dashes.", parameter="name")


def _check(new: Registration) -> None:
    """Refuse what leads where it must not, and names that Prometheus or HTTP would not take."""
    local = settings().stage == "local"
    for path in ("", new.health, new.ready, new.live, new.metrics, new.graph):
        if path is not None:
            addresses.accept(joined(new.url, path), local=local)
    for header in new.forwards:
        if not _HEADER.fullmatch(header):
            raise Invalid.at("/forwards", f"{header!r} is no header name in lower case.")
    for label in new.labels:
        if not _LABEL.fullmatch(label) or label.startswith("__"):
            raise Invalid.at("/labels", f"{label!r} is no label name of one's own for Prometheus.")


def _own(name: str, base: str) -> Service:
    return Service(
        name=name,
        kind="own",
        description=DESCRIPTIONS[name],
        url=f"{settings().public_url or base}/{name}",
        health="/health",
        ready="/health/ready",
        live="/health/live",
        metrics="/metrics",
        graph=None if name == "gateway" else "/graphql",
        required=True,
        timeout_ms=5_000,
        forwards=[],
        labels={},
        version=1,
        updated_at=None,
        updated_by="system",
    )


def _external(row: Row[Any]) -> Service:
    found = row._asdict()
    for name in ("created_at", "created_by"):
        del found[name]
    return Service(kind="external", **found)


def _target(url: str, labels: dict[str, str]) -> TargetGroup:
    parts = urlsplit(url)
    return TargetGroup(
        [parts.netloc],
        {"__scheme__": parts.scheme, "__metrics_path__": parts.path or "/"} | labels,
    )
