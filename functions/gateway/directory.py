"""Where the subgraphs of registered services answer, as one container last read it."""

from __future__ import annotations

import time
from collections.abc import Mapping

from sqlalchemy import select

from common.work import Work
from gateway.reach.endpoints import Endpoint, joined
from gateway.tables import services
from gateway.transactions import transaction

SECONDS = 15.0
"""How long a container goes by what it last read."""

_read: list[tuple[float, Mapping[str, Endpoint]]] = []


def endpoints(work: Work) -> Mapping[str, Endpoint]:
    """The endpoints by the services' names."""
    if _read and time.monotonic() - _read[0][0] < SECONDS:
        return _read[0][1]
    with transaction(work) as own:
        rows = own.execute(select(services).where(services.c.graph.is_not(None))).all()
    found = {
        row.name: Endpoint(joined(row.url, row.graph), row.timeout_ms / 1000, tuple(row.forwards))
        for row in rows
    }
    _read[:] = [(time.monotonic(), found)]
    return found


def forget() -> None:
    """Read anew when it is needed next."""
    _read.clear()
