"""Metrics: each declared once with its name, unit, labels and help; emitted as EMF lines by Powertools.

A counter or histogram recorded while an operation runs goes out after the transaction has committed, so
that it counts what happened. In CloudWatch the lines are metrics as they are; the collector adds them up
for Prometheus.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from common.settings import NAMESPACE, settings

Kind = Literal["counter", "histogram", "gauge"]
Labels = tuple[tuple[str, str], ...]

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; upper bounds, inclusive."""

EVERY_SERVICE = "*"


@dataclass(frozen=True)
class Metric:
    """A declared metric."""

    service: str
    name: str
    help: str
    kind: Kind
    unit: MetricUnit
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    read: Callable[[Any], float] | None = field(default=None, compare=False)
    """A gauge's present value, given a database connection."""

    def _record(self, value: float, labels: dict[str, str]) -> None:
        if tuple(labels) != self.labels:
            raise ValueError(f"{self.name} has the labels {self.labels}, not {tuple(labels)}")
        _pending.append((self, tuple(labels.items()), value))

    def inc(self, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._record(amount, labels)

    def observe(self, value: float, **labels: str) -> None:
        """Record one observation of a histogram, in its unit."""
        self._record(value, labels)


declared: dict[tuple[str, str], Metric] = {}
_pending: list[tuple[Metric, Labels, float]] = []
_lines = 0


def _declare(metric: Metric) -> Metric:
    declared[metric.service, metric.name] = metric
    return metric


def counter(service: str, name: str, help: str, *labels: str) -> Metric:  # noqa: A002 - Prometheus' word
    """Declare a counter; ``name`` ends in ``_total``."""
    return _declare(Metric(service, name, help, "counter", MetricUnit.Count, labels))


def histogram(
    service: str,
    name: str,
    help: str,  # noqa: A002
    *labels: str,
    buckets: tuple[float, ...] = LATENCY_BUCKETS,
) -> Metric:
    """Declare a histogram of seconds."""
    return _declare(Metric(service, name, help, "histogram", MetricUnit.Seconds, labels, buckets))


def gauge(
    service: str,
    name: str,
    help: str,  # noqa: A002
) -> Callable[[Callable[[Any], float]], Metric]:
    """Declare a gauge read from the database at each scrape, by the function decorated."""
    return lambda read: _declare(Metric(service, name, help, "gauge", MetricUnit.Count, read=read))


requests_total = counter(
    EVERY_SERVICE, "requests_total", "Requests and invocations handled.", "operation", "status"
)
request_duration_seconds = histogram(
    EVERY_SERVICE, "request_duration_seconds", "Time from event to response.", "operation", "status"
)


def discard() -> None:
    """Forget what was recorded since the last flush: the transaction it counted did not commit."""
    _pending.clear()


def flush(line: str, **properties: str) -> None:
    """Write what was recorded as EMF lines, one for each set of labels.

    ``line`` identifies this flush for all time: the collector counts a line once however often it is
    delivered. ``properties`` are not metrics but searchable members of the first line.
    """
    global _lines
    grouped: dict[Labels, list[tuple[Metric, float]]] = {}
    for metric, labels, value in _pending:
        grouped.setdefault(labels, []).append((metric, value))
    _pending.clear()
    for labels, values in grouped.items():
        _lines += 1
        emf = AmazonCloudWatchEMFProvider(
            namespace=NAMESPACE,
            service=settings().service or "groundwork",
            metric_set={},
            dimension_set={},
            metadata_set={},
            default_dimensions={},
        )
        for name, text in labels:
            emf.add_dimension(name, text)
        for metric, value in values:
            emf.add_metric(metric.name, metric.unit, value)
        emf.add_metadata("line", f"{line}:{_lines}")
        own_buckets = {m.name: m.buckets for m, _ in values if m.buckets not in ((), LATENCY_BUCKETS)}
        if own_buckets:
            emf.add_metadata("buckets", own_buckets)
        for name, text in properties.items():
            emf.add_metadata(name, text)
        properties = {}
        emf.flush_metrics()


def of_service(service: str) -> list[Metric]:
    """Every metric that a service has."""
    return [m for m in declared.values() if m.service in (service, EVERY_SERVICE)]
