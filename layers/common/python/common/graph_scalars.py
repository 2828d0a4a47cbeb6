"""The scalars that the subgraphs' schemas share, by name, with their forms on the wire and in Python."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec
from graphql import GraphQLError, ValueNode, value_from_ast_untyped

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """``createdAt`` as Python writes it, ``created_at``."""
    return _HUMP.sub(lambda match: "_" + match[1].lower(), name)


@dataclass(frozen=True)
class Scalar:
    """A custom scalar: how a Python value goes out, and how one comes in."""

    serialize: Callable[[Any], Any]
    parse: Callable[[Any], Any]

    def parse_literal(self, node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        """The value of a literal in the document."""
        return self.parse(value_from_ast_untyped(node, variables))


def _of(kind: type[Any], name: str) -> Callable[[Any], Any]:
    def parse(value: Any) -> Any:
        try:
            return msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            raise GraphQLError(f"{value!r} is no {name}.") from error

    return parse


def _moment(value: Any) -> str:
    if not isinstance(value, datetime):
        raise GraphQLError(f"{value!r} is no DateTime.")
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _aware(value: Any) -> datetime:
    moment: datetime = _of(datetime, "DateTime")(value)
    if moment.tzinfo is None:
        raise GraphQLError(f"{value!r} has no offset from UTC.")
    return moment


def _json(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _same(value: Any) -> Any:
    return value


SCALARS: dict[str, Scalar] = {
    "DateTime": Scalar(_moment, _aware),
    "Date": Scalar(lambda value: value.isoformat(), _of(date, "Date")),
    "Decimal": Scalar(str, _of(Decimal, "Decimal")),
    "UUID": Scalar(str, _of(UUID, "UUID")),
    "Long": Scalar(int, _of(int, "Long")),
    "JSON": Scalar(_json, _same),
    "_Any": Scalar(_same, _same),
}
"""A schema that declares ``scalar DateTime`` gets it as here. A decimal travels as text, so that none is
rounded.
"""
