"""The dashboards: an overview of the platform, one for each service, derived from the metrics declared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from common import metrics
from common.metrics import Metric
from common.operation import PLATFORM, SERVICES
from infra.dashboards.queries import Quantile, Query, Rate, Share, Value

Unit = Literal["reqps", "ops", "s", "short", "percentunit"]
"""Grafana's names of units."""

COLUMNS = 24
"""Of the grid, Grafana's and CloudWatch's alike."""


@dataclass(frozen=True)
class Panel:
    """One picture: what it asks, in which unit, and from which values on it is amber and red."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: Unit
    kind: Literal["lines", "number"] = "lines"
    amber: float | None = None
    red: float | None = None
    width: int = 12
    height: int = 8


@dataclass(frozen=True)
class Section:
    """Panels under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Dashboard:
    """Sections, one below the other."""

    name: str
    title: str
    description: str
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class Place:
    """A panel or a section's heading on the grid."""

    x: int
    y: int
    width: int
    height: int
    shows: Panel | Section


def placed(dashboard: Dashboard) -> Iterator[Place]:
    """Every heading and panel, row by row from the left."""
    y = 0
    for section in dashboard.sections:
        yield Place(0, y, COLUMNS, 1, section)
        y += 1
        x, tallest = 0, 0
        for panel in section.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            alone = x == 0 and panel is section.panels[-1]
            width = COLUMNS if alone else panel.width
            yield Place(x, y, width, panel.height, panel)
            x, tallest = x + width, max(tallest, panel.height)
        y += tallest


def dashboards() -> tuple[Dashboard, ...]:
    """All of them: the overview, then the services'."""
    return (overview(), *(of_service(service) for service in SERVICES))


def overview() -> Dashboard:
    """The platform at a glance, and what belongs to none of its services."""
    own = [m for m in metrics.of_service(PLATFORM) if m.service == PLATFORM]
    return Dashboard(
        "overview",
        "Groundwork: overview",
        "Every service side by side, and the platform's own outbox, relay and dead letters.",
        (
            Section("At a glance", _glance("")),
            Section("Services", _compared()),
            Section("Outbox, relay, dead letters", tuple(_panel(metric, PLATFORM) for metric in own)),
            Section("The platform's own functions", _operations(PLATFORM)),
        ),
    )


def of_service(service: str) -> Dashboard:
    """One service: its requests, and every metric that it declares."""
    own = [m for m in metrics.of_service(service) if m.service == service]
    return Dashboard(
        service,
        f"Groundwork: {service}",
        f"Requests of the service {service}, and what it counts.",
        (
            Section("At a glance", _glance(service)),
            Section("What it does", (*_shares(service, own), *(_panel(metric, service) for metric in own))),
            Section("Operations", _operations(service)),
        ),
    )


def _glance(service: str) -> tuple[Panel, ...]:
    requests, seconds = metrics.requests_total, metrics.request_duration_seconds
    failures = Share(metrics.failures_total, service, of=requests, name="failures")
    return (
        Panel(
            "Requests",
            "A second.",
            (Rate(requests, service, name="requests"),),
            "reqps",
            "number",
            width=6,
            height=4,
        ),
        Panel(
            "Failures",
            "The part that is answered 5xx, or fails.",
            (failures,),
            "percentunit",
            "number",
            amber=0.001,
            red=0.01,
            width=6,
            height=4,
        ),
        Panel(
            "Slowest hundredth",
            "Of a hundred requests, the slowest takes at least this long.",
            (Quantile(seconds, service),),
            "s",
            "number",
            amber=1,
            red=2.5,
            width=6,
            height=4,
        ),
        Panel(
            "Cold starts",
            "A second: invocations that found no warm container.",
            (Rate(metrics.cold_starts_total, service, name="cold starts"),),
            "ops",
            "number",
            width=6,
            height=4,
        ),
    )


def _compared() -> tuple[Panel, ...]:
    by = ("service",)
    requests, seconds = metrics.requests_total, metrics.request_duration_seconds
    return (
        Panel("Requests by service", "A second.", (Rate(requests, by=by),), "reqps"),
        Panel(
            "Failures by service",
            "The part that is answered 5xx, or fails.",
            tuple(Share(metrics.failures_total, s, of=requests, name=s) for s in (*SERVICES, PLATFORM)),
            "percentunit",
            amber=0.001,
            red=0.01,
        ),
        Panel(
            "Latency by service",
            "99 of 100 requests are faster.",
            (Quantile(seconds, by=by, name="{{service}}"),),
            "s",
            amber=1,
            red=2.5,
        ),
        Panel("Cold starts by service", "A second.", (Rate(metrics.cold_starts_total, by=by),), "ops"),
    )


def _operations(service: str) -> tuple[Panel, ...]:
    requests, seconds = metrics.requests_total, metrics.request_duration_seconds
    by = ("operation",)
    return (
        Panel("Requests by operation", "A second.", (Rate(requests, service, by),), "reqps"),
        Panel("Requests by status", "A second.", (Rate(requests, service, ("status",)),), "reqps"),
        Panel(
            "Latency by operation",
            "99 of 100 requests are faster.",
            (Quantile(seconds, service, by, name="{{operation}}"),),
            "s",
            amber=1,
            red=2.5,
        ),
        Panel(
            "Latency",
            "Half, 95 of 100 and 99 of 100 requests are faster.",
            tuple(Quantile(seconds, service, quantile=q) for q in (0.5, 0.95, 0.99)),
            "s",
            amber=1,
            red=2.5,
        ),
        Panel(
            "Failures by operation",
            "A second: answered 5xx, or failed.",
            (Rate(metrics.failures_total, service, by),),
            "ops",
        ),
        Panel(
            "Cold starts by operation",
            "A second.",
            (Rate(metrics.cold_starts_total, service, by),),
            "ops",
        ),
    )


def _panel(metric: Metric, service: str) -> Panel:
    """The picture that a metric's declaration asks for."""
    title = metric.help.split(".", 1)[0].split(":", 1)[0].split(";", 1)[0]
    description = f"{metric.help} (`{metric.name}`)"
    if metric.kind == "gauge":
        unit: Unit = "s" if metric.name.endswith("_seconds") else "short"
        if metric.name.endswith("_ratio"):
            unit = "percentunit"
        return Panel(title, description, (Value(metric, service),), unit)
    if metric.kind == "counter":
        return Panel(title, f"{description} A second.", (Rate(metric, service, metric.labels),), "ops")
    queries = tuple(Quantile(metric, service, quantile=q) for q in (0.5, 0.95, 0.99))
    return Panel(title, description, queries, "s")


def _shares(service: str, own: list[Metric]) -> Iterator[Panel]:
    """Hits and misses of a cache say most as a share."""
    named = {metric.name: metric for metric in own}
    hits, misses = named.get("cache_hits_total"), named.get("cache_misses_total")
    if hits is not None and misses is not None:
        share = Share(hits, service, of=misses, and_itself=True, name="hits")
        yield Panel("Cache hits", "The part answered from memory.", (share,), "percentunit")
