"""Metric lines: what is recorded is written once it has happened, and forgotten when it has not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from common import collector, metrics
from common.metrics import counter, histogram
from common.tracing import Trace

TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", sampled=True)
SILENT = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.fixture(autouse=True)
def _nothing_left_over(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(metrics, "declared", {})
    metrics.flush("before")
    yield
    metrics.flush("after")


@pytest.fixture
def things() -> metrics.Metric:
    return counter("auth", "things_total", "Things.", "kind")


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_did_not_commit_is_not_counted(
    things: metrics.Metric, capsys: pytest.CaptureFixture[str]
) -> None:
    things.inc(kind="a")
    metrics.discard()
    metrics.flush("x")
    assert written(capsys) == []


def test_what_committed_is_counted_whatever_fails_after_it(
    things: metrics.Metric, capsys: pytest.CaptureFixture[str]
) -> None:
    things.inc(kind="a")
    metrics.settle()
    things.inc(kind="b")
    metrics.discard()
    metrics.flush("x")
    (line,) = written(capsys)
    assert (line["kind"], line["things_total"]) == ("a", [1.0])


def test_a_service_has_its_total_beside_the_labels(
    things: metrics.Metric, capsys: pytest.CaptureFixture[str]
) -> None:
    things.inc(2, kind="a")
    metrics.flush("x")
    (line,) = written(capsys)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Dimensions"] == [["kind", "service"], ["service"]]
    (sample,) = collector.samples(line)
    assert sample.series[1:] == ("things_total", '{"kind":"a"}')
    assert sample.value == 2


def test_an_observation_has_a_sampled_trace_as_its_example(capsys: pytest.CaptureFixture[str]) -> None:
    took = histogram("auth", "took_seconds", "Time.")
    for trace, known in ((TRACE, TRACE.trace_id), (SILENT, None)):
        took.observe(0.2)
        metrics.flush("x", trace)
        (line,) = written(capsys)
        examples = {s.series[1]: s.exemplar for s in collector.samples(line)}
        assert examples["took_seconds_sum"] is None
        bucket = examples["took_seconds_bucket"]
        assert (bucket.trace_id if bucket else None) == known


def test_what_is_for_cloudwatch_alone_has_no_line_to_be_counted_by(
    things: metrics.Metric, capsys: pytest.CaptureFixture[str]
) -> None:
    things.inc(kind="a")
    metrics.flush("")
    (line,) = written(capsys)
    assert "line" not in line


@pytest.mark.parametrize(("status", "failed"), [("200", 0), ("404", 0), ("500", 1), ("ok", 0), ("failed", 1)])
def test_an_invocation_is_counted_with_its_failure_and_its_cold_start(
    status: str, failed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = f"auth.test.{uuid4().hex}"
    for cold in (1, 0):
        metrics.finish(operation, status, 0.1, "x", TRACE, request_id="r")
        lines = written(capsys)
        found = {
            name: v for line in lines for name, v in line.items() if name.endswith(("_total", "seconds"))
        }
        assert found.pop("requests_total") == [1.0]
        assert found.pop("request_duration_seconds") == [0.1]
        assert len(found.pop("failures_total", ())) == failed
        assert len(found.pop("cold_starts_total", ())) == cold
        assert not found
        assert lines[0]["trace_id"] == TRACE.trace_id
        assert lines[0]["cold_start"] == ("true" if cold else "false")


def test_labels_that_were_not_declared_are_a_fault(things: metrics.Metric) -> None:
    with pytest.raises(ValueError, match="has the labels"):
        things.inc(colour="red")
