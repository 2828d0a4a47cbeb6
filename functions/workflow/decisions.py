"""Answers of the rules service: the process that asked goes on."""

from __future__ import annotations

from sqlalchemy import select

from common.decisions import EvaluationCompleted
from common.operation import on_topic
from common.work import Work
from workflow.engine import triggers as on
from workflow.events import ADVANCING
from workflow.moving import Mover
from workflow.tables import decisions


@on_topic("rules.evaluation.completed", emits=ADVANCING)
def answered(answer: EvaluationCompleted, work: Work) -> None:
    """Continue the process that waits for a decision; one that waits no longer needs no answer."""
    statement = select(decisions.c.process_id, decisions.c.ref).where(
        decisions.c.tenant_id == work.tenant, decisions.c.id == answer.id
    )
    row = work.execute(statement).one_or_none()
    if row is None:
        return
    trigger: on.AnyTrigger
    if answer.outcome == "completed":
        trigger = on.DecisionCompleted(at=work.now, decision=row.ref, outputs=answer.outputs)
    else:
        message = answer.error or "The rules could not be evaluated."
        trigger = on.DecisionFailed(at=work.now, decision=row.ref, message=message)
    Mover(work).deliver(row.process_id, trigger)
