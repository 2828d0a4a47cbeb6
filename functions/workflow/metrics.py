"""What workflow counts."""

from __future__ import annotations

from common.metrics import counter, histogram

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

process_starts_total = counter("workflow", "process_starts_total", "Processes started.")
process_completions_total = counter(
    "workflow",
    "process_completions_total",
    "Processes that ended: completed, terminated, error or cancelled.",
    "outcome",
)
task_assignments_total = counter(
    "workflow",
    "task_assignments_total",
    "Tasks given to somebody: on creation, claimed, assigned, delegated.",
)
sla_breaches_total = counter(
    "workflow", "sla_breaches_total", "Service levels of processes and tasks that were breached."
)
process_duration_seconds = histogram(
    "workflow",
    "process_duration_seconds",
    "Time from a process's start to its end.",
    buckets=(1.0, 10.0, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 3 * DAY, 7 * DAY, 30 * DAY, 90 * DAY),
)
