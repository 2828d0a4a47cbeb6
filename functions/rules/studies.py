"""Looking at a draft before it decides: what it would change, and what is wrong with it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct
from sqlalchemy import select

from common.operation import operation
from common.work import Work
from rules import sets, storage
from rules.engine import analyse as analysis
from rules.engine import simulate as simulation
from rules.engine.check import require_valid
from rules.engine.compile import compile_rules
from rules.engine.findings import Analysis
from rules.engine.simulate import PastEvaluation, Simulation
from rules.tables import evaluations


class Past(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which past evaluations a draft is held against: the latest of the set, at most so many."""

    since: datetime | None = None
    until: datetime | None = None
    limit: Annotated[int, Meta(ge=1, le=10_000)] = 1000


@operation("POST /rules/sets/{id}/simulate", permission="rules.set.read", memory=1024, timeout=29)
def simulate(id: str, past: Past, work: Work) -> Simulation:  # noqa: A002 - the path's name
    """Hold a set's draft against its past evaluations: which outcomes would change, and how."""
    owner = sets.find(work, id)
    draft = storage.draft(work, owner)
    require_valid(draft)
    statement = select(evaluations).where(
        evaluations.c.tenant_id == work.tenant,
        evaluations.c.set_id == owner.id,
        evaluations.c.status == "completed",
    )
    if past.since is not None:
        statement = statement.where(evaluations.c.evaluated_at >= past.since)
    if past.until is not None:
        statement = statement.where(evaluations.c.evaluated_at < past.until)
    statement = statement.order_by(evaluations.c.evaluated_at.desc(), evaluations.c.id.desc())
    rows = work.execute(statement.limit(past.limit))
    made = (
        PastEvaluation(str(row.id), row.facts, row.outputs, tuple(row.fired), row.moment or row.evaluated_at)
        for row in rows
    )
    return simulation.simulate(compile_rules(draft), made)


@operation(
    "POST /rules/sets/{id}/analyse", permission="rules.set.read", answers=(422,), memory=1024, timeout=29
)
def analyse(id: str, work: Work) -> Analysis:  # noqa: A002
    """Analyse a set's draft: overlaps, conflicts, shadowed rules and gaps, each with facts that show it."""
    draft = storage.draft(work, sets.find(work, id))
    require_valid(draft)
    return analysis.analyse(draft)
