"""The counters and histograms that Prometheus reads, as rows of ``platform.metric_series``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, text

# Sorted, so that two transactions that add to the same series wait for each other instead of colliding.
_ADD = text("""
insert into platform.metric_series (service, name, labels, value, exemplar)
select service, name, labels, value, exemplar
from json_to_recordset(cast(:series as json))
    as s(service text, name text, labels text, value float8, exemplar jsonb)
order by service, name, labels
on conflict (service, name, labels) do update set
    value = metric_series.value + excluded.value,
    exemplar = coalesce(excluded.exemplar, metric_series.exemplar),
    updated_at = now()
""")

Series = tuple[str, str, str]
"""Service, sample name, labels as canonical JSON."""


class Exemplar(msgspec.Struct, frozen=True):
    """An observation's trace, with its value and the time it was made (seconds since the epoch)."""

    trace_id: str
    value: float
    at: float


def add(
    connection: Connection,
    totals: Mapping[Series, float],
    exemplars: Mapping[Series, Exemplar] | None = None,
) -> None:
    """Add to the series within the connection's transaction; a bucket keeps its latest exemplar."""
    if not totals:
        return
    latest = exemplars or {}
    rows: list[dict[str, Any]] = [
        {
            "service": series[0],
            "name": series[1],
            "labels": series[2],
            "value": value,
            "exemplar": latest.get(series),
        }
        for series, value in totals.items()
    ]
    connection.execute(_ADD, {"series": msgspec.json.encode(rows).decode()})


def canonical(labels: Mapping[str, str]) -> str:
    """Labels as JSON with sorted keys: equal labels are equal text."""
    return msgspec.json.encode(dict(sorted(labels.items()))).decode()
