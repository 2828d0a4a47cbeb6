"""Columns of a CSV file as places in a record: ``contacts.0.email``, ``addresses.1.lines.0``.

The same names are written by an export and read by an import. A cell that begins like a formula is written
with an apostrophe before it, lest a spreadsheet runs it, and read without.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

MAX_INDEX = 49
"""The last index of a list in a column's name."""

_INDEX = re.compile(r"\d{1,2}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_DECIMAL_COMMA = re.compile(r"\d{1,3}(?:[.\u00a0\u202f ]\d{3})*(?:,\d+)?|\d+(?:,\d+)?")


def is_place(name: str, fields: Collection[str]) -> bool:
    """Whether a column's name begins with one of the record's fields."""
    head, *path = name.split(".")
    return head in fields and all(path) and not any(p.isdigit() and int(p) > MAX_INDEX for p in path)


def record_of(header: Sequence[str], cells: Sequence[str], lists: Collection[str]) -> dict[str, Any]:
    """The merge patch (RFC 7396) that a row of cells means; an empty cell resets its field.

    ``lists`` are the fields that hold lists: a row says all of a list's items.
    """
    found: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=False):
        path = _path(name)
        text = cell.strip()
        if text.startswith("'") and text[1:2] in _FORMULA:
            text = text[1:]
        if path[0] not in lists:
            _put(found, path, text or None)
        elif len(path) > 1:
            found.setdefault(path[0], {})
            if text:
                _put(found, path, text)
        else:
            found[path[0]] = None
    return {name: _listed(value) if name in lists else value for name, value in found.items()}


def without_decimal_comma(text: str) -> str:
    """``1.234,56`` as ``1234.56``; what is no such number stays as it is."""
    if not _DECIMAL_COMMA.fullmatch(text) or ("," not in text and text.count(".") == 1):
        return text
    whole, _, decimals = text.partition(",")
    whole = re.sub(r"\D", "", whole)
    return f"{whole}.{decimals}" if decimals else whole


def cells_of(record: Mapping[str, Any], lists: Collection[str]) -> dict[str, str]:
    """The cells of a record, by the names of their columns."""
    found: dict[str, str] = {}
    for name, value in record.items():
        if name in lists:
            for place, item in enumerate(value):
                _flatten(found, f"{name}.{place}", item)
        elif name == "attributes":
            for key, attribute in value.items():
                if "." not in key:
                    found[f"{name}.{key}"] = _text(attribute)
        else:
            found[name] = _text(value)
    return found


@lru_cache(maxsize=1024)
def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _put(target: dict[str, Any], path: Sequence[str], value: str | None) -> None:
    for step in path[:-1]:
        inner = target.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        target = inner
    target[path[-1]] = value


def _listed(value: Any) -> Any:
    """An object whose members are indexes is a list; the gaps between them close."""
    if not isinstance(value, dict):
        return value
    if all(map(_INDEX.fullmatch, value)):
        return [_listed(value[name]) for name in sorted(value, key=int)]
    return {name: _listed(inner) for name, inner in value.items()}


def _flatten(found: dict[str, str], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _flatten(found, f"{name}.{key}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _flatten(found, f"{name}.{place}", inner)
    else:
        found[name] = _text(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return f"'{text}" if text.startswith(_FORMULA) else text
