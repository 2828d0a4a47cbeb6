"""The fields that a rule set's rules read, and how they are taken out of the facts in one pass.

What is taken is a flat list, one place (slot) for each field, None for a fact that is missing or null; after
the fields come the moment, the facts as given and the bindings that expressions see, which are made when
first needed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from rules.engine.faults import InvalidFacts
from rules.engine.limits import LIMITS, Limits
from rules.engine.model import Fact, Kind
from rules.engine.values import (
    Unreadable,
    as_float_rank,
    floats_suffice,
    number_text_value,
    read_fact,
    read_value,
)

if TYPE_CHECKING:
    from common.cel import CelType, Program

_PLAIN: dict[Kind, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int}),
    "boolean": frozenset({bool}),
    "date": frozenset({date}),
    "timestamp": frozenset(),
    "duration": frozenset({timedelta}),
    "list": frozenset(),
    "object": frozenset({dict}),
}
"""Classes whose values are taken as they are; all others are read."""

MOMENT, FACTS, BINDINGS = -3, -2, -1
"""Where a taken list holds the moment, the facts as given and the variables of expressions."""


class Field:
    """One field: its declaration, its path, and how its facts are read."""

    def __init__(self, name: str, fact: Fact, limits: Limits = LIMITS) -> None:
        self.name = name
        self.fact = fact
        self.path = tuple(name.split("."))
        self.limits = limits
        self.floats = True
        """Whether literals and facts compare as plain floats; settled by :meth:`settle`."""
        self.allowed = (
            None if fact.values is None else frozenset(read_value(fact.type, v) for v in fact.values)
        )
        self.minimum = None if fact.minimum is None else read_value(fact.type, fact.minimum)
        self.maximum = None if fact.maximum is None else read_value(fact.type, fact.maximum)
        bounded = self.allowed is not None or self.minimum is not None or self.maximum is not None
        self.plain = frozenset() if bounded else _PLAIN[fact.type]

    def settle(self, literals: list[Any]) -> None:
        """Choose how numbers compare, given every literal that the rules hold against this field."""
        if self.fact.type in ("number", "integer"):
            self.floats = floats_suffice(literals)

    def plain_classes(self) -> frozenset[type]:
        """Classes whose values need not be read to be compared; a float must still be finite."""
        return (
            self.plain | {float} if self.floats and self.plain and self.fact.type == "number" else self.plain
        )

    def bound(self, literal: Any) -> Any:
        """A literal in the form that :meth:`comparable` facts compare with."""
        if self.floats and isinstance(literal, Decimal):
            return float(literal)
        return literal

    def raw(self, facts: Mapping[str, Any]) -> Any:
        """The fact as given, None when it or an object on its path is missing."""
        value: Any = facts
        for name in self.path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(name)
        return value

    def exact(self, value: Any) -> Any:
        """A fact read by its declaration, numbers as int or Decimal; :class:`InvalidFacts` when it does not
        fit.
        """
        if value.__class__ in self.plain:
            return value
        if value is None:
            if self.fact.required:
                raise InvalidFacts(self.name, "is required.")
            return None
        if isinstance(value, list | tuple) and len(value) > self.limits.fact_items:
            raise InvalidFacts(
                self.name, f"has {len(value)} elements; at most {self.limits.fact_items} are read."
            )
        try:
            read = read_fact(self.fact, value)
        except Unreadable as error:
            raise InvalidFacts(self.name, f"{error}.") from error
        if self.allowed is not None and read not in self.allowed:
            raise InvalidFacts(self.name, "is none of the values that the rule set declares.")
        if self.minimum is not None and read < self.minimum:
            raise InvalidFacts(self.name, f"is below the declared minimum {self.fact.minimum}.")
        if self.maximum is not None and read > self.maximum:
            raise InvalidFacts(self.name, f"is above the declared maximum {self.fact.maximum}.")
        return read

    def comparable(self, value: Any) -> Any:
        """As :meth:`exact`, with numbers in the form that the index compares."""
        read = self.exact(value)
        if self.floats and isinstance(read, Decimal):
            return as_float_rank(read)
        return read


class Fields:
    """The slots of one rule set."""

    def __init__(self, schema: Mapping[str, Fact], limits: Limits = LIMITS) -> None:
        self.schema = schema
        self.limits = limits
        self.fields: list[Field] = []
        self.slots: dict[str, int] = {}
        self._referred: set[str] = set()
        self._declared: Mapping[str, CelType] | None = None
        self._below: dict[str, list[str]] = {}
        """The declared fields below each object."""
        for name in schema:
            for path in parents(name):
                self._below.setdefault(path, []).append(name)

    def slot(self, name: str) -> int:
        """The slot of a declared field, given out on first use."""
        if name not in self.slots:
            self.slots[name] = len(self.fields)
            self.fields.append(Field(name, self.schema[name], self.limits))
        return self.slots[name]

    def refer(self, reference: str) -> None:
        """Note that an expression reads a path: every declared field on it, above it or below it gets a
        slot.
        """
        above = [path for path in (*parents(reference), reference) if path in self.schema]
        for name in (*above, *self._below.get(reference, ())):
            self.slot(name)
            self._referred.add(name)

    def compile(self, source: str) -> Program:
        """An expression over the fields; ``common.cel.CelError`` says what is wrong with it."""
        from common import cel
        from rules.engine.expressions import declarations

        if self._declared is None:
            self._declared = declarations(self.schema)
        return cel.compile(source, declarations=self._declared)

    def binder(self) -> Binder:
        """What makes the variables of the expressions noted so far."""
        return Binder(field for field in self.fields if field.name in self._referred)

    def take_exactly(self, facts: Mapping[str, Any], moment: datetime | None) -> list[Any]:
        """Every field by its declaration; what the interpreter compares."""
        values = [field.exact(field.raw(facts)) for field in self.fields]
        values += (moment, facts, None)
        return values

    def taker(self) -> Callable[[Mapping[str, Any], datetime | None], list[Any]]:
        """The fast way to take the fields, in the form that the index compares.

        It is written out field by field, as a dataclass's methods are: a loop would take twice as long. The
        source holds the fields' numbers only; their names come in as values.
        """
        known: dict[str, Any] = {}
        lines = ["def take(facts, moment):", " get = facts.get"]
        for slot, field in enumerate(self.fields):
            plain = field.plain_classes()
            is_flat = len(field.path) == 1
            known |= {f"get{slot}": field.raw, f"name{slot}": field.name}
            known |= {f"plain{slot}": plain, f"read{slot}": field.comparable}
            lines.append(f" v{slot} = get(name{slot})" if is_flat else f" v{slot} = get{slot}(facts)")
            lines.append(f" if v{slot}.__class__ not in plain{slot}: v{slot} = read{slot}(v{slot})")
            if float in plain:  # an infinite one, or one that is no number, is refused
                lines.append(
                    f" elif v{slot}.__class__ is float and v{slot} - v{slot} != 0.0: read{slot}(v{slot})"
                )
        lines.append(
            f" return [{''.join(f'v{slot}, ' for slot in range(len(self.fields)))}moment, facts, None]"
        )
        exec("\n".join(lines), known)  # noqa: S102  # numbers and fixed words only, see above
        taken: Callable[[Mapping[str, Any], datetime | None], list[Any]] = known["take"]
        return taken


def overlaps(path: str, other: str) -> bool:
    """Whether two dotted paths are one, or one lies on the other."""
    return path == other or other.startswith(f"{path}.") or path.startswith(f"{other}.")


def parents(path: str) -> Iterator[str]:
    """The paths that a dotted path lies on, the longest last: of ``a.b.c`` they are ``a`` and ``a.b``."""
    end = path.find(".")
    while end > 0:
        yield path[:end]
        end = path.find(".", end + 1)


class Admission:
    """What facts a schema takes: those that it declares, as it declares them, whether or not a rule asks."""

    def __init__(self, schema: Mapping[str, Fact], limits: Limits = LIMITS) -> None:
        self._fields = [Field(name, fact, limits) for name, fact in schema.items()]
        self._members: dict[str, Any] = {}
        """The declared names, those of an object's members below it; None for what has no members."""
        for field in self._fields:
            node = self._members
            *parents, last = field.path
            for parent in parents:
                node = node.setdefault(parent, {})
            node[last] = None

    def check(self, facts: Mapping[str, Any], *, ignore_unknown: bool = False) -> None:
        """Refuse facts that are unknown, unless these are ignored, or do not fit (:class:`InvalidFacts`)."""
        if not ignore_unknown:
            _refuse_unknown(self._members, facts, "")
        for field in self._fields:
            field.exact(field.raw(facts))


def _refuse_unknown(known: dict[str, Any], facts: Mapping[str, Any], prefix: str) -> None:
    for name, value in facts.items():
        path = f"{prefix}{name}"
        if name not in known:
            raise InvalidFacts(path, "is unknown to the rule set; declare it or leave it out.")
        members = known[name]
        if members is not None and value is not None:
            if not isinstance(value, Mapping):
                raise InvalidFacts(path, "must be an object.")
            _refuse_unknown(members, value, f"{path}.")


class Binder:
    """Makes the variables that expressions see: the fields they refer to, read by their declarations.

    A missing fact is left out: an expression that needs it is neither true nor false. A date is its midnight
    in UTC, for CEL has no dates.
    """

    def __init__(self, fields: Iterable[Field]) -> None:
        self._fields = tuple(fields)

    def bind(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """The variables for one evaluation."""
        bound: dict[str, Any] = {}
        for field in self._fields:
            value = _for_expression(field.fact.type, field.exact(field.raw(facts)))
            node = bound
            *parents, last = field.path
            for parent in parents:
                node = node.setdefault(parent, {})
            if value is not None:
                node[last] = value
        return bound


def _for_expression(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "number":
        try:
            return float(value)
        except OverflowError:  # an int beyond all doubles compares as what lies beyond them
            return math.inf if value > 0 else -math.inf
    if kind == "date":
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if kind == "list":
        return [number_text_value(element) if isinstance(element, Decimal) else element for element in value]
    return value
