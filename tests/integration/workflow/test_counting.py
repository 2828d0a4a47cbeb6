"""What workflow counts: what has happened, once it has."""

from __future__ import annotations

from typing import Any

import pytest

from common import metrics
from tests.integration.platform import Platform
from tests.integration.workflow.models import line, only_task, publish, start, task
from workflow import processes, tasks


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What each of workflow's metrics has been given while the test ran."""
    found: dict[str, float] = {}
    record = metrics.Metric._record

    def note(metric: metrics.Metric, value: float, labels: dict[str, str]) -> None:
        if metric.service == "workflow":
            name = metric.name + "".join(f":{label}" for label in labels.values())
            found[name] = found.get(name, 0) + (value if metric.kind == "counter" else 1)
        record(metric, value, labels)

    monkeypatch.setattr(metrics.Metric, "_record", note)
    return found


def test_starts_assignments_ends_and_durations_are_counted(
    platform: Platform, counted: dict[str, Any]
) -> None:
    owner = platform.register()
    key = publish(owner, line(task()))
    done, called_off = start(owner, key), start(owner, key)
    work = only_task(owner, done)
    owner.call(tasks.claim, path={"id": work["id"]}).ok()
    owner.call(tasks.complete, {}, path={"id": work["id"]}).ok()
    owner.call(tasks.complete, {}, path={"id": work["id"]}).problem(409)
    owner.call(processes.cancel, path={"id": called_off["id"]}).ok()
    assert counted == {
        "process_starts_total": 2,
        "task_assignments_total": 1,
        "process_completions_total:completed": 1,
        "process_completions_total:cancelled": 1,
        "process_duration_seconds": 2,
    }
