"""Rules as rows: condition trees node by node, actions in their order, and back to what the engine takes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row, delete, select

from common.work import Work
from rules.engine.model import Action, All, AnyOf, Condition, Expression, Not, Rule, RuleSet, walk
from rules.engine.model import Row as Test
from rules.sets import rule_set_of, told
from rules.tables import actions, conditions, rules

ROOT = "/condition"
CHUNK = 500
"""Rows that one statement inserts."""


def write(work: Work, rule_id: UUID, condition: Condition | None, acts: Iterable[Action]) -> None:
    """Store a rule's conditions and actions in place of those it had."""
    for table in (conditions, actions):
        work.execute(delete(table).where(table.c.tenant_id == work.tenant, table.c.rule_id == rule_id))
    add(work, [(rule_id, condition, acts)])


def add(work: Work, written: Iterable[tuple[UUID, Condition | None, Iterable[Action]]]) -> None:
    """Store the conditions and actions of rules that have none yet."""
    nodes: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for rule_id, condition, acts in written:
        place = {"tenant_id": work.tenant, "rule_id": rule_id}
        nodes += ({**place, "place": at, **_columns(node)} for node, at, _ in walk(condition, ROOT))
        steps += (
            {**place, "position": n, "type": spec["type"], "spec": spec}
            for n, spec in enumerate(msgspec.to_builtins(action) for action in acts)
        )
    for table, rows in ((conditions, nodes), (actions, steps)):
        for start in range(0, len(rows), CHUNK):
            work.execute(table.insert().values(rows[start : start + CHUNK]))


def draft(work: Work, row: Row[Any]) -> RuleSet:
    """A rule set's draft: its declaration with its rules as they stand."""
    found = read(work, row.id)
    return rule_set_of(row.key, told(row).declaration, rules=tuple(rule for _, rule in found))


def read(work: Work, set_id: UUID, rule_ids: Iterable[UUID] | None = None) -> list[tuple[Row[Any], Rule]]:
    """A set's rules in their order, each with its row; or those of some ids."""
    wanted = [rules.c.tenant_id == work.tenant, rules.c.set_id == set_id]
    if rule_ids is not None:
        wanted.append(rules.c.id.in_(list(rule_ids)))
    rows = work.execute(select(rules).where(*wanted).order_by(rules.c.id)).all()
    owned = select(rules.c.id).where(*wanted)
    trees: dict[UUID, dict[str, Row[Any]]] = defaultdict(dict)
    for node in work.execute(
        select(conditions).where(conditions.c.tenant_id == work.tenant, conditions.c.rule_id.in_(owned))
    ):
        trees[node.rule_id][node.place] = node
    steps: dict[UUID, list[Any]] = defaultdict(list)
    for step in work.execute(
        select(actions)
        .where(actions.c.tenant_id == work.tenant, actions.c.rule_id.in_(owned))
        .order_by(actions.c.rule_id, actions.c.position)
    ):
        steps[step.rule_id].append(step.spec)
    return [(row, _rule(row, trees[row.id], steps[row.id])) for row in rows]


def _columns(node: Condition) -> dict[str, Any]:
    empty: dict[str, Any] = {"field": None, "operator": None, "value": None, "cel": None}
    if isinstance(node, Test):
        return empty | {
            "kind": "row",
            "field": node.field,
            "operator": node.operator.value,
            # wrapped, so that JSON's null is not SQL's
            "value": {"is": msgspec.to_builtins(node.value)},
        }
    if isinstance(node, Expression):
        return empty | {"kind": "expression", "cel": node.cel}
    return empty | {"kind": "all" if isinstance(node, All) else "any" if isinstance(node, AnyOf) else "not"}


def _rule(row: Row[Any], tree: dict[str, Row[Any]], specs: list[Any]) -> Rule:
    return Rule(
        id=row.key,
        actions=msgspec.convert(specs, tuple[Action, ...]),
        condition=_node(tree, ROOT) if tree else None,
        name=row.name,
        description=row.description,
        priority=row.priority,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        enabled=row.enabled,
    )


def _node(tree: dict[str, Row[Any]], place: str) -> Condition:
    row = tree[place]
    if row.kind == "row":
        return msgspec.convert(
            {"kind": "row", "field": row.field, "operator": row.operator, "value": row.value["is"]}, Test
        )
    if row.kind == "expression":
        return Expression(row.cel)
    if row.kind == "not":
        return Not(_node(tree, f"{place}/of"))
    below: list[Condition] = []
    while (at := f"{place}/of/{len(below)}") in tree:
        below.append(_node(tree, at))
    return (All if row.kind == "all" else AnyOf)(tuple(below))
