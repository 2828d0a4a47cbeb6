"""What an entity of master data is: one declaration, from which its operations, events and jobs follow."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Numeric, Table
from sqlalchemy.dialects.postgresql import JSONB

from common.errors import Invalid
from common.work import Work
from masterdata.events import Lifecycle
from masterdata.matching.folding import search_text
from masterdata.standards.currencies import CURRENCIES
from masterdata.types import Kept, New

N = TypeVar("N", bound=New)
R = TypeVar("R", bound=Kept)


class Faults:
    """The places of a record that break a rule, collected so that the caller hears of all at once."""

    def __init__(self) -> None:
        self._errors: list[dict[str, str]] = []

    def add(self, pointer: str, detail: str) -> None:
        """Note a fault at a JSON pointer."""
        self._errors.append({"pointer": pointer, "detail": detail})

    def unless(self, holds: bool, pointer: str, detail: str) -> None:
        """Note a fault unless something holds."""
        if not holds:
            self.add(pointer, detail)

    def refuse(self) -> None:
        """Raise 422 if there are any."""
        if self._errors:
            raise Invalid(self._errors[0]["detail"], errors=self._errors)


class Rules(Generic[N, R]):
    """What an entity demands beyond its struct. The base demands only what holds for every one."""

    def check(self, new: N) -> N:
        """The record in canonical form; 422 naming every fault."""
        currency = getattr(new, "currency", None)
        faults = Faults()
        faults.unless(
            currency is None or currency in CURRENCIES, "/currency", f"{currency} is not in ISO 4217."
        )
        faults.refuse()
        return new

    def words(self, new: N) -> Iterable[str]:
        """The texts that the record is found by."""
        return (new.code, new.name)

    def derive(self, new: N) -> dict[str, Any]:
        """The columns that follow from what the caller wrote."""
        return {"search": search_text(self.words(new))}

    def before_write(self, work: Work, before: R | None, new: N) -> None:
        """Refuse a creation (``before`` is None) or a change that the other records forbid."""

    def before_archive(self, work: Work, record: R) -> None:
        """Refuse archiving a record that others need."""

    def before_restore(self, work: Work, record: R) -> None:
        """Refuse bringing back a record that no longer fits."""


@dataclass(frozen=True, eq=False)
class Entity(Generic[N, R]):
    """One kind of record: how it is called, stored, told, and what it must keep."""

    one: str
    """``customer``: in permissions, events and metrics."""
    many: str
    """``customers``: in paths; also the table's name."""
    table: Table
    new: type[N]
    patch: type[msgspec.Struct]
    record: type[R]
    rules: Rules[N, R] = field(default_factory=Rules)
    references: Mapping[str, str] = field(default_factory=dict)
    """In files, a column that names another record by its code: ``{"parent_code": "parent_id"}``."""
    ordered: bool = False
    """Whether a record's rules look at others, so that files are written row after row."""

    @cached_property
    def events(self) -> Lifecycle[R]:
        """What is said of each record."""
        return Lifecycle.of(self.one, self.record)

    @cached_property
    def told(self) -> list[str]:
        """The columns that a record tells, by name."""
        return [name for name in self.record.__struct_fields__ if name in self.table.c]

    @cached_property
    def searchable(self) -> Mapping[str, ColumnElement[Any]]:
        """What a filter may name."""
        return {n: self.table.c[n] for n in self.told if not isinstance(self.table.c[n].type, JSONB)}

    @cached_property
    def sortable(self) -> list[str]:
        """What an order may name."""
        return [name for name in self.searchable if name not in ("archived_at", "postable", "posted")]

    @cached_property
    def lists(self) -> frozenset[str]:
        """The fields that hold lists."""
        hints = typing.get_type_hints(self.record)
        return frozenset(name for name, hint in hints.items() if typing.get_origin(hint) is list)

    @cached_property
    def amounts(self) -> frozenset[str]:
        """The fields that hold amounts of money."""
        return frozenset(name for name in self.told if isinstance(self.table.c[name].type, Numeric))

    @cached_property
    def from_json(self) -> msgspec.json.Decoder[R]:
        """Reads a record from the JSON that the database tells it in."""
        return msgspec.json.Decoder(self.record)

    def permission(self, verb: str) -> str:
        """``masterdata.customer.read``"""
        return f"masterdata.{self.one}.{verb}"

    def stream(self, identifier: Any) -> str:
        """The stream of a record's events."""
        return f"{self.one}:{identifier}"

    def as_written(self, record: R) -> N:
        """A record as its caller would write it."""
        values = {name: _written(getattr(record, name)) for name in self.new.__struct_fields__}
        return self.new(**values)


def _written(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value
