"""What master data counts."""

from __future__ import annotations

from common.metrics import counter, histogram

crud_operations_total = counter(
    "masterdata",
    "crud_operations_total",
    "Records created, read, listed, changed and archived.",
    "entity",
    "operation",
)
query_duration_seconds = histogram(
    "masterdata", "query_duration_seconds", "Time in the database for one operation.", "entity", "operation"
)
