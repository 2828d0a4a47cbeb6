"""The syntax tree of an expression. Nodes do not change once parsed; `at` is the offset of the node in its
source.

Macros are expanded here: `has(e.f)` is a Has, `e.all(x, p)` and its siblings are a Comprehension. Nodes are
equal when they spell the same expression, wherever they stand. They are written out rather than dataclasses:
those would double the package's import time.
"""

from typing import ClassVar
from typing import Literal as OneOf


class Node:
    """One node; `parts` names its attributes in order."""

    __slots__ = ("at",)
    parts: ClassVar[tuple[str, ...]] = ()
    at: int

    def _values(self) -> tuple[object, ...]:
        return tuple(getattr(self, part) for part in self.parts)

    def __eq__(self, other: object) -> bool:
        return self.__class__ is other.__class__ and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._values()))})"

    def children(self) -> tuple["Node", ...]:
        """The nodes directly below, in the order they are written."""
        return ()


class Literal(Node):
    """A constant: null, a bool, int, Uint, float, str or bytes."""

    __slots__ = parts = ("value",)

    def __init__(self, value: object, at: int = 0) -> None:
        self.value = value
        self.at = at


class Ident(Node):
    """A name; `absolute` with a leading dot, which looks past the container and the macros' variables."""

    __slots__ = parts = ("name", "absolute")

    def __init__(self, name: str, absolute: bool = False, at: int = 0) -> None:
        self.name = name
        self.absolute = absolute
        self.at = at


class Select(Node):
    """`operand.field`."""

    __slots__ = parts = ("operand", "field")

    def __init__(self, operand: Node, field: str, at: int = 0) -> None:
        self.operand = operand
        self.field = field
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Has(Node):
    """`has(operand.field)`."""

    __slots__ = parts = ("operand", "field")

    def __init__(self, operand: Node, field: str, at: int = 0) -> None:
        self.operand = operand
        self.field = field
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Index(Node):
    """`operand[index]`."""

    __slots__ = parts = ("operand", "index")

    def __init__(self, operand: Node, index: Node, at: int = 0) -> None:
        self.operand = operand
        self.index = index
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.operand, self.index


class Call(Node):
    """`function(arguments)`, or `receiver.function(arguments)`."""

    __slots__ = parts = ("function", "receiver", "arguments", "absolute")

    def __init__(
        self,
        function: str,
        receiver: Node | None,
        arguments: tuple[Node, ...],
        absolute: bool = False,
        at: int = 0,
    ) -> None:
        self.function = function
        self.receiver = receiver
        self.arguments = arguments
        self.absolute = absolute
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.arguments if self.receiver is None else (self.receiver, *self.arguments)


class ListLiteral(Node):
    """`[elements]`."""

    __slots__ = parts = ("elements",)

    def __init__(self, elements: tuple[Node, ...], at: int = 0) -> None:
        self.elements = elements
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.elements


class MapLiteral(Node):
    """`{key: value}`."""

    __slots__ = parts = ("entries",)

    def __init__(self, entries: tuple[tuple[Node, Node], ...], at: int = 0) -> None:
        self.entries = entries
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return tuple(part for entry in self.entries for part in entry)


class Unary(Node):
    """`!operand` or `-operand`."""

    __slots__ = parts = ("operator", "operand")

    def __init__(self, operator: str, operand: Node, at: int = 0) -> None:
        self.operator = operator
        self.operand = operand
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return (self.operand,)


class Binary(Node):
    """`left operator right` for arithmetic, relations and `in`; `at` is the operator's place."""

    __slots__ = parts = ("operator", "left", "right")

    def __init__(self, operator: str, left: Node, right: Node, at: int = 0) -> None:
        self.operator = operator
        self.left = left
        self.right = right
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.left, self.right


class Logical(Node):
    """`a && b && c` or `a || b || c`: the operators are associative, so a chain is one node."""

    __slots__ = parts = ("operator", "terms")

    def __init__(self, operator: str, terms: tuple[Node, ...], at: int = 0) -> None:
        self.operator = operator
        self.terms = terms
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.terms


class Conditional(Node):
    """`test ? then : otherwise`."""

    __slots__ = parts = ("test", "then", "otherwise")

    def __init__(self, test: Node, then: Node, otherwise: Node, at: int = 0) -> None:
        self.test = test
        self.then = then
        self.otherwise = otherwise
        self.at = at

    def children(self) -> tuple[Node, ...]:
        return self.test, self.then, self.otherwise


Macro = OneOf["all", "exists", "exists_one", "map", "filter"]


class Comprehension(Node):
    """`target.macro(variable, ...)`: what the macro asks of, or makes from, every element (of a map: every
    key).

    `predicate` is None for the `map` of two arguments, `result` is None for every macro but `map`.
    """

    __slots__ = parts = ("macro", "target", "variable", "predicate", "result")

    def __init__(
        self,
        macro: Macro,
        target: Node,
        variable: str,
        predicate: Node | None,
        result: Node | None,
        *,
        at: int = 0,
    ) -> None:
        self.macro = macro
        self.target = target
        self.variable = variable
        self.predicate = predicate
        self.result = result
        self.at = at

    def children(self) -> tuple[Node, ...]:
        parts = (self.predicate, self.result)
        return (self.target, *(part for part in parts if part is not None))


def logical(operator: str, terms: list[Node], at: int = 0) -> Logical:
    """A chain of terms, with chains of the same operator among them taken in."""
    flat: list[Node] = []
    for term in terms:
        if isinstance(term, Logical) and term.operator == operator:
            flat.extend(term.terms)
        else:
            flat.append(term)
    return Logical(operator, tuple(flat), at)


def measure(root: Node) -> tuple[int, int, Node]:
    """How many nodes the tree has, how many levels, and a node of the deepest level."""
    count, depth, deepest = 0, 0, root
    pending = [(root, 1)]
    while pending:
        node, level = pending.pop()
        count += 1
        if level > depth:
            depth, deepest = level, node
        pending.extend((child, level + 1) for child in node.children())
    return count, depth, deepest


def dotted_name(node: Node) -> tuple[Ident, tuple[str, ...]] | None:
    """The root and the fields of a chain like `a.b.c`; None for any other node."""
    fields: list[str] = []
    while isinstance(node, Select):
        fields.append(node.field)
        node = node.operand
    return (node, tuple(reversed(fields))) if isinstance(node, Ident) else None
