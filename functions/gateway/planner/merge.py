"""Puts the subgraphs' answers together in one response."""

from __future__ import annotations

from typing import Any

Renames = dict[str, Any]


def merge(target: dict[str, Any], source: dict[str, Any]) -> None:
    """Merge an answer into the response. What one subgraph left null another may fill; lists of one field
    have the same items in the same order in every subgraph that resolves it.
    """
    for key, value in source.items():
        known = target.get(key)
        if known is None:
            target[key] = value
        elif type(value) is dict and type(known) is dict:
            if known is not value:
                merge(known, value)
        elif type(value) is list and type(known) is list:
            _merge_lists(known, value)
        elif value is not None:
            target[key] = value


def _merge_lists(target: list[Any], source: list[Any]) -> None:
    if target is source or len(target) != len(source):
        return
    for index, value in enumerate(source):
        known = target[index]
        if known is None:
            target[index] = value
        elif type(value) is dict and type(known) is dict:
            if known is not value:
                merge(known, value)
        elif type(value) is list and type(known) is list:
            _merge_lists(known, value)


def rename(value: Any, renames: Renames) -> Any:
    """Put aliased fields under the entries they belong to."""
    if type(value) is list:
        return [rename(item, renames) for item in value]
    if type(value) is not dict:
        return value
    renamed: dict[str, Any] = {}
    for key, inner in value.items():
        rule = renames.get(key)
        if rule is None:
            merge(renamed, {key: inner})
            continue
        store, below = rule
        merge(renamed, {store: rename(inner, below) if below else inner})
    return renamed
