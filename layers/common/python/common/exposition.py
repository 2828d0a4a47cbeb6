"""``GET /<service>/metrics``: what the collector has added up, in Prometheus' text format or OpenMetrics."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
    Exemplar,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder
from sqlalchemy import text

from common import metrics
from common.errors import Unauthenticated
from common.metrics import Metric
from common.operation import EVERY_SERVICE, PLATFORM, PUBLIC, SERVICES, Uses, operation
from common.request import Request, Response
from common.settings import settings
from common.work import Work

_READ = text("select name, labels, value, exemplar from platform.metric_series where service = :service")

Samples = dict[str, dict[str, tuple[float, Exemplar | None]]]
"""Sample name to labels (canonical JSON) to value and exemplar."""


@operation(
    "GET /{service}/metrics",
    permission=PUBLIC,
    service=EVERY_SERVICE,
    uses={Uses.METRICS},
    produces="text/plain",
    memory=256,
    exists_in=lambda service: service in (*SERVICES, PLATFORM),
)
def expose(request: Request, work: Work) -> Response[str]:
    """The service's metrics for a Prometheus scraper: monotonic counters, histograms, live gauges.

    Answers OpenMetrics where ``Accept`` prefers it. Stages that set a scrape token ask for it as bearer.
    """
    require_scrape_token(request)
    encode, media_type = choose_encoder(request.headers.get("accept", ""))
    collector = _Collected(list(families(settings().service, work)))
    body: bytes = encode(collector)
    return Response(body.decode(), media_type=media_type, headers={"Cache-Control": "no-store"})


def require_scrape_token(request: Request) -> None:
    """Refuse a scrape without the stage's token, where it has one."""
    wanted = settings().scrape_token
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if wanted and not hmac.compare_digest(given.encode(), wanted.encode()):
        raise Unauthenticated("Scrape with the stage's token.")


class _Collected:
    """What prometheus_client's encoders ask of a registry."""

    def __init__(self, found: list[Family]) -> None:
        self._found = found

    def collect(self) -> Iterator[Family]:
        return iter(self._found)


def families(service: str, work: Work) -> Iterator[Family]:
    """The metric families of a service, each declared metric once, also those without a sample yet."""
    samples: Samples = defaultdict(dict)
    for row in work.execute(_READ, {"service": service}):
        samples[row.name][row.labels] = (row.value, _exemplar(row.exemplar))
    for metric in metrics.of_service(service):
        yield _family(metric, samples, work)


def _exemplar(stored: dict[str, Any] | None) -> Exemplar | None:
    if stored is None:
        return None
    return Exemplar({"trace_id": stored["trace_id"]}, stored["value"], stored["at"])


def _family(metric: Metric, samples: Samples, work: Work) -> Family:
    if metric.kind == "gauge":
        gauges = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for values, value in sorted(metric.readings(work.connection).items()):
            gauges.add_metric(list(values), value)
        return gauges
    if metric.kind == "counter":
        counters = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value, _ in _of(samples, metric.name):
            counters.add_metric([labels.get(name, "") for name in metric.labels], value)
        if not metric.labels and not counters.samples:
            counters.add_metric([], 0)
        return counters
    return _histogram(metric, samples)


def _histogram(metric: Metric, samples: Samples) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    counts: dict[tuple[str, ...], dict[str, tuple[float, Exemplar | None]]] = defaultdict(dict)
    for labels, value, exemplar in _of(samples, f"{metric.name}_bucket"):
        counts[_values(metric, labels)][labels["le"]] = (value, exemplar)
    sums = {_values(metric, labels): value for labels, value, _ in _of(samples, f"{metric.name}_sum")}
    for values, own in counts.items():
        running = 0.0
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for bound in (*map(str, metric.buckets), "+Inf"):
            count, exemplar = own.get(bound, (0.0, None))
            running += count
            buckets.append((bound, running) if exemplar is None else (bound, running, exemplar))
        family.add_metric(list(values), buckets, sums.get(values, 0.0))
    return family


def _values(metric: Metric, labels: dict[str, str]) -> tuple[str, ...]:
    return tuple(labels.get(name, "") for name in metric.labels)


def _of(samples: Samples, name: str) -> Iterator[tuple[dict[str, str], float, Exemplar | None]]:
    for labels, (value, exemplar) in sorted(samples.get(name, {}).items(), key=lambda item: item[0]):
        yield msgspec.json.decode(labels), value, exemplar
