"""Decisions that one service asks the rules service for, and their answers: events that both sides share."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec

from common.events import event


@event("rules.evaluation.requested", versioned=False)
class EvaluationRequested(msgspec.Struct, frozen=True, kw_only=True):
    """A decision is wanted of a rule set; the answer comes as ``rules.evaluation.completed``."""

    id: UUID
    """Names the request; its answer has the same."""
    rule_set: str
    """The rule set's key, or its id."""
    version: int | None = None
    """The version of the rule set; absent: the latest published."""
    facts: dict[str, Any]
    reply_to: str
    """Whom the answer is for, in the asker's words; handed back as it came."""


@event("rules.evaluation.completed", versioned=False)
class EvaluationCompleted(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set has answered, or could not: then ``error`` says why."""

    id: UUID
    rule_set: str
    version: int
    outcome: Literal["completed", "failed"]
    outputs: dict[str, Any]
    error: str | None = None
    reply_to: str
