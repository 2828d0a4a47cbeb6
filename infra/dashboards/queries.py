"""What a panel asks of a metric, in the words of Prometheus and of CloudWatch.

In Prometheus each series carries ``service``, a label of its scrape target. In CloudWatch a metric has its
labels and the service as dimensions, and once more the service alone (see ``common.metrics.flush``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from common.metrics import Metric
from common.settings import NAMESPACE

INTERVAL = "$__rate_interval"
"""Grafana's window for rates: four scrapes at the least."""


@dataclass(frozen=True)
class Query(ABC):
    """A metric, of one service or (empty) of all, kept apart by some of its labels."""

    metric: Metric
    service: str = ""
    by: tuple[str, ...] = ()
    name: str = ""
    """What the result is called, instead of by its labels."""

    @property
    def legend(self) -> str:
        """Grafana's legend: the name, or the values of the labels."""
        return self.name or " ".join(f"{{{{{label}}}}}" for label in self.by) or self.metric.name

    @abstractmethod
    def promql(self) -> str:
        """The PromQL expression."""

    @abstractmethod
    def cloudwatch(self) -> str:
        """The CloudWatch metric math expression."""

    def _selector(self) -> str:
        return f'{{service="{self.service}"}}' if self.service else ""

    def _grouped(self, *more: str) -> str:
        labels = (*self.by, *more)
        return f" by ({', '.join(labels)}) " if labels else ""

    def _search(self, metric: Metric, statistic: str) -> str:
        """The series at hand: the services' totals, unless other labels are to be kept apart."""
        dimensions = ["service"] if set(self.by) <= {"service"} else [*metric.labels, "service"]
        service = f' service="{self.service}"' if self.service else ""
        schema = ",".join((NAMESPACE, *dimensions))
        return f"SEARCH('{{{schema}}} MetricName=\"{metric.name}\"{service}', '{statistic}', 60)"


@dataclass(frozen=True)
class Rate(Query):
    """A counter's increase per second."""

    def promql(self) -> str:
        return f"sum{self._grouped()}(rate({self.metric.name}{self._selector()}[{INTERVAL}]))"

    def cloudwatch(self) -> str:
        found = self._search(self.metric, "Sum")
        return f"{found} / 60" if self.by else f"SUM({found}) / 60"


@dataclass(frozen=True)
class Quantile(Query):
    """A histogram's quantile, in its unit."""

    quantile: float = 0.99

    @property
    def legend(self) -> str:
        return self.name or f"p{self.quantile * 100:g}"

    def promql(self) -> str:
        rate = f"rate({self.metric.name}_bucket{self._selector()}[{INTERVAL}])"
        return f"histogram_quantile({self.quantile:g}, sum{self._grouped('le')}({rate}))"

    def cloudwatch(self) -> str:
        found = self._search(self.metric, f"p{self.quantile * 100:g}")
        return found if self.by else f"MAX({found})"


@dataclass(frozen=True)
class Value(Query):
    """A gauge as it is."""

    @property
    def legend(self) -> str:
        return self.name or " ".join(f"{{{{{label}}}}}" for label in self.metric.labels) or self.metric.name

    def promql(self) -> str:
        labels = self.metric.labels
        grouped = f" by ({', '.join(labels)}) " if labels else ""
        return f"max{grouped}({self.metric.name}{self._selector()})"

    def cloudwatch(self) -> str:
        schema = ",".join((NAMESPACE, *self.metric.labels, "service"))
        return (
            f'SEARCH(\'{{{schema}}} MetricName="{self.metric.name}" service="{self.service}"\', '
            "'Maximum', 60)"
        )


@dataclass(frozen=True)
class Share(Query):
    """A counter's part of another's, or of both together; nothing counted is a share of zero."""

    of: Metric | None = None
    and_itself: bool = False

    def promql(self) -> str:
        rest = self._rate(self._of)
        part = f"({self._rate(self.metric)} or {rest} * 0)"
        return f"{part} / ({rest} + {part})" if self.and_itself else f"{part} / {rest}"

    def cloudwatch(self) -> str:
        part, rest = self._total(self.metric), self._total(self._of)
        return f"{part} / ({rest} + {part})" if self.and_itself else f"{part} / {rest}"

    @property
    def _of(self) -> Metric:
        assert self.of is not None
        return self.of

    def _rate(self, metric: Metric) -> str:
        return f"sum(rate({metric.name}{self._selector()}[{INTERVAL}]))"

    def _total(self, metric: Metric) -> str:
        return f"FILL(SUM({self._search(metric, 'Sum')}), 0)"
