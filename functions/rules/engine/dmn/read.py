"""Reading a decision model from XML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Literal

from rules.engine.dmn.model import (
    Binding,
    Cell,
    Context,
    ContextEntry,
    Decision,
    DecisionTable,
    Definitions,
    FunctionDefinition,
    InputData,
    InvalidDmn,
    Invocation,
    ItemDefinition,
    Knowledge,
    ListLogic,
    LiteralExpression,
    Logic,
    Relation,
    Requirement,
    TableInput,
    TableOutput,
    TableRule,
    Unsupported,
    Variable,
)
from rules.engine.dmn.xml import Element, read_xml

VERSION = re.compile(r"https?://www\.omg\.org/spec/DMN/\d{8}/(MODEL/|dmn\.xsd)\Z", re.ASCII)
"""The namespaces of DMN's versions: 1.1 ends in ``dmn.xsd``, 1.2 and later in ``MODEL/``."""

_UNSUPPORTED = frozenset({"conditional", "filter", "for", "every", "some"})
_REFERENCES: dict[str, Literal["input", "decision", "knowledge"]] = {
    "requiredInput": "input",
    "requiredDecision": "decision",
    "requiredKnowledge": "knowledge",
}
_REQUIREMENTS = frozenset({"informationRequirement", "knowledgeRequirement"})
_HIT_POLICIES = frozenset({"UNIQUE", "FIRST", "PRIORITY", "ANY", "COLLECT", "RULE ORDER", "OUTPUT ORDER"})
_AGGREGATIONS = frozenset({"", "SUM", "COUNT", "MIN", "MAX"})


def read_dmn(document: bytes | str) -> Definitions:
    """The model of a DMN 1.1 to 1.5 document; :class:`InvalidDmn` or ``InvalidXml`` says what is wrong."""
    root = read_xml(document)
    if root.local != "definitions" or not VERSION.match(root.namespace):
        raise InvalidDmn(f"The document is no DMN model: its root is {root.local!r} of {root.namespace!r}.")
    imported = root.first("import")
    if imported is not None:
        raise InvalidDmn(
            f"The model imports {imported.attributes.get('namespace', '')!r}; imports are not supported."
        )
    return Definitions(
        name=root.attributes.get("name", ""),
        namespace=root.attributes.get("namespace", ""),
        version=root.namespace,
        expression_language=root.attributes.get("expressionLanguage", ""),
        type_language=root.attributes.get("typeLanguage", ""),
        items=tuple(_item(child) for child in root.named("itemDefinition")),
        inputs=tuple(_input_data(child) for child in root.named("inputData")),
        knowledge=tuple(_knowledge(child) for child in root.named("businessKnowledgeModel")),
        decisions=tuple(_decision(child) for child in root.named("decision")),
        **_part(root, {"itemDefinition", "inputData", "businessKnowledgeModel", "decision"}),
    )


def _part(element: Element, known: Iterable[str]) -> dict[str, Any]:
    """What every element has: identity, description, and what is carried along."""
    known_names = {f"{{{element.namespace}}}{local}" for local in ("description", *known)}
    return {
        "id": element.attributes.get("id", ""),
        "label": element.attributes.get("label", ""),
        "description": _text(element, "description") or "",
        "attributes": {name: value for name, value in element.attributes.items() if name.startswith("{")},
        "carried": tuple(child for child in element.children if child.name not in known_names),
    }


def _text(element: Element, local: str) -> str | None:
    """The text of a child, or of its ``text`` child, None without one."""
    child = element.first(local)
    if child is None:
        return None
    inner = child.first("text")
    return (inner if inner is not None else child).text.strip()


def _type(element: Element) -> str:
    """A type reference, without the prefix that DMN 1.1 gave it."""
    return element.attributes.get("typeRef", "").rpartition(":")[2]


def _item(element: Element) -> ItemDefinition:
    return ItemDefinition(
        name=element.attributes.get("name", ""),
        type_ref=(_text(element, "typeRef") or "").rpartition(":")[2],
        allowed_values=_cell_of(element, "allowedValues"),
        type_constraint=_cell_of(element, "typeConstraint"),
        is_collection=_flag(element, "isCollection"),
        components=tuple(_item(child) for child in element.named("itemComponent")),
        **_part(element, {"typeRef", "allowedValues", "typeConstraint", "itemComponent"}),
    )


def _flag(element: Element, name: str) -> bool:
    return element.attributes.get(name, "false").strip() in ("true", "1")


def _variable(element: Element, local: str = "variable") -> Variable | None:
    child = element.first(local)
    return None if child is None else _declared(child)


def _declared(element: Element) -> Variable:
    return Variable(name=element.attributes.get("name", ""), type_ref=_type(element), **_part(element, ()))


def _input_data(element: Element) -> InputData:
    return InputData(
        name=element.attributes.get("name", ""), variable=_variable(element), **_part(element, {"variable"})
    )


def _decision(element: Element) -> Decision:
    logic, known = _only_logic(element)
    return Decision(
        name=element.attributes.get("name", ""),
        variable=_variable(element),
        question=_text(element, "question") or "",
        allowed_answers=_text(element, "allowedAnswers") or "",
        requirements=_requirements(element),
        logic=logic,
        **_part(element, {"variable", "question", "allowedAnswers", *_REQUIREMENTS, *known}),
    )


def _knowledge(element: Element) -> Knowledge:
    encapsulated = element.first("encapsulatedLogic")
    return Knowledge(
        name=element.attributes.get("name", ""),
        variable=_variable(element),
        function=None if encapsulated is None else _function(encapsulated),
        requirements=_requirements(element),
        **_part(element, {"variable", "encapsulatedLogic", *_REQUIREMENTS}),
    )


def _requirements(element: Element) -> tuple[Requirement, ...]:
    return tuple(
        _requirement(child)
        for child in element.children
        if child.namespace == element.namespace and child.local in _REQUIREMENTS
    )


def _requirement(element: Element) -> Requirement:
    for child in element.children:
        kind = _REFERENCES.get(child.local)
        if kind is not None:
            return Requirement(
                kind=kind, href=child.attributes.get("href", ""), **_part(element, {child.local})
            )
    raise InvalidDmn(f"The requirement {element.attributes.get('id', '')!r} names nothing that is required.")


def _only_logic(element: Element) -> tuple[Logic | None, set[str]]:
    """The expression that an element holds, and the name of its own element."""
    for child in element.children:
        if child.namespace == element.namespace and (found := _logic(child)) is not None:
            return found, {child.local}
    return None, set()


def _logic(element: Element) -> Logic | None:
    read = _LOGIC.get(element.local)
    if read is not None:
        return read(element)
    if element.local in _UNSUPPORTED:
        return Unsupported(element=element, id=element.attributes.get("id", ""))
    return None


def _literal(element: Element) -> LiteralExpression:
    return LiteralExpression(
        text=_text(element, "text") or "",
        type_ref=_type(element),
        language=element.attributes.get("expressionLanguage", ""),
        **_part(element, {"text"}),
    )


def _invocation(element: Element) -> Invocation:
    function, known = _only_logic(element)
    return Invocation(
        function=function,
        bindings=tuple(_binding(child) for child in element.named("binding")),
        type_ref=_type(element),
        **_part(element, {"binding", *known}),
    )


def _binding(element: Element) -> Binding:
    logic, known = _only_logic(element)
    parameter = _variable(element, "parameter")
    if parameter is None:
        raise InvalidDmn("A binding of an invocation names no parameter.")
    return Binding(parameter=parameter, logic=logic, **_part(element, {"parameter", *known}))


def _context(element: Element) -> Context:
    entries = []
    for child in element.named("contextEntry"):
        logic, known = _only_logic(child)
        entry = ContextEntry(variable=_variable(child), logic=logic, **_part(child, {"variable", *known}))
        entries.append(entry)
    return Context(entries=tuple(entries), type_ref=_type(element), **_part(element, {"contextEntry"}))


def _list(element: Element) -> ListLogic:
    items = [
        (child.local, logic)
        for child in element.children
        if child.namespace == element.namespace and (logic := _logic(child)) is not None
    ]
    return ListLogic(
        items=tuple(logic for _, logic in items),
        type_ref=_type(element),
        **_part(element, {local for local, _ in items}),
    )


def _relation(element: Element) -> Relation:
    columns = tuple(_declared(child) for child in element.named("column"))
    rows = tuple(_list(child) for child in element.named("row"))
    if any(len(row.items) != len(columns) for row in rows):
        raise InvalidDmn(
            f"A row of the relation {element.attributes.get('id', '')!r} has not {len(columns)} cells."
        )
    return Relation(columns=columns, rows=rows, type_ref=_type(element), **_part(element, {"column", "row"}))


def _function(element: Element) -> FunctionDefinition:
    logic, known = _only_logic(element)
    return FunctionDefinition(
        parameters=tuple(_declared(child) for child in element.named("formalParameter")),
        logic=logic,
        kind=element.attributes.get("kind", ""),
        type_ref=_type(element),
        **_part(element, {"formalParameter", *known}),
    )


def _table(element: Element) -> DecisionTable:
    table_id = element.attributes.get("id", "")
    hit_policy = element.attributes.get("hitPolicy", "UNIQUE")
    aggregation = element.attributes.get("aggregation", "")
    if hit_policy not in _HIT_POLICIES or aggregation not in _AGGREGATIONS:
        raise InvalidDmn(f"Table {table_id!r} has no hit policy of DMN: {hit_policy!r} {aggregation!r}.")
    inputs = tuple(_table_input(child) for child in element.named("input"))
    outputs = tuple(_table_output(child) for child in element.named("output"))
    if not outputs:
        raise InvalidDmn(f"Table {table_id!r} has no output.")
    rules = tuple(_table_rule(child) for child in element.named("rule"))
    for place, rule in enumerate(rules, 1):
        if len(rule.inputs) != len(inputs) or len(rule.outputs) != len(outputs):
            raise InvalidDmn(
                f"Rule {place} ({rule.id}) of table {table_id!r} has {len(rule.inputs)} and"
                f" {len(rule.outputs)} entries for {len(inputs)} inputs and {len(outputs)} outputs."
            )
    return DecisionTable(
        inputs=inputs,
        outputs=outputs,
        rules=rules,
        hit_policy=hit_policy,
        aggregation=aggregation,
        output_label=element.attributes.get("outputLabel", ""),
        orientation=element.attributes.get("preferredOrientation", ""),
        type_ref=_type(element),
        annotations=tuple(child.attributes.get("name", "") for child in element.named("annotation")),
        **_part(element, {"input", "output", "rule", "annotation"}),
    )


def _table_input(element: Element) -> TableInput:
    expression = element.first("inputExpression")
    return TableInput(
        expression=Cell(text="") if expression is None else _cell(expression),
        type_ref="" if expression is None else _type(expression),
        values=_cell_of(element, "inputValues"),
        **_part(element, {"inputExpression", "inputValues"}),
    )


def _table_output(element: Element) -> TableOutput:
    return TableOutput(
        name=element.attributes.get("name", ""),
        type_ref=_type(element),
        values=_cell_of(element, "outputValues"),
        default=_cell_of(element, "defaultOutputEntry"),
        **_part(element, {"outputValues", "defaultOutputEntry"}),
    )


def _table_rule(element: Element) -> TableRule:
    return TableRule(
        inputs=tuple(_cell(child) for child in element.named("inputEntry")),
        outputs=tuple(_cell(child) for child in element.named("outputEntry")),
        annotations=tuple(_text(child, "text") or "" for child in element.named("annotationEntry")),
        **_part(element, {"inputEntry", "outputEntry", "annotationEntry"}),
    )


def _cell(element: Element) -> Cell:
    inner = element.first("text")
    return Cell(text=(inner.text if inner is not None else element.text).strip(), **_part(element, {"text"}))


def _cell_of(element: Element, local: str) -> Cell | None:
    child = element.first(local)
    return None if child is None else _cell(child)


_LOGIC: dict[str, Callable[[Element], Logic]] = {
    "decisionTable": _table,
    "literalExpression": _literal,
    "invocation": _invocation,
    "context": _context,
    "list": _list,
    "relation": _relation,
    "functionDefinition": _function,
}
