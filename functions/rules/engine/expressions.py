"""The facts of a rule set as CEL declares variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rules.engine.model import Fact, Kind

if TYPE_CHECKING:
    from common.cel.types import CelType


def declarations(schema: Mapping[str, Fact]) -> dict[str, CelType]:
    """The schema as CEL's types: dotted paths become objects with known members; only words are names in
    CEL.
    """
    from common.cel import types

    kinds: dict[Kind, CelType] = {
        "string": types.STRING,
        "integer": types.INT,
        "number": types.DOUBLE,
        "boolean": types.BOOL,
        "date": types.TIMESTAMP,
        "timestamp": types.TIMESTAMP,
        "duration": types.DURATION,
        "list": types.LIST,
        "object": types.MAP,
    }
    tree: dict[str, Any] = {}
    for name, fact in schema.items():
        if not all(part.isascii() and part.isidentifier() for part in name.split(".")):
            continue
        node = tree
        *parents, last = name.split(".")
        for parent in parents:
            node = node.setdefault(parent, {})
        listed = fact.type == "list" and fact.items is not None and fact.items != "number"
        node[last] = types.list_of(kinds[fact.items]) if listed and fact.items else kinds[fact.type]

    def declared(node: Any) -> CelType:
        if not isinstance(node, dict):
            return node  # type: ignore[no-any-return]  # a leaf of the tree is a type
        return types.object_of({name: declared(member) for name, member in node.items()})

    return {name: declared(node) for name, node in tree.items()}
