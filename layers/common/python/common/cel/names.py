"""Which names an expression reads, and in what order a name is looked for in its container.

Source: the CEL language definition, "Name resolution": the longest dotted name that is bound wins, and of
equally long ones that of the innermost container.
"""

from collections.abc import Iterator, Mapping

from common.cel.syntax import Comprehension, Has, Ident, Index, Literal, Node, Select
from common.cel.types import NAMED_TYPES


def qualified(name: str, container: str, absolute: bool) -> tuple[str, ...]:
    """The full names that `name` may stand for inside the container, innermost first: `a.b.x`, `a.x`, `x`."""
    if absolute or not container:
        return (name,)
    packages = container.split(".")
    prefixes = (".".join(packages[:count]) for count in range(len(packages), 0, -1))
    return (*(f"{prefix}.{name}" for prefix in prefixes), name)


def readings(
    root: Ident, fields: tuple[str, ...], container: str
) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """The readings of a chain `a.b.c`, longest first: names the variable may have, fields selected."""
    for length in range(len(fields), -1, -1):
        name = ".".join((root.name, *fields[:length]))
        yield qualified(name, container, root.absolute), fields[length:]


class Reads:
    """The variables and paths that a tree reads.

    `variables` are root names, `paths` dotted as far as the source spells them (`order.customer.name`; an
    index with a literal name counts as a field). Variables of macros and names of types are not among them.
    """

    def __init__(self, tree: Node, declared: Mapping[str, object] | None, container: str) -> None:
        self.variables: set[str] = set()
        self.paths: set[str] = set()
        self._declared = declared
        self._container = container
        self._visit(tree, frozenset())

    def _visit(self, node: Node, bound: frozenset[str]) -> None:
        root, fields = _spelled_out(node)
        if isinstance(root, Ident):
            if root.absolute or root.name not in bound:
                self._read(root, fields)
        elif fields:
            self._visit(root, bound)
        elif isinstance(node, Comprehension):
            self._visit(node.target, bound)
            inside = bound | {node.variable}
            for part in (node.predicate, node.result):
                if part is not None:
                    self._visit(part, inside)
        else:
            for child in node.children():
                self._visit(child, bound)

    def _read(self, root: Ident, fields: tuple[str, ...]) -> None:
        if self._declared is None:
            dotted = ".".join((root.name, *fields))
            if root.name not in NAMED_TYPES and dotted not in NAMED_TYPES:
                self.variables.add(root.name)
                self.paths.add(dotted)
            return
        for names, rest in readings(root, fields, self._container):
            for name in names:
                if name in self._declared:
                    self.variables.add(name)
                    self.paths.add(".".join((name, *rest)))
                    return


def _spelled_out(node: Node) -> tuple[Node, tuple[str, ...]]:
    """The fields that a chain of selections names, and what it starts from."""
    fields: list[str] = []
    while True:
        if isinstance(node, (Select, Has)):
            fields.append(node.field)
            node = node.operand
        elif (
            isinstance(node, Index) and isinstance(node.index, Literal) and isinstance(node.index.value, str)
        ):
            fields.append(node.index.value)
            node = node.operand
        else:
            return node, tuple(reversed(fields))
