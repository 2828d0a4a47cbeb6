"""The rules service's part of the graph: rule sets, their rules, and what they decided."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from sqlalchemy import select

from common.decisions import EvaluationCompleted
from common.operation import SELF, operation
from common.paging import Page, Paging, Selection
from common.request import Request, Response
from common.subgraph import GraphQuery, Subgraph
from common.work import Work
from rules import evaluations, publishing, rules, sets
from rules.evaluations import StoredEvaluation
from rules.events import ActionRequested, SetPublished
from rules.rules import DecisionRule
from rules.sets import DecisionSet
from rules.tables import rule_sets

graph = Subgraph.beside(__file__)

graph.expose("Query", "ruleSet", sets.read)
graph.expose("Query", "ruleSets", sets.list_)
graph.expose("Query", "evaluation", evaluations.read)
graph.expose("Query", "evaluations", evaluations.list_)
graph.expose("Mutation", "evaluate", evaluations.evaluate)
graph.expose("Mutation", "publishRuleSet", publishing.publish)


@operation(
    "POST /rules/graphql",
    permission=SELF,
    emits=(EvaluationCompleted, ActionRequested, SetPublished),
    memory=1024,
)
def query(asked: GraphQuery, request: Request, work: Work) -> Response[Any]:
    """Ask the rules service's part of the federated graph; the gateway is the front door to all of it."""
    return graph.answer(asked, request, work)


@graph.entity("RuleSet")
def sets_by_id(ids: list[UUID], work: Work) -> dict[UUID, DecisionSet]:
    """The tenant's rule sets of those ids."""
    rows = work.execute(
        select(rule_sets).where(rule_sets.c.tenant_id == work.tenant, rule_sets.c.id.in_(ids))
    )
    return {row.id: sets.told(row) for row in rows}


@graph.entity("Evaluation")
def evaluations_by_id(ids: list[UUID], work: Work) -> dict[UUID, StoredEvaluation]:
    """The tenant's evaluations of those ids."""
    return evaluations.of_ids(work, ids)


@graph.batch("Process", "evaluations")
def of_processes(found: list[dict[str, Any]], work: Work) -> list[list[StoredEvaluation]]:
    """What rules decided for workflow's processes: they ask in the name of the process."""
    places = [f"workflow/processes/{process['id']}" for process in found]
    told = evaluations.asked_under(work, places)
    return [told[place] for place in places]


@graph.field("RuleSet", "rules")
def rules_of(found: DecisionSet, work: Work, first: int, after: str | None = None) -> Page[DecisionRule]:
    """The rules of a set's draft."""
    return rules.list_.function(str(found.id), Selection(Paging.of(str(first), after).limit, after), work)


@graph.batch("Evaluation", "ruleSet")
def set_of(found: list[StoredEvaluation], work: Work) -> list[DecisionSet]:
    """The rule set that decided."""
    loaded = sets_by_id([each.set_id for each in found], work)
    return [loaded[each.set_id] for each in found]
