"""Writing a decision model as XML: what :func:`~rules.engine.dmn.read.read_dmn` reads back is the same
model.
"""

from __future__ import annotations

from rules.engine.dmn.model import (
    Binding,
    Cell,
    Context,
    Decision,
    DecisionTable,
    Definitions,
    FunctionDefinition,
    InputData,
    Invocation,
    ItemDefinition,
    Knowledge,
    ListLogic,
    LiteralExpression,
    Logic,
    Part,
    Relation,
    Requirement,
    TableInput,
    TableOutput,
    TableRule,
    Unsupported,
    Variable,
)
from rules.engine.dmn.xml import Element, write_xml

DMN_1_3 = "https://www.omg.org/spec/DMN/20191111/MODEL/"

_REFERENCES = {"input": "requiredInput", "decision": "requiredDecision", "knowledge": "requiredKnowledge"}


def write_dmn(definitions: Definitions) -> bytes:
    """The model as a document of the DMN version it names."""
    return write_xml(_Writer(definitions.version).definitions(definitions), {definitions.version: ""})


class _Writer:
    """Writes elements in one version's namespace, in the order of its schema."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def definitions(self, model: Definitions) -> Element:
        extensions, others = _split(model.carried)
        return self._element(
            "definitions",
            model,
            {
                "name": model.name,
                "namespace": model.namespace,
                "expressionLanguage": model.expression_language,
                "typeLanguage": model.type_language,
            },
            [
                *extensions,
                *(self._item("itemDefinition", item) for item in model.items),
                *(self._input_data(data) for data in model.inputs),
                *(self._knowledge(known) for known in model.knowledge),
                *(self._decision(decision) for decision in model.decisions),
                *others,
            ],
        )

    def _element(
        self, local: str, part: Part, attributes: dict[str, str], children: list[Element], text: str = ""
    ) -> Element:
        """An element with what every part has; empty attributes are left out."""
        named = {"id": part.id, "label": part.label, **attributes}
        described = [self._leaf("description", part.description)] if part.description else []
        return Element(
            f"{{{self._namespace}}}{local}",
            {name: value for name, value in named.items() if value} | part.attributes,
            described + children,
            text,
        )

    def _leaf(self, local: str, text: str) -> Element:
        return Element(f"{{{self._namespace}}}{local}", {}, [], text)

    def _cells(self, local: str, cell: Cell | None) -> list[Element]:
        return [] if cell is None else [self._cell(local, cell)]

    def _item(self, local: str, item: ItemDefinition) -> Element:
        type_ref = [self._leaf("typeRef", item.type_ref)] if item.type_ref else []
        return self._element(
            local,
            item,
            {"name": item.name, "isCollection": "true" if item.is_collection else ""},
            [
                *item.carried,
                *type_ref,
                *self._cells("allowedValues", item.allowed_values),
                *self._cells("typeConstraint", item.type_constraint),
                *(self._item("itemComponent", component) for component in item.components),
            ],
        )

    def _variable(self, variable: Variable | None, local: str = "variable") -> list[Element]:
        if variable is None:
            return []
        attributes = {"name": variable.name, "typeRef": variable.type_ref}
        return [self._element(local, variable, attributes, list(variable.carried))]

    def _input_data(self, data: InputData) -> Element:
        return self._element(
            "inputData", data, {"name": data.name}, [*data.carried, *self._variable(data.variable)]
        )

    def _knowledge(self, known: Knowledge) -> Element:
        extensions, others = _split(known.carried)
        encapsulated = known.function
        return self._element(
            "businessKnowledgeModel",
            known,
            {"name": known.name},
            [
                *extensions,
                *self._variable(known.variable),
                *([] if encapsulated is None else [self._function("encapsulatedLogic", encapsulated)]),
                *(self._requirement(requirement) for requirement in known.requirements),
                *others,
            ],
        )

    def _decision(self, decision: Decision) -> Element:
        extensions, others = _split(decision.carried)
        return self._element(
            "decision",
            decision,
            {"name": decision.name},
            [
                *extensions,
                *([self._leaf("question", decision.question)] if decision.question else []),
                *(
                    [self._leaf("allowedAnswers", decision.allowed_answers)]
                    if decision.allowed_answers
                    else []
                ),
                *self._variable(decision.variable),
                *(self._requirement(requirement) for requirement in decision.requirements),
                *others,
                *self._logic(decision.logic),
            ],
        )

    def _requirement(self, requirement: Requirement) -> Element:
        local = "knowledgeRequirement" if requirement.kind == "knowledge" else "informationRequirement"
        reference = Element(
            f"{{{self._namespace}}}{_REFERENCES[requirement.kind]}", {"href": requirement.href}
        )
        return self._element(local, requirement, {}, [*requirement.carried, reference])

    def _logic(self, logic: Logic | None) -> list[Element]:
        match logic:
            case None:
                return []
            case Unsupported():
                return [logic.element]
            case LiteralExpression():
                attributes = {"typeRef": logic.type_ref, "expressionLanguage": logic.language}
                children = [*logic.carried, self._leaf("text", logic.text)]
                return [self._element("literalExpression", logic, attributes, children)]
            case DecisionTable():
                return [self._table(logic)]
            case FunctionDefinition():
                return [self._function("functionDefinition", logic)]
            case _:
                return [self._boxed(logic)]

    def _boxed(self, logic: Invocation | Context | ListLogic | Relation) -> Element:
        match logic:
            case Invocation():
                bindings = [self._binding(binding) for binding in logic.bindings]
                local, children = "invocation", [*self._logic(logic.function), *bindings]
            case Context():
                local = "context"
                children = [
                    self._element(
                        "contextEntry",
                        entry,
                        {},
                        [*entry.carried, *self._variable(entry.variable), *self._logic(entry.logic)],
                    )
                    for entry in logic.entries
                ]
            case ListLogic():
                local, children = "list", [element for item in logic.items for element in self._logic(item)]
            case Relation():
                local = "relation"
                columns = [
                    element for column in logic.columns for element in self._variable(column, "column")
                ]
                children = columns + [self._row(row) for row in logic.rows]
        return self._element(local, logic, {"typeRef": logic.type_ref}, [*logic.carried, *children])

    def _binding(self, binding: Binding) -> Element:
        parameter = self._variable(binding.parameter, "parameter")
        return self._element(
            "binding", binding, {}, [*binding.carried, *parameter, *self._logic(binding.logic)]
        )

    def _row(self, row: ListLogic) -> Element:
        cells = [element for item in row.items for element in self._logic(item)]
        return self._element("row", row, {}, [*row.carried, *cells])

    def _function(self, local: str, function: FunctionDefinition) -> Element:
        parameters = [
            element
            for parameter in function.parameters
            for element in self._variable(parameter, "formalParameter")
        ]
        return self._element(
            local,
            function,
            {"kind": function.kind, "typeRef": function.type_ref},
            [*function.carried, *parameters, *self._logic(function.logic)],
        )

    def _table(self, table: DecisionTable) -> Element:
        return self._element(
            "decisionTable",
            table,
            {
                "hitPolicy": table.hit_policy,
                "aggregation": table.aggregation,
                "preferredOrientation": table.orientation,
                "outputLabel": table.output_label,
                "typeRef": table.type_ref,
            },
            [
                *table.carried,
                *(self._table_input(column) for column in table.inputs),
                *(self._table_output(column) for column in table.outputs),
                *(Element(f"{{{self._namespace}}}annotation", {"name": name}) for name in table.annotations),
                *(self._table_rule(rule) for rule in table.rules),
            ],
        )

    def _table_input(self, column: TableInput) -> Element:
        expression = self._cell("inputExpression", column.expression, {"typeRef": column.type_ref})
        values = self._cells("inputValues", column.values)
        return self._element("input", column, {}, [*column.carried, expression, *values])

    def _table_output(self, column: TableOutput) -> Element:
        return self._element(
            "output",
            column,
            {"name": column.name, "typeRef": column.type_ref},
            [
                *column.carried,
                *self._cells("outputValues", column.values),
                *self._cells("defaultOutputEntry", column.default),
            ],
        )

    def _table_rule(self, rule: TableRule) -> Element:
        return self._element(
            "rule",
            rule,
            {},
            [
                *rule.carried,
                *(self._cell("inputEntry", cell) for cell in rule.inputs),
                *(self._cell("outputEntry", cell) for cell in rule.outputs),
                *(self._cell("annotationEntry", Cell(text=text)) for text in rule.annotations),
            ],
        )

    def _cell(self, local: str, cell: Cell, attributes: dict[str, str] | None = None) -> Element:
        return self._element(local, cell, attributes or {}, [*cell.carried, self._leaf("text", cell.text)])


def _split(carried: tuple[Element, ...]) -> tuple[list[Element], list[Element]]:
    """Extensions, which stand first in every element, and the rest."""
    extensions = [element for element in carried if element.local == "extensionElements"]
    return extensions, [element for element in carried if element.local != "extensionElements"]
