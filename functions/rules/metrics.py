"""What the rules service counts."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from common.metrics import counter, gauge

rule_evaluations_total = counter("rules", "rule_evaluations_total", "Evaluations, by result.", "result")
condition_checks_total = counter(
    "rules", "condition_checks_total", "Conditions that evaluations decided, by index or one by one."
)
action_executions_total = counter(
    "rules", "action_executions_total", "Actions of rules that fired, by type.", "type"
)
cache_hits_total = counter("rules", "cache_hits_total", "Evaluations that found their version compiled.")
cache_misses_total = counter("rules", "cache_misses_total", "Evaluations that had to compile their version.")

_RATIO = text("""
select coalesce(sum(value) filter (where name = 'cache_hits_total') / nullif(sum(value), 0), 0)
from platform.metric_series
where service = 'rules' and name in ('cache_hits_total', 'cache_misses_total')
""")


@gauge("rules", "cache_effectiveness_ratio", "Share of evaluations that found their version compiled.")
def cache_effectiveness_ratio(connection: Any) -> float:
    """Hits over hits and misses, over all containers and all time; 0 before the first evaluation."""
    return float(connection.execute(_RATIO).scalar_one())
