"""A decision model as its XML says it, element by element (DMN 1.3, chapters 6 to 8 and 10.2)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from common.errors import Invalid
from rules.engine.dmn.xml import Element

NAMESPACE = "urn:groundwork:rules"
"""Of the models that rule sets are written as, and of attributes that say what DMN has no word for."""


def extension(name: str) -> str:
    """The name of an attribute of ours."""
    return f"{{{NAMESPACE}}}{name}"


class InvalidDmn(Invalid):
    """The model breaks DMN, or asks for what is not supported; the message names the element."""

    code, title = "invalid_dmn", "The decision model cannot be used as it is"


class Part(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What every element of a model has."""

    id: str = ""
    description: str = ""
    label: str = ""
    attributes: dict[str, str] = {}
    """Attributes of other namespaces, kept as they came."""
    carried: tuple[Element, ...] = ()
    """Child elements without a meaning for execution, kept as they came: extensions, sources, diagrams."""


class Cell(Part, frozen=True, kw_only=True):
    """Text of its own: an entry of a table, an input expression, allowed values."""

    text: str


class ItemDefinition(Part, frozen=True, kw_only=True):
    """A type: a restriction of another, a structure of components, or a collection of either (7.3.2)."""

    name: str
    type_ref: str = ""
    allowed_values: Cell | None = None
    """Tests that a value, or each element of a collection, passes."""
    type_constraint: Cell | None = None
    """Tests that the whole passes, also when it is a collection (DMN 1.4)."""
    is_collection: bool = False
    components: tuple[ItemDefinition, ...] = ()


class Variable(Part, frozen=True, kw_only=True):
    """The name and type of an input's or a decision's value (7.3.4)."""

    name: str
    type_ref: str = ""


class InputData(Part, frozen=True, kw_only=True):
    """Something the model is given (6.3.12)."""

    name: str
    variable: Variable | None = None


class Requirement(Part, frozen=True, kw_only=True):
    """What a decision needs: an input's or another decision's id, or a business knowledge model's
    (6.3.13).
    """

    kind: Literal["input", "decision", "knowledge"]
    href: str


class LiteralExpression(Part, frozen=True, kw_only=True):
    """An expression as text (7.3.8)."""

    text: str
    type_ref: str = ""
    language: str = ""


class TableInput(Part, frozen=True, kw_only=True):
    """An input column (8.3.2)."""

    expression: Cell
    type_ref: str = ""
    values: Cell | None = None
    """The allowed values, as unary tests."""


class TableOutput(Part, frozen=True, kw_only=True):
    """An output column (8.3.3)."""

    name: str = ""
    type_ref: str = ""
    values: Cell | None = None
    """The allowed values, in order of priority."""
    default: Cell | None = None


class TableRule(Part, frozen=True, kw_only=True):
    """A row: one cell for each column (8.3.4)."""

    inputs: tuple[Cell, ...]
    outputs: tuple[Cell, ...]
    annotations: tuple[str, ...] = ()


class DecisionTable(Part, frozen=True, kw_only=True):
    """A decision table (8.3.1). ``hit_policy`` and ``aggregation`` as in XML: ``RULE ORDER``, ``SUM``."""

    inputs: tuple[TableInput, ...]
    outputs: tuple[TableOutput, ...]
    rules: tuple[TableRule, ...]
    hit_policy: str = "UNIQUE"
    aggregation: str = ""
    output_label: str = ""
    orientation: str = ""
    type_ref: str = ""
    annotations: tuple[str, ...] = ()
    """The names of the annotation columns."""


class Binding(Part, frozen=True, kw_only=True):
    """What a parameter of an invocation is given."""

    parameter: Variable
    logic: Logic | None


class Invocation(Part, frozen=True, kw_only=True):
    """A call of a business knowledge model: an expression names it, bindings are its arguments (10.2.1.3)."""

    function: Logic | None
    bindings: tuple[Binding, ...] = ()
    type_ref: str = ""


class ContextEntry(Part, frozen=True, kw_only=True):
    """An entry of a boxed context; without a variable it is the context's result."""

    variable: Variable | None
    logic: Logic | None


class Context(Part, frozen=True, kw_only=True):
    """A boxed context, whose entries may use those before them (10.2.1.4)."""

    entries: tuple[ContextEntry, ...]
    type_ref: str = ""


class ListLogic(Part, frozen=True, kw_only=True):
    """A boxed list (10.2.1.5)."""

    items: tuple[Logic, ...]
    type_ref: str = ""


class Relation(Part, frozen=True, kw_only=True):
    """A boxed relation: a list of contexts with the same entries (10.2.1.6)."""

    columns: tuple[Variable, ...]
    rows: tuple[ListLogic, ...]
    type_ref: str = ""


class FunctionDefinition(Part, frozen=True, kw_only=True):
    """A boxed function (10.2.1.7). ``kind`` is FEEL, which is the default, or another language's."""

    parameters: tuple[Variable, ...]
    logic: Logic | None
    kind: str = ""
    type_ref: str = ""


class Unsupported(Part, frozen=True, kw_only=True):
    """An expression that is not run: refused when its decision is asked for."""

    element: Element


Logic: TypeAlias = (
    DecisionTable
    | LiteralExpression
    | Invocation
    | Context
    | ListLogic
    | Relation
    | FunctionDefinition
    | Unsupported
)


class Knowledge(Part, frozen=True, kw_only=True):
    """A business knowledge model: logic that others invoke (6.3.9)."""

    name: str
    variable: Variable | None = None
    function: FunctionDefinition | None = None
    requirements: tuple[Requirement, ...] = ()


class Decision(Part, frozen=True, kw_only=True):
    """A decision and its logic (6.3.7)."""

    name: str
    variable: Variable | None = None
    question: str = ""
    allowed_answers: str = ""
    requirements: tuple[Requirement, ...] = ()
    logic: Logic | None = None


class Definitions(Part, frozen=True, kw_only=True):
    """A model (6.3.2). ``namespace`` is its own, ``version`` the namespace of the DMN version it is
    written in.
    """

    name: str
    namespace: str
    version: str
    expression_language: str = ""
    type_language: str = ""
    items: tuple[ItemDefinition, ...] = ()
    inputs: tuple[InputData, ...] = ()
    knowledge: tuple[Knowledge, ...] = ()
    decisions: tuple[Decision, ...] = ()

    def decision(self, name: str) -> Decision:
        """The decision with this name or id; :class:`InvalidDmn` when there is none."""
        for decision in self.decisions:
            if name in (decision.name, decision.id):
                return decision
        known = ", ".join(repr(decision.name) for decision in self.decisions[:10])
        raise InvalidDmn(f"The model has no decision {name!r}; it has {known or 'none'}.")
