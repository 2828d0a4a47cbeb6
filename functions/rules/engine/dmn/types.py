"""DMN's types: whether a value conforms to one, and how one is made to (DMN 1.3, 7.3.2 and 10.3.2.9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal, DecimalException
from typing import Any

import msgspec

from rules.engine.dmn.feel import Scope, Vocabulary, parse_unary_tests, satisfies
from rules.engine.dmn.feel.syntax import UnaryTests
from rules.engine.dmn.feel.values import (
    NUMBERS,
    YearsMonths,
    kind_of,
    parse_date,
    parse_date_time,
    parse_duration,
    parse_time,
    spelled,
)
from rules.engine.dmn.model import Cell, InvalidDmn, ItemDefinition
from rules.engine.values import number_text_value

KINDS = {
    "number": "number",
    "string": "string",
    "boolean": "boolean",
    "date": "date",
    "time": "time",
    "date and time": "date and time",
    "dateTime": "date and time",
    "days and time duration": "days and time duration",
    "dayTimeDuration": "days and time duration",
    "years and months duration": "years and months duration",
    "yearMonthDuration": "years and months duration",
    "context": "context",
    "list": "list",
}
"""FEEL's kinds by the names that type references use; DMN 1.1 wrote some differently."""


class Nonconforming(ValueError):
    """A value is not of a type; the message ends a sentence that begins with its name."""


class Type(msgspec.Struct, frozen=True):
    """A resolved type. ``kind`` is empty for any; ``components`` are those of a structure."""

    name: str
    kind: str = ""
    allowed: UnaryTests | None = None
    components: tuple[tuple[str, Type], ...] = ()
    element: Type | None = None
    """Of a collection: the type of its elements."""

    def conformed(self, value: Any) -> Any:
        """The value as one of this type; :class:`Nonconforming` when it is none. Null belongs to every type.

        A list of one stands for its element, and an element for a list of it, where the other is asked for.
        """
        if value is None:
            return None
        if self.element is not None:
            items = value if isinstance(value, list) else [value]
            return self._allow([self.element.conformed(item) for item in items])
        if isinstance(value, list) and len(value) == 1 and self.kind not in ("list", ""):
            value = value[0]
        if self.components:
            return self._allow(self._structure(value))
        if self.kind and kind_of(value) != self.kind:
            raise Nonconforming(f"is a {kind_of(value)}, and {self.name} is a {self.kind}")
        return self._allow(value)

    def _structure(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise Nonconforming(f"is a {kind_of(value)}, and {self.name} is a structure")
        return value | {
            name: component.conformed(value[name]) for name, component in self.components if name in value
        }

    def _allow(self, value: Any) -> Any:
        if self.allowed is not None and satisfies(self.allowed, value, Scope({})) is not True:
            raise Nonconforming(f"is {spelled(value)}, which {self.name} does not allow")
        return value

    def read(self, value: Any) -> Any:
        """A JSON value as the FEEL value of this type that it spells; :class:`Nonconforming` when it
        spells none.
        """
        if self.element is not None:
            items = value if isinstance(value, list) else [value]
            return None if value is None else [self.element.read(item) for item in items]
        if self.components and isinstance(value, dict):
            known = dict(self.components)
            return {name: known.get(name, ANY).read(part) for name, part in value.items()}
        found = feel_value(value)
        if isinstance(found, str) and self.kind in _SPELLED:
            parsed = _SPELLED[self.kind](found)
            if parsed is None:
                raise Nonconforming(f"is {found!r}, which is no {self.kind}")
            return parsed
        return found


ANY = Type("Any")

_SPELLED: dict[str, Any] = {
    "date": parse_date,
    "time": parse_time,
    "date and time": parse_date_time,
    "days and time duration": parse_duration,
    "years and months duration": parse_duration,
}


class Types:
    """The types that a model defines."""

    def __init__(self, items: Iterable[ItemDefinition]) -> None:
        self._items = {item.name: item for item in items}
        self._vocabulary = Vocabulary(self.component_names())
        self._resolved: dict[str, Type] = {}

    def component_names(self) -> Iterator[str]:
        """The names of all components, which paths may use."""
        pending = list(self._items.values())
        while pending:
            item = pending.pop()
            pending.extend(item.components)
            yield from (component.name for component in item.components)

    def named(self, name: str) -> Type:
        """The type that a reference names; :class:`InvalidDmn` when there is none, or when it contains
        itself.
        """
        if name in self._items:
            if name not in self._resolved:
                self._resolved[name] = self._item(self._items[name], (name,))
            return self._resolved[name]
        if name in KINDS:
            return Type(name, KINDS[name])
        if name in ("", "Any"):
            return ANY
        raise InvalidDmn(f"There is no type {name!r} in the model.")

    def _item(self, item: ItemDefinition, within: tuple[str, ...]) -> Type:
        allowed, constraint = self._tests(item.allowed_values), self._tests(item.type_constraint)
        if item.components:
            components = tuple((part.name, self._item(part, within)) for part in item.components)
            single = Type(item.name, "context", allowed, components)
        else:
            base = self._base(item.type_ref, within)
            single = Type(item.name, base.kind, allowed or base.allowed, base.components, base.element)
        if item.is_collection:
            return Type(item.name, "list", constraint, (), single)
        return single if constraint is None else msgspec.structs.replace(single, allowed=constraint)

    def _tests(self, cell: Cell | None) -> UnaryTests | None:
        return parse_unary_tests(cell.text, self._vocabulary) if cell is not None and cell.text else None

    def _base(self, name: str, within: tuple[str, ...]) -> Type:
        if name in within:
            raise InvalidDmn(f"The type {name!r} contains itself.")
        if name in self._items and name not in self._resolved:
            self._resolved[name] = self._item(self._items[name], (*within, name))
        return self.named(name)


def feel_value(value: Any) -> Any:
    """A JSON or Python value as FEEL holds it."""
    match value:
        case bool() | str() | None | date() | time() | timedelta() | YearsMonths():
            return value
        case int() | float() | Decimal():
            return _number(value)
        case list() | tuple():
            return [feel_value(element) for element in value]
        case dict():
            return {str(name): feel_value(element) for name, element in value.items()}
    raise Nonconforming(f"is a {type(value).__name__}, which FEEL does not know")


def _number(value: float | Decimal) -> Decimal:
    try:
        number = NUMBERS.create_decimal(repr(value) if isinstance(value, float) else value)
    except DecimalException as error:
        raise Nonconforming("is a number too large for FEEL") from error
    if not number.is_finite():
        raise Nonconforming("is no finite number")
    return number


def json_value(value: Any) -> Any:
    """A FEEL value as JSON carries it; moments and durations as text."""
    match value:
        case None | bool() | str():
            return value
        case Decimal():
            return number_text_value(value)
        case list():
            return [json_value(element) for element in value]
        case dict():
            return {name: json_value(element) for name, element in value.items()}
        case datetime():
            return spelled(value)
    return spelled(value)
