"""What a plan is made of: fetches, the selections they ask for, and the representations they send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.planner.selection import ALWAYS, NO_TYPES, TYPENAME, Conditions, Field, Selection
from gateway.planner.sites import Site


class Step(NamedTuple):
    """One step of a path into the response: the key, the object types of the parent for which it is taken
    (None: all), and how many lists deep its value is.
    """

    key: str
    types: frozenset[str] | None
    lists: int


Path = tuple[Step, ...]


class Stores:
    """Names the entries of the response while it is being put together: one for each field and its arguments.

    What clients call a field does not matter until the response is projected, so aliases cannot collide and
    equal fields are fetched once.
    """

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._names: dict[tuple[str, str, str], str] = {}
        self._used: set[str] = set()

    def of(self, wanted: Field) -> str:
        """The entry of a field."""
        identity = (wanted.name, wanted.arguments, wanted.key if wanted.distinct else "")
        known = self._names.get(identity)
        if known is None:
            known = self._names[identity] = self._new(wanted.name)
        return known

    def _new(self, name: str) -> str:
        candidate, number = name, 0
        while candidate in self._used or (number and candidate in self._taken):
            number += 1
            candidate = f"{name}__{number}"
        self._used.add(candidate)
        return candidate


@dataclass(slots=True, eq=False)
class Leaf:
    """A field within a fetch's selection. `alias` differs from `store` where types would conflict in one
    response.
    """

    name: str
    arguments: str
    variables: frozenset[str]
    store: str
    when: Conditions
    alias: str
    child: Part | None = None


@dataclass(slots=True, eq=False)
class Part:
    """The fields asked of one type within a fetch, and the type conditions below it."""

    type: str
    opaque: bool = False
    fields: dict[tuple[str, Conditions], Leaf] = field(default_factory=dict)
    branches: dict[str, Part] = field(default_factory=dict)

    def branch(self, type_name: str) -> Part:
        """The part under a type condition."""
        if type_name == self.type:
            return self
        known = self.branches.get(type_name)
        if known is None:
            known = self.branches[type_name] = Part(type_name)
        return known

    def add(self, wanted: Field, store: str, child: Part | None) -> Leaf:
        """Ask for a field; asking again returns the same leaf."""
        key = (store, wanted.when)
        leaf = self.fields.get(key)
        if leaf is None:
            leaf = Leaf(wanted.name, wanted.arguments, wanted.variables, store, wanted.when, store)
            self.fields[key] = leaf
        leaf.child = leaf.child or child
        return leaf

    def add_typename(self) -> None:
        """Ask which object type this is."""
        key = (TYPENAME, ALWAYS)
        if key not in self.fields:
            self.fields[key] = Leaf(TYPENAME, "", NO_TYPES, TYPENAME, ALWAYS, TYPENAME)

    def group(self) -> Iterator[Part]:
        """This part and every part below its type conditions: what may meet in one response object."""
        yield self
        for branch in self.branches.values():
            yield from branch.group()


@dataclass(slots=True, eq=False)
class Template:
    """A field of a representation: where its value is found in the response, and what is sent of it."""

    name: str
    store: str
    types: frozenset[str] | None
    fields: dict[tuple[str, frozenset[str] | None], Template] = field(default_factory=dict)
    composite: bool = False


@dataclass(slots=True, eq=False)
class Representation:
    """What a fetch sends for objects of one type: the `__typename` it says, the key and the required
    fields.
    """

    typename: str
    keys: set[str]
    fields: dict[tuple[str, frozenset[str] | None], Template] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Fetch:
    """One selection asked of one subgraph: at the root, or of the entities found at a path. `when` has the
    conditions of which one must hold for the fetch to be needed.
    """

    number: int
    graph: str
    path: Path
    part: Part
    root: str | None  # the operation kind, for fetches that start at a root type
    stage: int
    representations: dict[str | None, Representation] = field(default_factory=dict)
    after: set[Fetch] = field(default_factory=set)
    when: set[Conditions] = field(default_factory=set)
    guard: Conditions = ALWAYS
    waits: bool = False  # for what `@requires` names
    level: int = 0

    def activate(self, when: Conditions) -> None:
        """The fetch is needed under these conditions, and with it those it follows. Needed without
        conditions, it is always needed.
        """
        if ALWAYS in self.when or when in self.when:
            return
        if when:
            self.when.add(when)
        else:
            self.when = {ALWAYS}
        for each in self.after:
            each.activate(when)

    def follow(self, others: Iterable[Fetch]) -> None:
        """The fetch needs what the others fetch."""
        for each in others:
            if each not in self.after:
                self.after.add(each)
                for when in self.when:
                    each.activate(when)

    def admits(self, when: Conditions, requires: bool) -> bool:
        """Whether the fetch may be shared with fields under these conditions. What `@requires` names is
        fetched only under the conditions of the field that requires it (`guard`), so there they must be
        the same.
        """
        if self.guard:
            return when == self.guard
        return not (requires and when) or self.when == {when}

    def follows(self, other: Fetch) -> bool:
        """Whether this fetch needs, directly or not, what the other fetches."""
        return any(each is other or each.follows(other) for each in self.after)


def add_templates(
    fields: dict[tuple[str, frozenset[str] | None], Template],
    selection: Selection,
    everything: frozenset[str],
    stores: Stores,
    possible: dict[str, frozenset[str]],
) -> None:
    """Send the fields of a key or of `@requires` along."""
    for wanted in selection.fields:
        types = None if wanted.types >= everything else wanted.types
        key = (wanted.name, types)
        template = fields.get(key)
        if template is None:
            template = fields[key] = Template(wanted.name, stores.of(wanted), types)
        if wanted.selection is not None:
            template.composite = True
            inner = possible.get(wanted.selection.type, NO_TYPES)
            add_templates(template.fields, wanted.selection, inner, stores, possible)


def conflicts(
    fields: dict[tuple[str, frozenset[str] | None], Template], selection: Selection, stores: Stores
) -> bool:
    """Whether the selection would send another value under a name that is sent already: the same field
    with other arguments.
    """
    for wanted in selection.fields:
        for template in fields.values():
            if template.name != wanted.name:
                continue
            if template.store != stores.of(wanted):
                return True
            if wanted.selection is not None and conflicts(template.fields, wanted.selection, stores):
                return True
    return False


Entry = tuple[Fetch, Part]
Reached = dict[Site, Entry]
