"""The whole platform's health and metrics: each registered service is asked for its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from common.exposition import require_scrape_token
from common.health import Health, Status
from common.operation import PLATFORM, PUBLIC, SERVICES, Uses, operation
from common.request import Request, Response
from common.settings import settings
from common.work import Work
from gateway.reach import functions, web
from gateway.reach.endpoints import joined
from gateway.reach.errors import Unreached
from gateway.services import Service, external

T = TypeVar("T")

OWN_SECONDS = 10.0
"""How long an own service may take: its function may have to start first."""
Level = Literal["health", "ready", "live"]


class ServiceHealth(Struct, frozen=True, omit_defaults=True):
    """One service's verdict; ``detail`` is what it says for itself, or why it could not be asked."""

    name: str
    status: Status
    required: bool
    duration_ms: float
    detail: Any = None


class PlatformHealth(Struct, frozen=True):
    """The platform's health: ``fail`` if a service fails that it requires."""

    status: Status
    stage: str
    release: str
    services: list[ServiceHealth]


@operation("GET /health", permission=PUBLIC, answers=(503,), uses={Uses.INVOKE}, timeout=29)
def health(request: Request, work: Work) -> Response[PlatformHealth]:
    """Every service of the platform with each dependency of it, checked and timed.

    503 if a service fails that the platform requires.
    """
    return _asked("health", request, work)


@operation("GET /health/ready", permission=PUBLIC, answers=(503,), uses={Uses.INVOKE}, timeout=29)
def ready(request: Request, work: Work) -> Response[PlatformHealth]:
    """Whether every service that the platform requires can serve now. 503 if not."""
    return _asked("ready", request, work)


@operation("GET /health/live", permission=PUBLIC, answers=(503,), uses={Uses.INVOKE}, timeout=29)
def live(request: Request, work: Work) -> Response[PlatformHealth]:
    """Whether the functions of every required service run. 503 if not."""
    return _asked("live", request, work)


@operation(
    "GET /metrics",
    permission=PUBLIC,
    answers=(401,),
    uses={Uses.INVOKE},
    database=False,
    produces="text/plain",
    timeout=29,
)
def metrics(request: Request) -> Response[str]:
    """Every own service's metrics and the platform's in one page, each sample with the label `service`.

    `service_up` says of whom they could be had. Services of others are scraped by themselves, see
    `/services/targets`.
    """
    require_scrape_token(request)
    pages = dict(_side_by_side(lambda name: (name, _metrics_of(name, request)), (*SERVICES, PLATFORM)))
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    body: bytes = encode(_Collected(merged(pages)))
    return Response(body.decode(), media_type=media_type, headers={"Cache-Control": "no-store"})


def _asked(level: Level, request: Request, work: Work) -> Response[PlatformHealth]:
    others = external(work)
    work.commit()
    paths = [(each, path) for each in others if (path := getattr(each, level)) is not None]
    own = _side_by_side(lambda name: _own(name, level, request), SERVICES)
    registered = _side_by_side(lambda pair: _other(*pair), paths)
    found = [*own, *registered]
    failing = any(each.status == "fail" and each.required for each in found)
    configuration = settings()
    verdict = PlatformHealth("fail" if failing else "pass", configuration.stage, configuration.version, found)
    return Response(verdict, status=503 if failing else 200, headers={"Cache-Control": "no-store"})


def _own(name: str, level: Level, request: Request) -> ServiceHealth:
    path = f"/{name}/health" + ("" if level == "health" else f"/{level}")
    event = functions.event("GET", path, {"accept": "application/json"}, None, request.source_ip)

    def ask() -> tuple[Status, Any]:
        answer = functions.invoke(f"{name}.health.{level}", event, OWN_SECONDS)
        own = msgspec.json.decode(answer["body"], type=Health)
        return own.status, own

    return _timed(name, True, ask)


def _other(service: Service, path: str) -> ServiceHealth:
    def ask() -> tuple[Status, Any]:
        url, seconds = joined(service.url, path), service.timeout_ms / 1000
        answer = web.call("GET", url, headers={"Accept": "application/json"}, seconds=seconds)
        return ("pass" if 200 <= answer.status < 300 else "fail"), f"status {answer.status}"

    return _timed(service.name, service.required, ask)


def _timed(name: str, required: bool, ask: Callable[[], tuple[Status, Any]]) -> ServiceHealth:
    started = time.perf_counter()
    status: Status
    try:
        status, detail = ask()
    except Unreached as error:
        status, detail = "fail", str(error)
    except (KeyError, TypeError, msgspec.MsgspecError):
        status, detail = "fail", "answered with something that is no health report."
    return ServiceHealth(name, status, required, round((time.perf_counter() - started) * 1000, 2), detail)


def _metrics_of(name: str, request: Request) -> str | None:
    """A service's page, or None if it could not be had."""
    headers = {"accept": "text/plain"}
    if "authorization" in request.headers:
        headers["authorization"] = request.headers["authorization"]
    event = functions.event("GET", f"/{name}/metrics", headers, None, request.source_ip)
    try:
        answer = functions.invoke(f"{name}.exposition.expose", event, OWN_SECONDS)
    except Unreached:
        return None  # service_up tells
    return answer["body"] if isinstance(answer, dict) and answer.get("statusCode") == 200 else None


class _Collected:
    """What prometheus_client's encoders ask of a registry."""

    def __init__(self, found: list[Family]) -> None:
        self._found = found

    def collect(self) -> Iterator[Family]:
        return iter(self._found)


def merged(pages: dict[str, str | None]) -> list[Family]:
    """The services' pages as one: a family once, its samples told apart by the label ``service``."""
    up = GaugeMetricFamily("service_up", "Whether the service's metrics could be had.", labels=["service"])
    families: dict[str, Family] = {}
    for service, page in pages.items():
        up.add_metric([service], 0 if page is None else 1)
        for family in text_string_to_metric_families(page or ""):
            known = families.setdefault(
                family.name, Family(family.name, family.documentation, family.type, family.unit)
            )
            known.samples += [_labelled(sample, service) for sample in family.samples]
    return [up, *families.values()]


def _labelled(sample: Sample, service: str) -> Sample:
    return sample._replace(labels={"service": service, **sample.labels})


def _side_by_side(do: Callable[[Any], T], items: Iterable[Any]) -> Iterator[T]:
    """What `do` gives for each item; they are begun at once, and waited for when they are read."""
    return _threads().map(do, items)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="roll-up")
