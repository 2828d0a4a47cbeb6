"""Metrics: each declared once with its name, unit, labels and help; emitted as EMF lines by Powertools.

A counter or histogram recorded while an operation runs goes out after the transaction has committed, so
that it counts what happened. In CloudWatch the lines are metrics as they are; the collector adds them up
for Prometheus.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from common.operation import PLATFORM
from common.settings import NAMESPACE, settings
from common.tracing import Trace

Kind = Literal["counter", "histogram", "gauge"]
Labels = tuple[tuple[str, str], ...]

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds; upper bounds, inclusive."""

EVERY_SERVICE = "*"

Reading = float | Mapping[tuple[str, ...], float]
"""What a gauge reads: its value, or a value for each set of label values."""


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
    read: Callable[[Any], Reading] | None = field(default=None, compare=False)
    """A gauge's present value, given a database connection."""

    def readings(self, connection: Any) -> dict[tuple[str, ...], float]:
        """A gauge's present values by their label values."""
        assert self.read is not None
        reading = self.read(connection)
        return dict(reading) if isinstance(reading, Mapping) else {(): reading}

    def _record(self, value: float, labels: dict[str, str]) -> None:
        if tuple(labels) != self.labels:
            raise ValueError(f"{self.name} has the labels {self.labels}, not {tuple(labels)}")
        _pending.append((self, tuple(labels.items()), value))

    def inc(self, amount: float = 1, **labels: str) -> None:
        """Add to a counter."""
        self._record(amount, labels)

    def tell(self, value: float, labels: dict[str, str]) -> None:
        """Record a gauge's present value."""
        self._record(value, labels)

    def observe(self, value: float, **labels: str) -> None:
        """Record one observation of a histogram, in its unit."""
        self._record(value, labels)


declared: dict[tuple[str, str], Metric] = {}
_pending: list[tuple[Metric, Labels, float]] = []
_settled = 0
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
    *labels: str,
    unit: MetricUnit = MetricUnit.Count,
) -> Callable[[Callable[[Any], Reading]], Metric]:
    """Declare a gauge read at each scrape by the function decorated, given a database connection."""
    return lambda read: _declare(Metric(service, name, help, "gauge", unit, labels, read=read))


requests_total = counter(
    EVERY_SERVICE, "requests_total", "Requests and invocations handled.", "operation", "status"
)
request_duration_seconds = histogram(
    EVERY_SERVICE, "request_duration_seconds", "Time from event to response.", "operation", "status"
)
failures_total = counter(
    EVERY_SERVICE, "failures_total", "Requests answered 5xx and invocations that failed.", "operation"
)
cold_starts_total = counter(
    EVERY_SERVICE, "cold_starts_total", "Containers started: invocations that found no warm one.", "operation"
)
_warm: set[str] = set()


def pending() -> bool:
    """Whether anything was recorded that has not been written yet."""
    return bool(_pending)


def settle() -> None:
    """A transaction has committed: what was recorded up to here happened, whatever fails after it."""
    global _settled
    _settled = len(_pending)


def discard() -> None:
    """Forget what was recorded since the last commit or flush: the transaction it counted did not commit."""
    del _pending[_settled:]


def finish(operation: str, status: str, seconds: float, line: str, trace: Trace, **properties: str) -> None:
    """Count an invocation that ends with a status (HTTP's, ``ok``, ``failed``); write all it recorded."""
    cold = operation not in _warm
    requests_total.inc(1, operation=operation, status=status)
    request_duration_seconds.observe(seconds, operation=operation, status=status)
    if status == "failed" or status.startswith("5"):
        failures_total.inc(1, operation=operation)
    if cold:
        _warm.add(operation)
        cold_starts_total.inc(1, operation=operation)
    flush(line, trace, trace_id=trace.trace_id, cold_start="true" if cold else "false", **properties)


def flush(line: str, trace: Trace | None = None, transaction: str = "", **properties: str) -> None:
    """Write what was recorded as EMF lines, one for each set of labels.

    ``line`` identifies this flush for all time: the collector counts a line once however often it is
    delivered; without one it is for CloudWatch alone. With the id of a ``transaction`` that has not ended
    yet, the collector counts the line if that commits. A sampled ``trace`` is the exemplar of what was
    observed. ``properties`` are not metrics but searchable members of the first line.
    """
    global _lines, _settled
    grouped: dict[Labels, list[tuple[Metric, float]]] = {}
    for metric, labels, value in _pending:
        grouped.setdefault(labels, []).append((metric, value))
    _pending.clear()
    _settled = 0
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
        if labels:
            emf.add_dimensions(service=emf.service or "")  # the service's total, for alarms
        for metric, value in values:
            emf.add_metric(metric.name, metric.unit, value)
        if line:
            emf.add_metadata("line", f"{line}:{_lines}")
        if transaction:
            emf.add_metadata("transaction", transaction)
        if trace is not None and trace.sampled:
            emf.add_metadata("exemplar", trace.trace_id)
        own_buckets = {m.name: m.buckets for m, _ in values if m.buckets not in ((), LATENCY_BUCKETS)}
        if own_buckets:
            emf.add_metadata("buckets", own_buckets)
        for name, text in properties.items():
            emf.add_metadata(name, text)
        properties = {}
        emf.flush_metrics()


def of_service(service: str) -> list[Metric]:
    """Every metric that a service has; its module of metrics declares them, where it has one."""
    module = "common.platform_metrics" if service == PLATFORM else f"{service}.metrics"
    if importlib.util.find_spec(module) is not None:
        importlib.import_module(module)
    return [m for m in declared.values() if m.service in (service, EVERY_SERVICE)]
