"""``GET /<service>/metrics``: what the collector has added up, in Prometheus' text format or OpenMetrics."""

from __future__ import annotations

import hmac
import importlib.util
from collections import defaultdict
from collections.abc import Iterator

import msgspec
from prometheus_client.core import (
    CounterMetricFamily,
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
from common.operation import EVERY_SERVICE, PUBLIC, Uses, operation
from common.request import Request, Response
from common.settings import settings
from common.work import Work

_READ = text("select name, labels, value from platform.metric_series where service = :service")

Samples = dict[str, dict[str, float]]
"""Sample name to labels (canonical JSON) to value."""


@operation(
    "GET /{service}/metrics",
    permission=PUBLIC,
    service=EVERY_SERVICE,
    uses={Uses.METRICS},
    produces="text/plain",
    memory=256,
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
        samples[row.name][row.labels] = row.value
    for metric in _declared(service):
        yield _family(metric, samples, work)


def _declared(service: str) -> list[Metric]:
    """The service's metrics; its module ``metrics`` declares them, where it has one."""
    name = f"{service}.metrics"
    if importlib.util.find_spec(name) is not None:
        importlib.import_module(name)
    return metrics.of_service(service)


def _family(metric: Metric, samples: Samples, work: Work) -> Family:
    if metric.kind == "gauge":
        assert metric.read is not None
        return GaugeMetricFamily(metric.name, metric.help, value=metric.read(work.connection))
    if metric.kind == "counter":
        counters = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in _of(samples, metric.name):
            counters.add_metric([labels.get(name, "") for name in metric.labels], value)
        if not metric.labels and not counters.samples:
            counters.add_metric([], 0)
        return counters
    return _histogram(metric, samples)


def _histogram(metric: Metric, samples: Samples) -> Family:
    family = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
    counts: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for labels, value in _of(samples, f"{metric.name}_bucket"):
        counts[tuple(labels.get(name, "") for name in metric.labels)][labels["le"]] = value
    sums = {
        tuple(labels.get(name, "") for name in metric.labels): value
        for labels, value in _of(samples, f"{metric.name}_sum")
    }
    for values, own in counts.items():
        running, buckets = 0.0, []
        for bound in (*map(str, metric.buckets), "+Inf"):
            running += own.get(bound, 0)
            buckets.append((bound, running))
        family.add_metric(list(values), buckets, sums.get(values, 0.0))
    return family


def _of(samples: Samples, name: str) -> Iterator[tuple[dict[str, str], float]]:
    for labels, value in sorted(samples.get(name, {}).items()):
        yield msgspec.json.decode(labels), value
