"""The collector: adds metric lines (EMF) up into counters, each line exactly once.

CloudWatch Logs delivers a batch at least once. Every line carries an identifier of its own; a line is
counted in the transaction that records its identifier, so a repeated batch counts nothing and a crash
between the two cannot happen.
"""

from __future__ import annotations

import base64
import binascii
import gzip
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import text

from common import logs
from common.metrics import LATENCY_BUCKETS
from common.operation import PLATFORM, Uses, on_metric_lines
from common.work import Work

_NEW = text("""
insert into platform.metric_line (id) select unnest(cast(:ids as text[])) on conflict do nothing returning id
""")
_ADD = text("""
insert into platform.metric_series (service, name, labels, value)
select service, name, labels, value
from json_to_recordset(cast(:series as json)) as s(service text, name text, labels text, value float8)
order by service, name, labels
on conflict (service, name, labels)
do update set value = metric_series.value + excluded.value, updated_at = now()
""")
# CloudWatch Logs retries a delivery for 24 hours; identifiers are remembered for longer than that.
_FORGET = text("""
delete from platform.metric_line where id in (
    select id from platform.metric_line where counted_at < now() - interval '2 days' limit 1000
)
""")

Series = tuple[str, str, str]
"""Service, sample name, labels as canonical JSON."""


@on_metric_lines(service=PLATFORM, uses={Uses.METRICS}, timeout=60, memory=256)
def collect(event: dict[str, Any], work: Work) -> dict[str, int]:
    """Count the metric lines of one log batch."""
    lines = dict(_lines(event))
    if not lines:
        return {"lines": 0, "counted": 0}
    new = {row.id for row in work.execute(_NEW, {"ids": sorted(lines)})}
    totals: Counter[Series] = Counter()
    for identifier in new:
        for series, value in samples(lines[identifier]):
            totals[series] += value  # type: ignore[assignment]
    if totals:
        rows = [{"service": s, "name": n, "labels": x, "value": v} for (s, n, x), v in totals.items()]
        work.execute(_ADD, {"series": msgspec.json.encode(rows).decode()})
    work.execute(_FORGET)
    return {"lines": len(lines), "counted": len(new)}


def _lines(event: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        batch = msgspec.json.decode(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    except (KeyError, TypeError, binascii.Error, OSError, EOFError, msgspec.MsgspecError) as error:
        # A batch that is none will not become one by being delivered again.
        logs.METRIC_LINE_UNREADABLE(exc_info=error)
        return
    for entry in batch.get("logEvents", ()):
        message = entry.get("message", "")
        start = message.find('{"')
        if start < 0 or '"_aws"' not in message:
            continue
        try:
            line = msgspec.json.decode(message[start:].strip())
        except msgspec.MsgspecError as error:
            logs.METRIC_LINE_UNREADABLE(exc_info=error)
            continue
        if "line" in line:
            yield line["line"], line


def samples(line: dict[str, Any]) -> Iterator[tuple[Series, float]]:
    """What a line adds to which series: a counter's amount; a histogram's buckets (each observation in
    its own bucket only), sum and count.
    """
    service = line.get("service", "")
    for directive in line["_aws"]["CloudWatchMetrics"]:
        names = [name for name in directive["Dimensions"][0] if name != "service"]
        labels = {name: line[name] for name in names}
        for definition in directive["Metrics"]:
            name = definition["Name"]
            values = line[name] if isinstance(line[name], list) else [line[name]]
            if definition["Unit"] == "Count":
                yield (service, name, canonical(labels)), float(sum(values))
                continue
            bounds = line.get("buckets", {}).get(name, LATENCY_BUCKETS)
            for value in values:
                place = bisect_left(bounds, value)
                bound = str(bounds[place]) if place < len(bounds) else "+Inf"
                yield (service, f"{name}_bucket", canonical(labels | {"le": bound})), 1.0
                yield (service, f"{name}_sum", canonical(labels)), float(value)


def canonical(labels: dict[str, str]) -> str:
    """Labels as JSON with sorted keys: equal labels are equal text."""
    return msgspec.json.encode(dict(sorted(labels.items()))).decode()
