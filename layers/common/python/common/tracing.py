"""Traces: W3C trace context (https://www.w3.org/TR/trace-context/), and X-Ray where the stage has it.

Every invocation is part of a trace: its caller's or its event's, else X-Ray's, else one of its own. The
trace's id is on every log line, and its ``traceparent`` goes with every event to the consumers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from secrets import token_hex
from typing import Any

from common.settings import settings

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_XRAY_ROOT = re.compile(r"1-([0-9a-f]{8})-([0-9a-f]{24})")
_SAMPLED = 0x01


@dataclass(frozen=True)
class Trace:
    """One hop of a trace: hexadecimal ids of the trace (32 digits) and of this hop in it (16)."""

    trace_id: str
    span_id: str
    sampled: bool = False

    @property
    def traceparent(self) -> str:
        """What the next hop is told (section 3.2)."""
        return f"00-{self.trace_id}-{self.span_id}-{_SAMPLED if self.sampled else 0:02x}"


def continued(traceparent: str = "") -> Trace:
    """The next hop of the trace that ``traceparent`` names; of X-Ray's or of a new one if it names none."""
    return _parsed(traceparent) or _of_xray() or Trace(token_hex(16), token_hex(8))


def _parsed(traceparent: str) -> Trace | None:
    """Of a valid header: later versions may have grown members at the end, version ff is none (3.2.2)."""
    match = _TRACEPARENT.fullmatch(traceparent.strip())
    if match is None:
        return None
    version, trace_id, parent, flags, more = match.groups()
    if version == "ff" or (version == "00" and more) or not int(trace_id, 16) or not int(parent, 16):
        return None
    return Trace(trace_id, token_hex(8), bool(int(flags, 16) & _SAMPLED))


def _of_xray() -> Trace | None:
    """Of the trace header that Lambda keeps in the environment: the same id, without its dashes."""
    header = os.environ.get("_X_AMZN_TRACE_ID", "")
    fields = dict(part.strip().split("=", 1) for part in header.split(";") if "=" in part)
    root = _XRAY_ROOT.fullmatch(fields.get("Root", ""))
    return root and Trace(root[1] + root[2], token_hex(8), fields.get("Sampled") == "1")


@contextmanager
def recorded(operation: str, trace: Trace, **annotations: str) -> Iterator[Callable[[int], None]]:
    """Record the block as a subsegment of X-Ray's, on stages that trace; elsewhere this costs nothing.

    Gives a function to be told the HTTP status with which the block ends; an error that leaves the block is
    recorded as it is. The W3C trace is an annotation, so that a caller's trace id finds the segment though
    X-Ray's own differs.
    """
    if not settings().tracing:
        yield _untold
        return
    with _tracer(settings().service).provider.in_subsegment(name=f"## {operation}") as subsegment:
        for name, value in {"trace_id": trace.trace_id, **annotations}.items():
            subsegment.put_annotation(name, value)
        yield subsegment.apply_status_code


def _untold(_status: int) -> None:
    """Where nothing is recorded, nothing is told."""


@cache
def _tracer(service: str) -> Any:
    # aws_xray_sdk takes two thirds of a second to import: stages that do not trace never do.
    from aws_lambda_powertools import Tracer

    return Tracer(service=service, auto_patch=False)
