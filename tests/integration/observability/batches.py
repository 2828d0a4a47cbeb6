"""Log batches as a subscription delivers them, and the functions' environment in a process of their own."""

from __future__ import annotations

import base64
import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.integration.platform import Platform

ROOT = Path(__file__).resolve().parents[3]


def batch(lines: Iterable[str]) -> dict[str, Any]:
    """Log lines as a subscription delivers them."""
    events = [{"id": str(n), "timestamp": 0, "message": line} for n, line in enumerate(lines)]
    data = {"messageType": "DATA_MESSAGE", "logGroup": "x", "logStream": "y", "logEvents": events}
    return {"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}}


def environment(platform: Platform, service: str) -> dict[str, str]:
    """What a container of a service's functions is told."""
    settings = platform.settings[service]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "layers/common/python", "functions")),
        "SERVICE": service,
        "STAGE": settings.stage,
        "DATABASE_URL": settings.database_url,
        "SIGNING_SECRET": settings.signing_secret,
        "MIGRATION_HEAD": settings.migration_head,
    }


def counted(platform: Platform, name: str, service: str = "masterdata", **labels: str) -> float:
    """A counter's value in the database, summed over the labels that are not given."""
    rows = platform.rows(
        "select labels, value from platform.metric_series where service = :service and name = :name",
        service=service,
        name=name,
    )
    return sum(float(row.value) for row in rows if labels.items() <= json.loads(row.labels).items())
