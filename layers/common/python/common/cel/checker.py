"""Types inferred from declared variables, so that a typo or a wrong operand is refused before anything is
evaluated.

As CEL's checker, with two liberties in the author's favour that do not change what an expression evaluates
to: numbers of different types may be compared by `==` and `!=` as they may by `<`, and the choices of `?:`
may differ in numeric or null type. Whatever is `dyn` is checked at run time.
"""

from collections.abc import Iterable, Mapping

from common.cel.errors import CelCheckError
from common.cel.names import readings
from common.cel.signatures import ARITHMETIC, GLOBAL, NEGATION, ORDERED, RECEIVER, Overload
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
from common.cel.types import (
    BOOL,
    DYN,
    INT,
    NAMED_TYPES,
    NULL,
    NUMBERS,
    STRING,
    TYPE,
    UINT,
    CelType,
    assignable,
    is_map,
    join,
    list_of,
    map_of,
)
from common.cel.values import type_of

_KEYS = frozenset({BOOL, INT, UINT, STRING, DYN})
_TYPO = 3
"""Characters by which a name may be longer or shorter than what was written for it."""
_ALIKE = 500
"""Names that are compared with it: each takes a few hundredths of a millisecond."""


class Checked:
    """What checking found: every node's type, and the variable that each chain of names reads.

    Both are kept by the identity of the tree's nodes. A reading is the variable's name and the fields
    selected from it.
    """

    def __init__(self) -> None:
        self.types: dict[int, CelType] = {}
        self.readings: dict[int, tuple[str, tuple[str, ...]]] = {}


def check(tree: Node, declarations: Mapping[str, CelType], container: str = "") -> Checked:
    """Infer the types of a tree; CelCheckError at the first name or operand that does not fit."""
    checker = _Checker(declarations, container)
    checker.infer(tree)
    return checker.found


class _Checker:
    def __init__(self, declarations: Mapping[str, CelType], container: str) -> None:
        self.declarations = declarations
        self.container = container
        self.found = Checked()
        self.scope: dict[str, CelType] = {}

    def infer(self, node: Node) -> CelType:
        kind = self._infer(node)
        self.found.types[id(node)] = kind
        return kind

    def _infer(self, node: Node) -> CelType:
        match node:
            case Literal(value=value):
                return type_of(value)
            case Ident() | Select():
                return self.chain(node)
            case Has(operand=operand, field=field, at=at):
                self.member(self.infer(operand), field, operand, at)
                return BOOL
            case Index():
                return self.index(node)
            case Call():
                return self.call(node)
            case ListLiteral(elements=elements):
                return list_of(_cover(map(self.infer, elements)))
            case MapLiteral():
                return self.map_literal(node)
            case Comprehension():
                return self.comprehension(node)
            case _:
                return self.operation(node)

    def operation(self, node: Node) -> CelType:
        match node:
            case Binary():
                return self.binary(node)
            case Logical(operator=operator, terms=terms):
                for term in terms:
                    self.expect_bool(term, f"the operands of {operator!r} are bool")
                return BOOL
            case Unary(operator="!", operand=operand):
                return self.expect_bool(operand, "the operand of '!' is bool")
            case Unary(operator=operator, operand=operand, at=at):
                return _resolve(operator, NEGATION, (self.infer(operand),), at)
            case Conditional():
                return self.conditional(node)
            case _:
                raise TypeError(f"not a syntax tree: {node!r}")

    def chain(self, node: Ident | Select) -> CelType:
        """A variable with fields, the name of a type, or a field of any other value."""
        chain = dotted_name(node)
        if chain is not None and (chain[0].absolute or chain[0].name not in self.scope):
            return self.variable(node, *chain)
        if isinstance(node, Ident):
            return self.scope[node.name]
        return self.member(self.infer(node.operand), node.field, node.operand, node.at)

    def variable(self, node: Node, root: Ident, fields: tuple[str, ...]) -> CelType:
        for names, rest in readings(root, fields, self.container):
            for name in names:
                kind = self.declarations.get(name)
                if kind is not None:
                    for field in rest:
                        kind = self.member(kind, field, root, node.at)
                    self.found.readings[id(node)] = name, rest
                    return kind
                if name in NAMED_TYPES and not rest:
                    return TYPE
        raise CelCheckError(
            f"undeclared reference to {root.name!r}{_nearest(root.name, {*self.declarations, *self.scope})}",
            root.at,
        )

    def member(self, holder: CelType, field: str, operand: Node, at: int) -> CelType:
        """The type of a field; CelCheckError where the holder is known not to have it."""
        if holder.fields is not None:
            if field not in holder.fields:
                where = f" of {operand.name!r}" if isinstance(operand, Ident) else ""
                raise CelCheckError(f"unknown field {field!r}{where}{_nearest(field, holder.fields)}", at)
            return holder.fields[field]
        if holder.name == "map" and assignable(holder.parameters[0], STRING):
            return holder.parameters[1]
        if holder == DYN:
            return DYN
        raise CelCheckError(f"a value of type {holder} has no field {field!r}", at)

    def index(self, node: Index) -> CelType:
        holder, index = self.infer(node.operand), self.infer(node.index)
        if holder == DYN:
            return DYN
        if holder.name == "list":
            # CEL's runtime takes whole numbers of any type.
            if index in NUMBERS or index == DYN:
                return holder.parameters[0]
        elif holder.fields is not None:
            if isinstance(node.index, Literal) and isinstance(node.index.value, str):
                return self.member(holder, node.index.value, node.operand, node.at)
            if assignable(STRING, index):
                return DYN
        elif holder.name == "map" and _fits_key(holder.parameters[0], index):
            return holder.parameters[1]
        raise CelCheckError(f"a value of type {holder} is not indexed by {index}", node.at)

    def call(self, node: Call) -> CelType:
        arguments = tuple(map(self.infer, node.arguments))
        if node.receiver is None:
            return _resolve_call(node.function, GLOBAL, RECEIVER, arguments, node.at)
        if node.function not in RECEIVER:
            raise _unknown_function(node.function, RECEIVER, GLOBAL, node.at)
        return _resolve(
            node.function, RECEIVER[node.function], (self.infer(node.receiver), *arguments), node.at
        )

    def map_literal(self, node: MapLiteral) -> CelType:
        keys, values = [], []
        for key, value in node.entries:
            kind = self.infer(key)
            if kind not in _KEYS:
                raise CelCheckError(f"a map's keys are bool, int, uint or string, not {kind}", key.at)
            keys.append(kind)
            values.append(self.infer(value))
        return map_of(_cover(keys), _cover(values))

    def comprehension(self, node: Comprehension) -> CelType:
        element = _element(self.infer(node.target), node)
        outer = self.scope
        self.scope = {**outer, node.variable: element}
        try:
            if node.predicate is not None:
                self.expect_bool(node.predicate, f"the condition of {node.macro}() is bool")
            if node.result is not None:
                return list_of(self.infer(node.result))
        finally:
            self.scope = outer
        return list_of(element) if node.macro == "filter" else BOOL

    def conditional(self, node: Conditional) -> CelType:
        self.expect_bool(node.test, "the condition of '?' is bool")
        then, otherwise = self.infer(node.then), self.infer(node.otherwise)
        if then == otherwise:
            return then
        mixed = {then, otherwise} <= NUMBERS or NULL in (then, otherwise)
        if mixed or assignable(then, otherwise):
            return join(then, otherwise)
        raise CelCheckError(
            f"the choices of '?' are {then} and {otherwise}: give both one type, or wrap one in dyn()",
            node.at,
        )

    def binary(self, node: Binary) -> CelType:
        left, right = self.infer(node.left), self.infer(node.right)
        operator = node.operator
        if operator in ARITHMETIC:
            result = _resolve(operator, ARITHMETIC[operator], (left, right), node.at)
            return join(left, right) if result.name == "list" else result
        if operator == "in":
            fits = _may_contain(right, left)
        elif operator in ("==", "!="):
            fits = _comparable(left, right)
        else:
            fits = _ordered(left, right)
        if not fits:
            raise _no_overload(operator, (left, right), node.at)
        return BOOL

    def expect_bool(self, node: Node, complaint: str) -> CelType:
        kind = self.infer(node)
        if not assignable(BOOL, kind):
            raise CelCheckError(f"{complaint}, not {kind}", node.at)
        return BOOL


def _element(target: CelType, node: Comprehension) -> CelType:
    if target == DYN:
        return DYN
    if target.fields is not None:
        return STRING
    if target.name in ("list", "map"):
        return target.parameters[0]
    raise CelCheckError(f"{node.macro}() goes over a list or a map, not {target}", node.at)


def _cover(kinds: Iterable[CelType]) -> CelType:
    """The type that covers all; dyn for none."""
    covering: CelType | None = None
    for kind in kinds:
        covering = kind if covering is None else join(covering, kind)
    return covering or DYN


def _fits_key(key: CelType, index: CelType) -> bool:
    return assignable(key, index) or {key, index} <= NUMBERS


def _comparable(left: CelType, right: CelType) -> bool:
    if left in NUMBERS and right in NUMBERS:
        return True
    # null may be the value of any field that is declared.
    if NULL in (left, right):
        return True
    if left.name == right.name and left.parameters:
        return all(map(_comparable, left.parameters, right.parameters))
    return assignable(left, right)


def _ordered(left: CelType, right: CelType) -> bool:
    if DYN in (left, right):
        return (left if right == DYN else right) in ORDERED | NUMBERS | {DYN}
    return (left in NUMBERS and right in NUMBERS) or (left == right and left in ORDERED)


def _may_contain(holder: CelType, element: CelType) -> bool:
    if holder == DYN:
        return True
    if holder.name == "list":
        return _comparable(holder.parameters[0], element)
    if holder.fields is not None:
        return assignable(STRING, element)
    return is_map(holder) and _fits_key(holder.parameters[0], element)


def _resolve_call(
    name: str,
    table: Mapping[str, tuple[Overload, ...]],
    other: Mapping[str, tuple[Overload, ...]],
    operands: tuple[CelType, ...],
    at: int,
) -> CelType:
    if name not in table:
        raise _unknown_function(name, table, other, at)
    return _resolve(name, table[name], operands, at)


def _resolve(name: str, overloads: tuple[Overload, ...], operands: tuple[CelType, ...], at: int) -> CelType:
    """The result of the overloads that the operands fit; dyn where several with different results do."""
    results = {
        result
        for parameters, result in overloads
        if len(parameters) == len(operands) and all(map(assignable, parameters, operands))
    }
    if not results:
        raise _no_overload(name, operands, at)
    return results.pop() if len(results) == 1 else DYN


def _no_overload(name: str, operands: tuple[CelType, ...], at: int) -> CelCheckError:
    shown = ", ".join(map(str, operands))
    return CelCheckError(f"no such overload: {name!r} does not take ({shown})", at)


def _unknown_function(
    name: str, table: Mapping[str, object], other: Mapping[str, object], at: int
) -> CelCheckError:
    if name in other:
        form = f"x.{name}()" if table is GLOBAL else f"{name}(x)"
        return CelCheckError(f"no such overload: {name!r} is called as {form}", at)
    return CelCheckError(f"undeclared reference to function {name!r}{_nearest(name, {*table, *other})}", at)


def _nearest(name: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    if len(name) > 64:
        return ""
    alike = [other for other in sorted(known) if abs(len(other) - len(name)) <= _TYPO]
    near = get_close_matches(name, alike[:_ALIKE], 1)
    return f"; did you mean {near[0]!r}?" if near else ""
