"""The collector: adds metric lines (EMF) up into counters, each line exactly once.

CloudWatch Logs delivers a batch at least once. Every line carries an identifier of its own; a line is
counted in the transaction that records its identifier, so a repeated batch counts nothing and a crash
between the two cannot happen. A line that was written ahead of its operation's commit names the
transaction, and counts if that committed.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text

from common import logs, series
from common.metrics import LATENCY_BUCKETS
from common.operation import PLATFORM, Uses, on_metric_lines
from common.series import Exemplar, Series, canonical
from common.work import Work

_NEW = text("""
insert into platform.metric_line (id) select unnest(cast(:ids as text[])) on conflict do nothing returning id
""")
MEMORY = timedelta(days=4)
"""How long identifiers are remembered. A line that comes later, out of the dead letters, may have been
counted by another delivery and is refused: machines try again for hours, people over a weekend.
"""
_FORGET = text("""
delete from platform.metric_line where id in (
    select id from platform.metric_line where counted_at < now() - cast(:memory as interval) limit 1000
)
""")
_MARGIN = timedelta(hours=1)
# The database refuses to tell of transactions to come, as those of another database may seem to be. Ours is
# younger than any that a line can name.
_ENDS = text("""
select xid,
    case when xid::xid8 < pg_current_xact_id() then pg_xact_status(xid::xid8) end as fate
from unnest(cast(:xids as text[])) as given(xid)
""")
PATIENCE = 10.0
"""Seconds that a transaction is waited for; its line comes moments before its end."""


class StillOpenError(Exception):
    """A transaction has not ended: the batch is to be delivered again."""


@on_metric_lines(service=PLATFORM, uses={Uses.METRICS}, timeout=60, memory=256)
def collect(event: dict[str, Any], work: Work) -> dict[str, int]:
    """Count the metric lines of one log batch."""
    lines = dict(_recent(_lines(event), work.now))
    if not lines:
        return {"lines": 0, "counted": 0}
    new = {row.id for row in work.execute(_NEW, {"ids": sorted(lines)})}
    counted = sorted(new - _undone({i: lines[i] for i in new}, work))
    totals: Counter[Series] = Counter()
    exemplars: dict[Series, Exemplar] = {}
    for identifier in counted:
        for sample in samples(lines[identifier]):
            totals[sample.series] += sample.value  # type: ignore[assignment]
            if sample.exemplar is not None:
                exemplars[sample.series] = sample.exemplar
    series.add(work.connection, totals, exemplars)
    work.execute(_FORGET, {"memory": MEMORY})
    return {"lines": len(lines), "counted": len(counted)}


def _undone(lines: dict[str, dict[str, Any]], work: Work) -> set[str]:
    """The lines whose transactions did not commit, those included of which the database knows nothing."""
    named = {i: str(line["transaction"]) for i, line in lines.items() if "transaction" in line}
    waiting, committed = sorted({xid for xid in named.values() if xid.isdecimal()}), set[str]()
    deadline = time.monotonic() + PATIENCE
    while waiting:
        ends = {row.xid: row.fate for row in work.execute(_ENDS, {"xids": waiting})}
        committed |= {xid for xid, end in ends.items() if end == "committed"}
        waiting = sorted(xid for xid, end in ends.items() if end == "in progress")
        if waiting and time.monotonic() > deadline:
            raise StillOpenError(f"Transactions {', '.join(waiting)} are open after {PATIENCE:.0f} s.")
        if waiting:
            time.sleep(0.1)
    return {i for i, xid in named.items() if xid not in committed}


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


def _recent(
    lines: Iterator[tuple[str, dict[str, Any]]], now: datetime
) -> Iterator[tuple[str, dict[str, Any]]]:
    oldest = (now - MEMORY + _MARGIN).timestamp() * 1000
    late = 0
    for identifier, line in lines:
        if line["_aws"].get("Timestamp", 0) >= oldest:
            yield identifier, line
        else:
            late += 1
    if late:
        logs.METRIC_LINES_TOO_LATE(lines=late)


class Sample(NamedTuple):
    """What a line adds to one series, and the trace that it is an example of."""

    series: Series
    value: float
    exemplar: Exemplar | None = None


def samples(line: dict[str, Any]) -> Iterator[Sample]:
    """What a line adds to which series: a counter's amount; a histogram's buckets (each observation in
    its own bucket only), sum and count.
    """
    service = line.get("service", "")
    for directive in line["_aws"]["CloudWatchMetrics"]:
        # The first set has the labels; further ones are CloudWatch's totals of the same values.
        names = [name for name in directive["Dimensions"][0] if name != "service"]
        labels = {name: line[name] for name in names}
        for definition in directive["Metrics"]:
            name = definition["Name"]
            values = line[name] if isinstance(line[name], list) else [line[name]]
            if definition["Unit"] == "Count":
                yield Sample((service, name, canonical(labels)), float(sum(values)))
                continue
            bounds = line.get("buckets", {}).get(name, LATENCY_BUCKETS)
            for value in values:
                place = bisect_left(bounds, value)
                bound = str(bounds[place]) if place < len(bounds) else "+Inf"
                bucket = (service, f"{name}_bucket", canonical(labels | {"le": bound}))
                yield Sample(bucket, 1.0, _exemplar(line, float(value)))
                yield Sample((service, f"{name}_sum", canonical(labels)), float(value))


def _exemplar(line: dict[str, Any], value: float) -> Exemplar | None:
    trace = line.get("exemplar")
    return Exemplar(trace, value, line["_aws"]["Timestamp"] / 1000) if isinstance(trace, str) else None
