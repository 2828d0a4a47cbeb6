"""What is kept of the operations on the graph: counts of all, events of a sample.

No transaction is held while subgraphs work; what is to be stored is stored in short ones beside it.
"""

from __future__ import annotations

import logging
import random
from datetime import datetime

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common.identifiers import uuid7
from common.logs import Line
from common.postgres import Error as DriverError
from common.work import Work
from gateway import metrics
from gateway.events import ErrorOccurred, QueryCompleted, QueryReceived
from gateway.options import options
from gateway.serving.serve import Served
from gateway.transactions import transaction

EVENTS_LOST = Line("GW040", logging.WARNING, "The operations' events could not be stored")
MAX_NAME = 200


def count(served: Served) -> None:
    """Add an operation to the metrics."""
    metrics.federated_queries_total.inc(operation=served.kind)
    metrics.response_times_seconds.observe((served.plan_ms + served.execute_ms) / 1000, operation=served.kind)
    for code in served.codes:
        metrics.error_rates_total.inc(code=code)
    for subgraph, result in served.results:
        metrics.subgraph_requests_total.inc(subgraph=subgraph, result=result)


def record(work: Work, all_served: list[Served], received_at: datetime) -> None:
    """Publish the operations' events, of as many as the stage samples. The answers stand whether or not
    their events can be stored.
    """
    if work.principal.tenant is None:
        return
    told = [(served, random.random() * 100 < options().events_percent) for served in all_served]
    told = [(served, sampled) for served, sampled in told if sampled or _failed(served)]
    if not told:
        return
    try:
        with transaction(work) as own:
            for served, sampled in told:
                _emit(own, served, sampled, received_at)
    except (DBAPIError, DriverError, PoolTimeout, OSError) as error:
        EVENTS_LOST(exc_info=error, operations=len(told))


def _failed(served: Served) -> bool:
    """Whether a subgraph did not do its part."""
    return any(code.startswith("SUBGRAPH_") for code in served.codes)


def _emit(work: Work, served: Served, sampled: bool, received_at: datetime) -> None:
    identifier, name = uuid7(), served.name[:MAX_NAME]
    if sampled:
        work.emit(QueryReceived(identifier, served.kind, name, served.digest, received_at))
        work.emit(
            QueryCompleted(
                identifier,
                served.kind,
                name,
                served.digest,
                round(served.plan_ms + served.execute_ms, 2),
                len(served.results),
                len(served.codes),
            )
        )
    if served.codes:
        work.emit(ErrorOccurred(identifier, name, sorted(set(served.codes)), served.services))
