"""FEEL's built-in functions that make lists and contexts of others (DMN 1.3, 10.3.4.4 and 10.3.4.9)."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from rules.engine.dmn.feel.functions import NoValue, function, number_list, whole
from rules.engine.dmn.feel.values import NUMBERS, Function, equal, kind_of

MAX_DISTINCT = 1_000
MAX_SORTED = 10_000


@function("append(list: list, item: ...)")
def _append(items: list[Any]) -> list[Any]:
    return [*items[0], *items[1:]] if items[:1] and isinstance(items[0], list) else items


@function("concatenate(list: ...)")
def _concatenate(lists: list[Any]) -> list[Any]:
    return [item for part in lists for item in (part if isinstance(part, list) else [part])]


@function("union(list: ...)")
def _union(lists: list[Any]) -> list[Any]:
    return distinct(_concatenate(lists))


@function("distinct values(list: list)")
def _distinct_values(items: list[Any]) -> list[Any]:
    return distinct(items)


def distinct(items: list[Any]) -> list[Any]:
    """The elements, each once, in order; :class:`NoValue` for too many."""
    if len(items) > MAX_DISTINCT:
        raise NoValue(f"at most {MAX_DISTINCT} elements are compared with each other")
    found: list[Any] = []
    for item in items:
        if not any(equal(item, other) is True for other in found):
            found.append(item)
    return found


@function("insert before(list: list, position: number, newItem: )")
def _insert_before(items: list[Any], position: Decimal, item: Any) -> list[Any]:
    place = _place(items, position)
    return [*items[:place], item, *items[place:]]


@function("remove(list: list, position: number)")
def _remove(items: list[Any], position: Decimal) -> list[Any]:
    place = _place(items, position)
    return [*items[:place], *items[place + 1 :]]


@function("list replace(list: list, position: number, newItem: )")
def _list_replace(items: list[Any], position: Decimal, item: Any) -> list[Any]:
    place = _place(items, position)
    return [*items[:place], item, *items[place + 1 :]]


@function("list replace(list: list, match: function, newItem: )")
def _list_replace_where(items: list[Any], match: Function, item: Any) -> list[Any]:
    return [item if match.apply([old, item]) is True else old for old in items]


def _place(items: list[Any], position: Decimal) -> int:
    place = whole(position)
    if not 1 <= abs(place) <= len(items):
        raise NoValue("the position is outside the list")
    return place - 1 if place > 0 else len(items) + place


@function("flatten(list: list)")
def _flattened(items: list[Any]) -> list[Any]:
    return flatten(items)


def flatten(items: list[Any]) -> list[Any]:
    """The elements that are no lists, of lists at any depth."""
    flat: list[Any] = []
    for item in items:
        flat.extend(flatten(item) if isinstance(item, list) else [item])
    return flat


@function("mode(list: ...)")
def _mode(items: list[Any]) -> list[Decimal]:
    counts: dict[Decimal, int] = {}
    for number in number_list(items):
        counts[number] = counts.get(number, 0) + 1
    most = max(counts.values(), default=0)
    return sorted(number for number, count in counts.items() if count == most)


@function("stddev(list: ...)")
def _stddev(items: list[Any]) -> Decimal | None:
    numbers = number_list(items)
    if len(numbers) < 2:
        return None
    total = Decimal(0)
    for number in numbers:
        total = NUMBERS.add(total, number)
    mean = NUMBERS.divide(total, Decimal(len(numbers)))
    squares = Decimal(0)
    for number in numbers:
        off = NUMBERS.subtract(number, mean)
        squares = NUMBERS.add(squares, NUMBERS.multiply(off, off))
    return NUMBERS.sqrt(NUMBERS.divide(squares, Decimal(len(numbers) - 1)))


@function("sort(list: list, precedes: function)")
def _sort(items: list[Any], precedes: Function) -> list[Any]:
    if len(items) > MAX_SORTED or len(precedes.parameters) != 2:
        raise NoValue(f"at most {MAX_SORTED} elements are sorted, by a function of two")

    def compared(a: Any, b: Any) -> int:
        if precedes.apply([a, b]) is True:
            return -1
        return 1 if precedes.apply([b, a]) is True else 0

    return sorted(items, key=cmp_to_key(compared))


@function("get value(m: context, key: string)")
def _get_value(context: dict[str, Any], key: str) -> Any:
    return context.get(key)


@function("get entries(m: context)")
def _get_entries(context: dict[str, Any]) -> list[Any]:
    return [{"key": key, "value": value} for key, value in context.items()]


@function("context(entries: list|context)")
def _context(entries: Any) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        if not isinstance(entry, dict) or not {"key", "value"} <= entry.keys():
            raise NoValue("every entry has a key and a value")
        if not isinstance(entry["key"], str) or entry["key"] in made:
            raise NoValue("the keys are strings, each its own")
        made[entry["key"]] = entry["value"]
    return made


@function("context put(context: context, key: string, value: )")
def _context_put(context: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return {**context, key: value}


@function("context put(context: context, keys: list, value: )")
def _context_put_at(context: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any]:
    return put(context, keys, value)


def put(context: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any]:
    """The context with a value at a path of keys; :class:`NoValue` where the path leaves contexts."""
    if not keys or not isinstance(keys[0], str):
        raise NoValue("the keys are strings")
    key, *deeper = keys
    if not deeper:
        return {**context, key: value}
    inner = context.get(key)
    if not isinstance(inner, dict):
        raise NoValue(f"{key!r} is a {kind_of(inner)}, not a context")
    return {**context, key: put(inner, deeper, value)}


@function("context merge(contexts: list|context)")
def _context_merge(contexts: Any) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for context in contexts if isinstance(contexts, list) else [contexts]:
        if not isinstance(context, dict):
            raise NoValue("only contexts are merged")
        merged |= context
    return merged
