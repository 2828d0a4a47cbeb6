"""Gauges for CloudWatch: read each minute and written as EMF lines. Prometheus reads them when it scrapes."""

from __future__ import annotations

from common import metrics
from common.operation import EVERY_SERVICE, PLATFORM, SERVICES, Uses, every
from common.settings import settings
from common.work import Work


def _has_gauges(service: str) -> bool:
    return service in (*SERVICES, PLATFORM) and any(m.kind == "gauge" for m in metrics.of_service(service))


@every(minutes=1, service=EVERY_SERVICE, uses={Uses.METRICS}, memory=256, exists_in=_has_gauges)
def measure(work: Work) -> dict[str, int]:
    """Tell CloudWatch the present value of the service's gauges; answers how many values that were."""
    values = 0
    for metric in metrics.of_service(settings().service):
        if metric.kind != "gauge":
            continue
        for labels, value in metric.readings(work.connection).items():
            metric.tell(value, dict(zip(metric.labels, labels, strict=True)))
            values += 1
    metrics.flush("")  # not for the collector, which adds up
    return {"values": values}
