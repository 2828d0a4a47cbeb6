"""A syntax tree to closures: each node becomes one function of the frame, chosen for the node's shape.

Constant parts are evaluated once, here, unless that is an error (which must stay where `||` may absorb it).
"""

from collections.abc import Mapping
from typing import Any

from common.cel import comprehensions, logic, reading, relations
from common.cel.checker import Checked
from common.cel.errors import CelEvaluationError
from common.cel.functions import FUNCTIONS, UNMETERED
from common.cel.limits import Limits, Meter
from common.cel.names import readings
from common.cel.operators import METER, Frame, negate, no_overload
from common.cel.patterns import matches
from common.cel.reading import Adapt, Evaluate
from common.cel.signatures import ARITHMETIC, GLOBAL, RECEIVER
from common.cel.syntax import (
    Binary,
    Call,
    Comprehension,
    Conditional,
    Has,
    Ident,
    Index,
    ListLiteral,
    Literal,
    Logical,
    MapLiteral,
    Node,
    Select,
    Unary,
    dotted_name,
)
from common.cel.types import DYN, INT, NAMED_TYPES
from common.cel.values import SCALARS, MixedMap, Uint, shown, type_of

_KEYS = frozenset({bool, int, Uint, str})
_SHORT = 64
_CALL = 5


class Emitter:
    """Compiles one tree; `metered` tells afterwards whether the closures need a frame with a meter."""

    def __init__(self, limits: Limits, container: str, checked: Checked | None) -> None:
        self.limits = limits
        self.container = container
        self.checked = checked
        self.metered = False
        self._slots: dict[str, int] = {}
        self._slot_count = 0
        self._constants: dict[int, Any] = {}
        self._plain_reads: dict[int, tuple[str | int | None, tuple[str, ...]]] = {}

    def emit(self, node: Node, whole: bool = True) -> Evaluate:
        """The closure of a node; with `whole` false only parts of its value are used, and adapted."""
        match node:
            case Literal(value=value):
                return self._constant(node, value)
            case Ident() | Select():
                return self._chain(node, whole)
            case Has(operand=operand, field=field, at=at):
                return reading.presence(self.emit(operand, whole=False), field, at)
            case Index():
                return self._adapted(self._index(node), node, whole)
            case Logical(operator=operator, terms=terms, at=at):
                return logic.chain(operator, [self.emit(term) for term in terms], at)
            case Conditional(test=test, then=then, otherwise=otherwise, at=at):
                return logic.conditional(self.emit(test), self.emit(then), self.emit(otherwise), at)
            case Comprehension():
                return self._comprehension(node)
            case _:
                return self._foldable(node)

    def _foldable(self, node: Node) -> Evaluate:
        match node:
            case Binary():
                run = self._binary(node)
            case Unary():
                run = self._unary(node)
            case Call():
                run = self._call(node)
            case ListLiteral():
                run = self._list(node)
            case MapLiteral():
                run = self._map(node)
            case _:
                raise TypeError(f"not a syntax tree: {node!r}")
        if not all(id(child) in self._constants for child in node.children()):
            return run
        if isinstance(node, Call) and node.function == "matches":
            return run
        try:
            value = run({METER: Meter(self.limits.cost)})
        except CelEvaluationError:
            return run
        return self._constant(node, value)

    def _constant(self, node: Node, value: Any) -> Evaluate:
        self._constants[id(node)] = value
        return _always(value)

    def _adapted(self, read: Evaluate, node: Node, whole: bool) -> Evaluate:
        adapt: Adapt | None = None
        if whole and self.checked is not None:
            kind = self.checked.types[id(node)]
            adapt = reading.adaptation(kind)
            if adapt is not None and (kind.parameters or kind.fields):
                self.metered = True
        return reading.adapted(read, adapt, node.at)

    def _chain(self, node: Ident | Select, whole: bool) -> Evaluate:
        """A variable with fields (a macro's, declared, or looked for at run time); a field of any value."""
        chain = dotted_name(node)
        if chain is None:
            assert isinstance(node, Select)
            read = reading.select(self.emit(node.operand, whole=False), node.field, node.at)
            return self._adapted(read, node, whole)
        root, fields = chain
        known: tuple[str | int, tuple[str, ...]] | None = None
        if not root.absolute and root.name in self._slots:
            known = self._slots[root.name], fields
        elif self.checked is not None:
            known = self.checked.readings.get(id(node))
        if known is None:
            return self._look_up(node, root, fields)
        return self._adapted(self._plain_read(node, *known), node, whole)

    def _look_up(self, node: Node, root: Ident, fields: tuple[str, ...]) -> Evaluate:
        """A name that only the bindings can tell the meaning of."""
        options = tuple(
            (name, rest) for names, rest in readings(root, fields, self.container) for name in names
        )
        for name, rest in options:
            if name in NAMED_TYPES and not rest:
                denoted = _always(NAMED_TYPES[name])
                return denoted if self.checked else reading.first_bound(options, denoted, node.at)
        if len(options) == 1:
            return self._plain_read(node, *options[0])
        return reading.first_bound(options[:-1], reading.path(*options[-1], node.at), node.at)

    def _plain_read(self, node: Node, name: str | int, fields: tuple[str, ...]) -> Evaluate:
        self._plain_reads[id(node)] = name, fields
        return reading.path(name, fields, node.at)

    def _index(self, node: Index) -> Evaluate:
        operand = self.emit(node.operand, whole=False)
        self.metered = True
        return reading.index(operand, self.emit(node.index), node.at)

    def _list(self, node: ListLiteral) -> Evaluate:
        elements = [self.emit(element) for element in node.elements]
        return lambda frame: [element(frame) for element in elements]

    def _map(self, node: MapLiteral) -> Evaluate:
        entries = [(self.emit(key), self.emit(value), key.at) for key, value in node.entries]

        def run(frame: Frame) -> Mapping[Any, Any]:
            built: dict[tuple[bool, Any], Any] = {}
            for key_of, value_of, at in entries:
                key = key_of(frame)
                if key.__class__ not in _KEYS:
                    raise CelEvaluationError(
                        f"a map's keys are bool, int, uint or string, not {type_of(key)}", at
                    )
                mark = key.__class__ is bool, key
                if mark in built:
                    raise CelEvaluationError(f"the map repeats the key {shown(key)}", at)
                built[mark] = value_of(frame)
            if len({is_bool for is_bool, _ in built}) < 2:
                return {key: value for (_, key), value in built.items()}
            return MixedMap((key, value) for (_, key), value in built.items())

        return run

    def _unary(self, node: Unary) -> Evaluate:
        operand, at = self.emit(node.operand), node.at
        if node.operator == "!":
            return logic.negation(operand, at)
        return lambda frame: negate(operand(frame), at)

    def _binary(self, node: Binary) -> Evaluate:
        operator, at = node.operator, node.at
        left, right = self.emit(node.left), self.emit(node.right)
        if operator in ARITHMETIC:
            # Only a sum may be of something long, and not where one operand is known to be a number or a
            # duration.
            if operator == "+" and not (self._is_short(node.left, ()) or self._is_short(node.right, ())):
                self.metered = True
            return relations.arithmetic(operator, left, right, at)
        if operator == "in":
            return self._membership(node, left, right)
        if self._is_short(node.right):
            return self._with_constant(operator, node.left, left, self._constants[id(node.right)], at)
        if self._is_short(node.left):
            mirrored = relations.MIRRORED[operator]
            return self._with_constant(mirrored, node.right, right, self._constants[id(node.left)], at)
        self.metered = True
        shape = relations.equality if operator in ("==", "!=") else relations.ordering
        return shape(operator, left, right, at)

    def _is_short(self, node: Node, texts: tuple[type, ...] = (str, bytes)) -> bool:
        """Whether the node is a constant of bounded size: a number or the like, or a short one of `texts`."""
        if id(node) not in self._constants:
            return False
        value = self._constants[id(node)]
        if isinstance(value, (str, bytes)):
            return isinstance(value, texts) and len(value) <= _SHORT
        return value.__class__ in SCALARS

    def _with_constant(
        self, operator: str, operand: Node, read: Evaluate, constant: Any, at: int
    ) -> Evaluate:
        if operator in ("==", "!="):
            general = relations.equality_with_constant(operator, read, constant, at)
        else:
            general = relations.ordering_with_constant(operator, read, constant, at)
        name, fields = self._plain_reads.get(id(operand), (None, ()))
        # Of these classes, a value that has the constant's is neither converted nor adapted when it is read.
        if name is None or len(fields) > 1 or constant.__class__ not in (str, float, int):
            return general
        if constant.__class__ is int and self.checked and self.checked.types[id(operand)] not in (INT, DYN):
            return general
        return relations.variable_with_constant(operator, name, fields, constant, general)

    def _membership(self, node: Binary, element: Evaluate, holder: Evaluate) -> Evaluate:
        constant = self._constants.get(id(node.right))
        if isinstance(constant, list):
            by_hash = relations.membership_in_constants(element, constant)
            if by_hash is not None:
                return by_hash
        self.metered = True
        return relations.membership(element, holder, node.at)

    def _call(self, node: Call) -> Evaluate:
        name, at = node.function, node.at
        written = node.arguments if node.receiver is None else (node.receiver, *node.arguments)
        operands = [self.emit(operand, whole=name != "size") for operand in written]
        if name == "matches" and len(operands) == 2:
            return self._matches(operands[0], operands[1], at)
        key = (name, node.receiver is not None, len(operands))
        function = FUNCTIONS.get(key)
        if function is None:
            return self._unknown(node, operands)
        affix = name in ("startsWith", "endsWith") and self._is_short(node.arguments[0])
        if key not in UNMETERED and not affix:
            self.metered = True
        if len(operands) == 1:
            only = operands[0]
            return lambda frame: function(only(frame), frame, at)
        if len(operands) == 2:
            first, second = operands
            return lambda frame: function(first(frame), second(frame), frame, at)
        return lambda frame: function(*[operand(frame) for operand in operands], frame, at)

    def _matches(self, text: Evaluate, pattern: Evaluate, at: int) -> Evaluate:
        self.metered = True
        longest = self.limits.pattern

        def run(frame: Frame) -> bool:
            value, expression = text(frame), pattern(frame)
            if value.__class__ is str and expression.__class__ is str:
                return matches(value, expression, longest, frame, at)
            raise no_overload("matches", (value, expression), at)

        return run

    def _unknown(self, node: Call, operands: list[Evaluate]) -> Evaluate:
        """A call that no function answers: an error when it is evaluated, as everything unchecked is."""
        known = node.function in (GLOBAL if node.receiver is None else RECEIVER)
        name, at = node.function, node.at

        def run(frame: Frame) -> Any:
            if known:
                raise no_overload(name, tuple(operand(frame) for operand in operands), at)
            raise CelEvaluationError(f"undeclared reference to function {name!r}", at)

        return run

    def _comprehension(self, node: Comprehension) -> Evaluate:
        self.metered = True
        target = self.emit(node.target, whole=False)
        slot = self._slot_count
        self._slot_count += 1
        outer = self._slots
        self._slots = {**outer, node.variable: slot}
        predicate = None if node.predicate is None else self.emit(node.predicate)
        result = self._filtered(node, slot) if node.result is None else self.emit(node.result)
        self._slots = outer
        weight = 1 + sum(_weight(part) for part in (node.predicate, node.result) if part is not None)
        loop = comprehensions.Loop(node.macro, target, slot, weight, node.at)
        if predicate is None or node.macro in ("map", "filter"):
            return comprehensions.transformation(loop, predicate, result)
        if node.macro == "exists_one":
            return comprehensions.exists_one(loop, predicate)
        return comprehensions.quantifier(loop, predicate)

    def _filtered(self, node: Comprehension, slot: int) -> Evaluate | None:
        """How `filter` keeps an element: as its declared type where that takes adapting, else as it is."""
        if node.macro != "filter" or self.checked is None:
            return None
        adapt = reading.adaptation(self.checked.types[id(node)].parameters[0])
        return None if adapt is None else reading.adapted(reading.variable(slot, node.at), adapt, node.at)


def _weight(node: Node) -> int:
    """What it costs to evaluate a node once; what a macro inside does per element it spends itself."""
    below = (node.target,) if isinstance(node, Comprehension) else node.children()
    return (_CALL if isinstance(node, Call) else 1) + sum(map(_weight, below))


def _always(value: Any) -> Evaluate:
    return lambda frame: value  # noqa: ARG005
