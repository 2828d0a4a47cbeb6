"""What master data counts."""

from __future__ import annotations

from common.metrics import counter, histogram

crud_operations_total = counter(
    "masterdata",
    "crud_operations_total",
    "Records created, read, listed, changed, archived, restored, merged and imported.",
    "entity",
    "operation",
)
query_duration_seconds = histogram(
    "masterdata", "query_duration_seconds", "Time in the database for one operation.", "entity", "operation"
)
cache_hits_total = counter(
    "masterdata", "cache_hits_total", "Records answered from the container's memory at the present version."
)
cache_misses_total = counter(
    "masterdata", "cache_misses_total", "Records that had to be fetched: not held, or changed since."
)
