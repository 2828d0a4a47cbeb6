"""Normalised selections: what an operation or a field set asks for, with every fragment resolved.

A selection is a flat list of fields. A field says for which object types it was asked (`types`), so
`... on Book { title }` becomes the field `title` for `{"Book"}`, whatever interfaces and unions stood
between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import FieldNode


class Condition(NamedTuple):
    """One `@include` (wanted: True) or `@skip` (wanted: False) on a variable."""

    variable: str
    wanted: bool


Conditions = frozenset[Condition]
Order = tuple[int, ...]  # the order of the field around it, then the position within
ALWAYS: Conditions = frozenset()
NO_TYPES: frozenset[str] = frozenset()
TYPENAME = "__typename"


@dataclass(slots=True, eq=False)
class Field:
    """One field of a selection.

    `key` is the response key the client asked for, `arguments` their text in a canonical order with its
    brackets, `types` the object types of the supergraph it applies to, `when` the conditions it stands
    under within its own selection, `named` the innermost name of its type, `parent` the type it was asked
    of, `nodes` where it was written, `order` where it first was: fields of one object come in this order,
    whichever of its selections they are from.
    """

    name: str
    key: str
    arguments: str
    variables: frozenset[str]
    types: frozenset[str]
    when: Conditions
    named: str
    parent: str
    nodes: tuple[FieldNode, ...]
    selection: Selection | None = None
    order: Order = ()
    distinct: bool = False  # mutation root fields run once for each time they are written

    def narrowed(self, selection: Selection) -> Field:
        """The same field with a part of its selection."""
        return Field(
            self.name,
            self.key,
            self.arguments,
            self.variables,
            self.types,
            self.when,
            self.named,
            self.parent,
            self.nodes,
            selection,
            self.order,
            self.distinct,
        )

    @property
    def introspects(self) -> bool:
        """`__schema` and `__type` are answered from the API schema, not from subgraphs."""
        return self.name in {"__schema", "__type"}


@dataclass(slots=True, eq=False)
class Selection:
    """The fields asked of a value whose declared type is `type`. Identity is what caches go by."""

    type: str
    fields: tuple[Field, ...]
    parts: dict[object, object] = field(default_factory=dict)

    def only(self, fields: Iterable[Field]) -> Selection:
        """The selection of some of the fields, the same object each time it is asked for the same ones."""
        chosen = tuple(fields)
        if len(chosen) == len(self.fields) and chosen == self.fields:
            return self
        known = self.parts.get(chosen)
        if isinstance(known, Selection):
            return known
        part = Selection(self.type, chosen)
        self.parts[chosen] = part
        return part


def unaliased(selection: Selection) -> Selection:
    """The selection as it is planned: what a client asks for under several keys is fetched once, with all
    that is asked for below any of them.
    """
    groups: dict[object, list[Field]] = {}
    for each in selection.fields:
        distinct = each.key if each.distinct else None
        identity = (each.parent, each.name, each.arguments, each.types, each.when, distinct)
        groups.setdefault(identity, []).append(each)
    return Selection(selection.type, tuple(_one_of(same) for same in groups.values()))


def _one_of(same: list[Field]) -> Field:
    below = [each.selection for each in same if each.selection is not None]
    if not below:
        return same[0]
    together = Selection(below[0].type, tuple(each for one in below for each in one.fields))
    return same[0].narrowed(unaliased(together))
