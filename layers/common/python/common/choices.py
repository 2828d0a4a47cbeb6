"""What could have stood where a value is none of a few allowed ones: the decoder does not say."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import inspect

SHOWN = 30
"""More than so many are no help to a reader."""


def at(kind: Any, path: Sequence[str]) -> list[Any]:
    """The values that an enumeration of ``kind`` allows at a path of member names, indices and ``...``."""
    types = [inspect.type_info(kind)]
    for step in path:
        types = [inner for outer in types for inner in _within(outer, step)]
    found = [value for each in types for value in _values(each)]
    return found if len(found) <= SHOWN else []


def _within(kind: inspect.Type, step: str) -> Iterator[inspect.Type]:
    match kind:
        case inspect.StructType(fields=fields):
            yield from (field.type for field in fields if field.encode_name == step)
        case inspect.DictType(value_type=inner) | inspect.ListType(item_type=inner):
            yield inner
        case inspect.VarTupleType(item_type=inner) | inspect.SetType(item_type=inner):
            yield inner
        case inspect.UnionType(types=several):
            for each in several:
                yield from _within(each, step)
        case inspect.Metadata(type=inner):
            yield from _within(inner, step)


def _values(kind: inspect.Type) -> Iterator[Any]:
    match kind:
        case inspect.EnumType(cls=enumeration):
            yield from (member.value for member in enumeration)
        case inspect.LiteralType(values=values):
            yield from values
        case inspect.UnionType(types=several):
            for each in several:
                yield from _values(each)
        case inspect.Metadata(type=inner):
            yield from _values(inner)
