"""One evaluation from the facts to the stored decision: decided, counted, kept, told on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType
from sqlalchemy import update

from common.decisions import EvaluationCompleted
from common.errors import Invalid
from common.identifiers import uuid7
from common.work import Work
from rules import metrics
from rules.engine.actions import Effect, RuleError
from rules.engine.chain import Round, evaluate_chain, explain_chain
from rules.engine.conclude import Evaluation
from rules.engine.explanation import RuleExplanation
from rules.engine.faults import MomentRequired
from rules.events import ActionRequested
from rules.matchers import Compiled
from rules.tables import evaluations

Outcome = Literal["completed", "refused"]


class Decision(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a rule set decided. ``fired`` are the rules that decided, ``results`` what each of them gave."""

    id: UUID
    rule_set: str
    set_version: int
    status: Outcome
    outputs: dict[str, Any]
    fired: list[str]
    results: list[dict[str, Any]] = []
    effects: list[Effect] = []
    errors: list[RuleError] = []
    rounds: list[Round] = []
    """Of a chaining set: which rules fired in which round, and what they changed."""
    explanation: list[RuleExplanation] | UnsetType = UNSET
    """On request: each rule with its conditions' verdicts, and for one that did not fire, what stopped it.

    Of a large set, those that fired and the first of the others.
    """
    unexplained: int = 0
    """Rules that ``explanation`` leaves out; ``GET /rules/evaluations/{id}/explanation`` has them all."""
    error: str | None = None
    evaluated_at: datetime


class Asked(Struct, frozen=True, kw_only=True):
    """One decision to make. ``ignore_unknown`` passes over facts that the set does not declare."""

    facts: dict[str, Any]
    ignore_unknown: bool = False
    moment: datetime | None = None
    id: UUID | None = None


class _Run(Struct, frozen=True):
    """One evaluation, with its rounds where the set chains."""

    evaluation: Evaluation
    rounds: list[Round]
    explain: Callable[[Sequence[str]], list[RuleExplanation]]


def _run(compiled: Compiled, facts: dict[str, Any], moment: datetime) -> _Run:
    matcher = compiled.matcher
    if compiled.rule_set.chaining:
        chain = evaluate_chain(matcher, facts, moment=moment)
        return _Run(
            chain.evaluation,
            list(chain.rounds),
            lambda rules: explain_chain(matcher, rules, facts, chain, moment=moment),
        )
    found = matcher.evaluate(facts, moment=moment)
    return _Run(found, [], lambda rules: matcher.explain(rules, facts, found.fired, moment=moment))


def decide(compiled: Compiled, asked: Asked, now: datetime, *, explained: int = 0) -> Decision:
    """Decide one and explain so many rules; facts that do not fit make a refusal, which says why."""
    common: dict[str, Any] = {
        "id": asked.id or uuid7(),
        "rule_set": compiled.rule_set.name,
        "set_version": compiled.number,
        "evaluated_at": now,
    }
    try:
        compiled.admission.check(asked.facts, ignore_unknown=asked.ignore_unknown)
        run = _run(compiled, asked.facts, asked.moment or now)
    except (Invalid, MomentRequired) as problem:
        return Decision(status="refused", outputs={}, fired=[], error=problem.detail, **common)
    found = run.evaluation
    if explained:
        chosen = _first(compiled, found.fired, explained)
        common["explanation"] = run.explain(chosen)
        common["unexplained"] = len(compiled.rule_set.rules) - len(chosen)
    return Decision(
        status="completed",
        outputs=msgspec.to_builtins(found.outputs),
        fired=list(found.fired),
        results=msgspec.to_builtins(found.results),
        effects=found.effects,
        errors=found.errors,
        rounds=run.rounds,
        **common,
    )


def explain(
    compiled: Compiled, facts: dict[str, Any], moment: datetime, rules: Sequence[str]
) -> list[RuleExplanation]:
    """Why each of some rules fired over these facts, or did not."""
    return _run(compiled, facts, moment).explain(rules)


def _first(compiled: Compiled, fired: Sequence[str], most: int) -> list[str]:
    """The rules that one answer explains, in the set's order: all that fired, the first of the others."""
    room = most - len(fired)
    chosen = set(fired)
    for rule in compiled.rule_set.rules:
        if room > 0 and rule.id not in chosen:
            chosen.add(rule.id)
            room -= 1
    return [rule.id for rule in compiled.rule_set.rules if rule.id in chosen]


def keep(
    work: Work,
    compiled: Compiled,
    made: Sequence[tuple[Asked, Decision]],
    *,
    reply_to: str = "",
    pending: bool = False,
) -> None:
    """Store decisions, tell them on, and count them. ``pending``: their rows are there, and wait for this."""
    rows = [_row(work, compiled, asked, decision) | {"reply_to": reply_to} for asked, decision in made]
    if pending:
        for row in rows:
            _complete(work, row)
    elif rows:
        work.execute(evaluations.insert(), rows)
    for _, decision in made:
        _tell(work, decision, reply_to)
        _count(compiled, decision)


def _row(work: Work, compiled: Compiled, asked: Asked, decision: Decision) -> dict[str, Any]:
    return {
        "tenant_id": work.tenant,
        "id": decision.id,
        "evaluated_at": decision.evaluated_at,
        "set_id": compiled.set_id,
        "set_version": compiled.number,
        "status": decision.status,
        "facts": asked.facts,
        "moment": asked.moment,
        "outputs": decision.outputs,
        "fired": decision.fired,
        "errors": msgspec.to_builtins(decision.errors),
        "error": decision.error,
        "requested_by": work.principal.name,
    }


def _complete(work: Work, row: dict[str, Any]) -> None:
    """Fill in the row that waits for its decision; one that nobody waits with is added."""
    place = (
        evaluations.c.tenant_id == work.tenant,
        evaluations.c.id == row["id"],
        evaluations.c.status == "pending",
    )
    values = {name: row[name] for name in ("set_version", "status", "outputs", "fired", "errors", "error")}
    if work.execute(update(evaluations).where(*place).values(**values)).rowcount == 0:
        work.execute(evaluations.insert(), [row])


def _tell(work: Work, decision: Decision, reply_to: str) -> None:
    for effect in decision.effects:
        work.emit(
            ActionRequested(
                decision.id,
                decision.rule_set,
                effect.rule,
                effect.type,
                effect.name,
                msgspec.to_builtins(effect.payload),
                effect.via,
            )
        )
    work.emit(
        EvaluationCompleted(
            id=decision.id,
            rule_set=decision.rule_set,
            version=decision.set_version,
            outcome="completed" if decision.status == "completed" else "failed",
            outputs=decision.outputs,
            error=decision.error,
            reply_to=reply_to,
        )
    )


def _count(compiled: Compiled, decision: Decision) -> None:
    result = "refused" if decision.status == "refused" else "error" if decision.errors else "decided"
    metrics.rule_evaluations_total.inc(1, result=result)
    if decision.status == "completed":
        metrics.condition_checks_total.inc(compiled.conditions)
    for rule in decision.fired:
        for kind in compiled.action_types[rule]:
            metrics.action_executions_total.inc(1, type=kind)
