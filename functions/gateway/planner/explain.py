"""Prints a plan in the JSON shape of Apollo's QueryPlan, so that plans can be read and compared.

Fetches of one step are siblings in a Parallel node. Those of one subgraph travel in one request; Apollo's
shape has no word for that, so each still is a Fetch of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.planner.fetches import Fetch, Path, Representation, Template
from gateway.planner.selection import ALWAYS, Conditions
from gateway.planner.write import Call, Request, Writer

Node = dict[str, Any]


def explain(requests: list[Request], writer: Writer) -> Node:
    """`{"kind": "QueryPlan", "node": ...}`."""
    stages: dict[int, dict[int, list[Node]]] = {}
    for request in requests:
        for call in request.calls:
            for fetch in call.fetches:
                levels = stages.setdefault(fetch.stage, {})
                levels.setdefault(fetch.level, []).append(
                    _conditional(fetch, _placed(writer, request, call, fetch))
                )
    steps = [
        _group("Parallel", nodes)
        for _, levels in sorted(stages.items())
        for _, nodes in sorted(levels.items())
    ]
    return {"kind": "QueryPlan", "node": _group("Sequence", steps)} if steps else {"kind": "QueryPlan"}


def _group(kind: str, nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else {"kind": kind, "nodes": nodes}


def _placed(writer: Writer, request: Request, call: Call, fetch: Fetch) -> Node:
    node: Node = {
        "kind": "Fetch",
        "serviceName": request.subgraph.name,
        "variableUsages": list(call.variables),
        "operation": writer.document(request.kind, request.operation_name, (call,)),
        "operationKind": request.kind,
        "operationName": request.operation_name,
    }
    if fetch.root is None:
        distinct = {id(each): each for each in fetch.representations.values()}
        node["requires"] = [_requires(each) for each in distinct.values()]
    if not fetch.path:
        return node
    return {"kind": "Flatten", "path": _path(fetch.path), "node": node}


def _path(path: Path) -> list[str]:
    elements: list[str] = []
    for key, types, lists in path:
        if types is not None:
            condition = f"|[{','.join(sorted(types))}]"
            if elements:
                elements[-1] += condition
            else:
                elements.append(condition)
        elements.append(key)
        elements.extend("@" * lists)
    return elements


def _requires(representation: Representation) -> Node:
    typename: Node = {"kind": "Field", "name": "__typename"}
    return {
        "kind": "InlineFragment",
        "typeCondition": representation.typename,
        "selections": [typename, *_templates(representation.fields.values())],
    }


def _templates(templates: Iterable[Template]) -> list[Node]:
    nodes: list[Node] = []
    for template in templates:
        node: Node = {"kind": "Field", "name": template.name}
        if template.store != template.name:
            node["alias"] = template.store
        if template.composite:
            node["selections"] = _templates(template.fields.values())
        if template.types is None:
            nodes.append(node)
            continue
        nodes += [
            {"kind": "InlineFragment", "typeCondition": name, "selections": [node]}
            for name in sorted(template.types)
        ]
    return nodes


def _conditional(fetch: Fetch, node: Node) -> Node:
    if ALWAYS in fetch.when:
        return node
    alternatives: Node | None = None
    for when in sorted(fetch.when, key=sorted):
        alternatives = _under(when, node, alternatives)
    return alternatives or node


def _under(when: Conditions, node: Node, otherwise: Node | None) -> Node:
    inner = node
    for variable, wanted in sorted(when, reverse=True):
        clauses = {"ifClause": inner} if wanted else {"elseClause": inner}
        if otherwise is not None:
            clauses["elseClause" if wanted else "ifClause"] = otherwise
        inner = {"kind": "Condition", "condition": variable, **clauses}
    return inner
