"""Evaluations: asked for and answered at once, in batches, or over Kafka; each is kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct
from sqlalchemy import Row, or_, select

from common.decisions import EvaluationCompleted, EvaluationRequested
from common.errors import Conflict, NotFound, Problem
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import on_topic, operation
from common.paging import Page, Paging, Selection, page
from common.request import Response
from common.work import Work
from rules import evaluating, matchers, metrics, sets
from rules.engine.explanation import RuleExplanation
from rules.errors import EvaluationRefused
from rules.evaluating import Asked, Decision
from rules.events import ActionRequested
from rules.tables import evaluations, rule_sets

EVALUATE = "rules.evaluation.create"
READ = "rules.evaluation.read"
BATCH = 1000
EXPLAINED = 500
"""Rules that one answer explains, besides further ones that fired; the explanation by pages has them all."""
EXPLAINED_IN_BATCH = 5000
"""Of a batch, over all its answers together."""
UNDER = 100
"""Evaluations told of one process."""

Number = Annotated[int, Meta(ge=1, lt=2**31)]


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts to decide over; ``moment`` is when the decision is for, ``version`` which version decides."""

    facts: dict[str, Any]
    moment: datetime | None = None
    version: Number | None = None


class Questions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Several questions to one version."""

    items: Annotated[list[dict[str, Any]], Meta(min_length=1, max_length=BATCH)]
    """The facts of each."""
    moment: datetime | None = None
    version: Number | None = None


class Decisions(Struct, frozen=True):
    """The answers, in the order of the questions; each is decided or refused by itself."""

    items: list[Decision]


class Order(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decision that is wanted, not at once."""

    rule_set: Annotated[str, Meta(min_length=1, max_length=100)]
    facts: dict[str, Any]
    version: Number | None = None
    reply_to: Annotated[str, Meta(max_length=400)] = ""


class StoredEvaluation(Struct, frozen=True, kw_only=True):
    """An evaluation as it is kept; ``pending`` until its decision is made."""

    id: UUID
    set_id: UUID
    rule_set: str
    set_version: int
    status: str
    facts: dict[str, Any]
    moment: datetime | None
    outputs: dict[str, Any]
    fired: list[str]
    errors: list[dict[str, Any]]
    error: str | None
    requested_by: str
    reply_to: str
    """Whom the answer was for, in the asker's words; empty for one who waited."""
    evaluated_at: datetime


@operation(
    "POST /rules/sets/{id}/evaluate",
    permission=EVALUATE,
    emits=(EvaluationCompleted, ActionRequested),
    idempotent=True,
    body_limit=1_048_576,
    memory=1024,
)
def evaluate(id: str, question: Question, work: Work, explain: bool = False) -> Decision:  # noqa: A002
    """Decide over some facts. With `explain`: every condition's verdict, and why a rule did not fire.

    Facts that do not fit the set's declaration, or that it does not know, are refused with 422; the
    evaluation is kept all the same.
    """
    compiled = matchers.current(work, sets.active(work, id), question.version)
    asked = Asked(facts=question.facts, moment=question.moment)
    decision = evaluating.decide(compiled, asked, work.now, explained=EXPLAINED if explain else 0)
    evaluating.keep(work, compiled, [(asked, decision)])
    if decision.status == "refused":
        raise EvaluationRefused(decision.error or "", evaluation=str(decision.id))
    return decision


@operation(
    "POST /rules/sets/{id}/evaluate-batch",
    permission=EVALUATE,
    emits=(EvaluationCompleted, ActionRequested),
    idempotent=True,
    body_limit=4_194_304,
    memory=1024,
    timeout=29,
)
def evaluate_batch(id: str, questions: Questions, work: Work, explain: bool = False) -> Decisions:  # noqa: A002
    """Decide over up to 1,000 sets of facts, all by one version, each by itself; `explain` as with one."""
    compiled = matchers.current(work, sets.active(work, id), questions.version)
    explained = max(1, min(EXPLAINED, EXPLAINED_IN_BATCH // len(questions.items))) if explain else 0
    made = []
    for facts in questions.items:
        asked = Asked(facts=facts, moment=questions.moment)
        made.append((asked, evaluating.decide(compiled, asked, work.now, explained=explained)))
    evaluating.keep(work, compiled, made)
    return Decisions([decision for _, decision in made])


@operation(
    "POST /rules/evaluations",
    permission=EVALUATE,
    status=202,
    answers=(404,),
    emits=EvaluationRequested,
    idempotent=True,
    body_limit=524_288,
)
def request(order: Order, work: Work) -> Response[StoredEvaluation]:
    """Ask for a decision without waiting: it comes as the event `rules.evaluation.completed`, and by GET.

    Facts that the set does not know are passed over; those that do not fit make a refused evaluation.
    """
    owner = sets.active(work, order.rule_set)
    compiled = matchers.current(work, owner, order.version)
    identifier = uuid7()
    row = work.execute(
        evaluations.insert()
        .values(
            tenant_id=work.tenant,
            id=identifier,
            evaluated_at=work.now,
            set_id=owner.id,
            set_version=compiled.number,
            status="pending",
            facts=order.facts,
            requested_by=work.principal.name,
            reply_to=order.reply_to,
        )
        .returning(evaluations)
    ).one()
    work.emit(
        EvaluationRequested(
            id=identifier,
            rule_set=owner.key,
            version=compiled.number,
            facts=order.facts,
            reply_to=order.reply_to,
        )
    )
    return Response(_told(row, owner.key), headers={"Location": f"/rules/evaluations/{identifier}"})


@on_topic("rules.evaluation.requested", memory=1024, timeout=60, emits=(EvaluationCompleted, ActionRequested))
def answer(asked: EvaluationRequested, work: Work) -> None:
    """Decide what was asked for over Kafka, and tell the answer on."""
    try:
        compiled = matchers.current(work, sets.active(work, asked.rule_set), asked.version)
    except Problem as problem:
        # Nobody can be told but by the event: the asker would wait for ever.
        metrics.rule_evaluations_total.inc(1, result="refused")
        work.emit(
            EvaluationCompleted(
                id=asked.id,
                rule_set=asked.rule_set,
                version=asked.version or 0,
                outcome="failed",
                outputs={},
                error=problem.detail,
                reply_to=asked.reply_to,
            )
        )
        return
    # A process shows all its variables, of which a rule set knows some.
    wanted = Asked(facts=asked.facts, id=asked.id, ignore_unknown=True)
    decision = evaluating.decide(compiled, wanted, work.now)
    evaluating.keep(work, compiled, [(wanted, decision)], reply_to=asked.reply_to, pending=True)


_LISTING = Listing("evaluations", StoredEvaluation, by="-evaluated_at")


@operation("GET /rules/evaluations", permission=READ, answers=(404,))
def list_(
    asked: Selection, work: Work, rule_set: str | None = None, status: str | None = None
) -> Page[StoredEvaluation]:
    """List evaluations, the latest first; of one `rule_set` (id or key), or of one `status`."""
    owner = sets.find(work, rule_set).id if rule_set is not None else None
    statement = _with_key().where(evaluations.c.tenant_id == work.tenant)
    if owner is not None:
        statement = statement.where(evaluations.c.set_id == owner)
    if status is not None:
        statement = statement.where(evaluations.c.status == status)
    return _LISTING.page(work, statement, asked, lambda row: _told(row, row.set_key), of=(owner, status))


@operation("GET /rules/evaluations/{id}", permission=READ)
def read(id: UUID, work: Work) -> StoredEvaluation:  # noqa: A002 - the path's name
    """Read one evaluation: what was asked, by whom, and what was decided."""
    row = work.execute(
        _with_key().where(evaluations.c.tenant_id == work.tenant, evaluations.c.id == id)
    ).one_or_none()
    if row is None:
        raise NotFound(f"There is no evaluation {id}; those past the retention are gone.")
    return _told(row, row.set_key)


@operation("GET /rules/evaluations/{id}/explanation", permission=READ, answers=(409,), memory=1024)
def explanation(
    id: UUID,  # noqa: A002 - the path's name
    paging: Paging,
    work: Work,
    rule: str | None = None,
) -> Page[RuleExplanation]:
    """Explain a kept evaluation: why each rule of the version that decided fired, or what stopped it.

    In the order of the version's rules; with `rule` of that one alone. 409 for an evaluation that waits or
    was refused: no rule decided there.
    """
    kept = read.function(id, work)
    if kept.status != "completed":
        raise Conflict(kept.error or f"The evaluation is {kept.status}; no rule has decided yet.")
    owner = sets.find(work, str(kept.set_id))
    compiled = matchers.current(work, owner, kept.set_version)
    names = [each.id for each in compiled.rule_set.rules]
    if rule is not None and rule not in names:
        raise NotFound(f"Version {kept.set_version} of the rule set has no rule {rule}.")
    scope = f"explanation:{id}:{rule}"
    (after,) = paging.after(scope, [int]) or (0,)
    start = max(after or 0, 0)
    chosen = names[start : start + paging.limit + 1] if rule is None else [rule]
    told = evaluating.explain(compiled, kept.facts, kept.moment or kept.evaluated_at, chosen)
    return page(told, paging.limit, scope, lambda _: [start + paging.limit], lambda each: each)


def of_ids(work: Work, ids: list[UUID]) -> dict[UUID, StoredEvaluation]:
    """The tenant's evaluations of those ids."""
    rows = work.execute(_with_key().where(evaluations.c.tenant_id == work.tenant, evaluations.c.id.in_(ids)))
    return {row.id: _told(row, row.set_key) for row in rows}


def asked_under(work: Work, places: Sequence[str]) -> dict[str, list[StoredEvaluation]]:
    """The evaluations whose answers were for something under each of some places, the latest first."""
    wanted = or_(*(evaluations.c.reply_to.startswith(f"{place}/", autoescape=True) for place in places))
    rows = work.execute(
        _with_key()
        .where(evaluations.c.tenant_id == work.tenant, evaluations.c.reply_to != "", wanted)
        .order_by(evaluations.c.id.desc())
        .limit(UNDER * len(places))
    ).all()
    return {
        place: [_told(row, row.set_key) for row in rows if row.reply_to.startswith(f"{place}/")][:UNDER]
        for place in places
    }


def _with_key() -> Any:
    return select(evaluations, rule_sets.c.key.label("set_key")).join(
        rule_sets, rule_sets.c.id == evaluations.c.set_id
    )


def _told(row: Row[Any], key: str) -> StoredEvaluation:
    plain = {name: getattr(row, name) for name in StoredEvaluation.__struct_fields__ if name != "rule_set"}
    return StoredEvaluation(rule_set=key, **plain)
