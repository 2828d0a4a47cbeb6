"""A trace goes on where it came from, and begins where nobody began it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import tracing
from common.settings import Settings, use
from common.tracing import continued, recorded

ROOT = Path(__file__).resolve().parents[3]
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_a_callers_trace_goes_on_with_a_hop_of_our_own() -> None:
    trace = continued(f"00-{TRACE}-{SPAN}-01")
    assert trace.trace_id == TRACE
    assert trace.span_id != SPAN
    assert trace.traceparent == f"00-{TRACE}-{trace.span_id}-01"


def test_what_the_caller_does_not_sample_is_not_sampled() -> None:
    assert continued(f"00-{TRACE}-{SPAN}-00").traceparent.endswith("-00")
    assert continued(f"00-{TRACE}-{SPAN}-02").traceparent.endswith("-00")


def test_a_later_version_is_understood_as_far_as_it_is_known() -> None:
    assert continued(f"cc-{TRACE}-{SPAN}-01-what-the-future-holds").trace_id == TRACE


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
    ],
)
def test_a_header_that_is_none_begins_a_new_trace(header: str) -> None:
    trace = continued(header)
    assert trace.trace_id != TRACE
    assert int(trace.trace_id, 16)
    assert not trace.sampled


@given(st.text(max_size=80))
def test_no_header_is_too_strange(header: str) -> None:
    again = continued(continued(header).traceparent)
    assert len(again.trace_id) == 32
    assert len(again.span_id) == 16


def test_xrays_trace_is_gone_on_with_where_the_caller_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", XRAY)
    trace = continued("")
    assert trace.trace_id == "5759e988bd862e3fe1be46a994272793"
    assert trace.sampled
    assert continued(f"00-{TRACE}-{SPAN}-01").trace_id == TRACE


def test_a_stage_without_tracing_records_nothing_and_imports_nothing() -> None:
    code = (
        "import sys\n"
        "from common import tracing\n"
        "with tracing.recorded('x', tracing.continued()) as told: told(200)\n"
        "assert not [m for m in sys.modules if m.startswith('aws_xray_sdk')]"
    )
    path = str(ROOT / "layers/common/python")
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True)


def test_recording_passes_errors_on() -> None:
    use(Settings())
    with pytest.raises(ValueError, match="no"), recorded("x", tracing.continued()):
        raise ValueError("no")
