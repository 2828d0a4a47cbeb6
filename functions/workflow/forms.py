"""A task's form: the part of JSON Schema (2020-12) that forms are made of.

Validated are ``type enum const``, ``properties required additionalProperties minProperties maxProperties``,
``items minItems maxItems uniqueItems``, ``minLength maxLength pattern format`` (date, date-time, email,
uuid), ``minimum maximum exclusiveMinimum exclusiveMaximum multipleOf`` and ``allOf anyOf oneOf not``.
Annotations are read over, as the standard has it of unknown keywords; what refers elsewhere (``$ref`` and the
like) is refused when the definition is added, as is a keyword with a value that it cannot have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

Found = Iterator[tuple[str, str]]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
}
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_MAX_DEPTH = 50


def check(schema: Any, value: Any) -> list[tuple[str, str]]:
    """Where ``value`` breaks the schema (JSON pointers) and how; nothing if it fits."""
    return list(_check(schema, value, "", 0))


_SCHEMAS = ("items", "additionalProperties", "not")
_LISTS = ("allOf", "anyOf", "oneOf")
_COUNTS = ("minProperties", "maxProperties", "minItems", "maxItems", "minLength", "maxLength")
_BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
_ELSEWHERE = ("$ref", "$dynamicRef", "if", "patternProperties", "prefixItems", "contains", "dependentSchemas")


def faults(schema: Any, at: str = "", depth: int = 0) -> Found:
    """What is wrong with a schema: places (JSON pointers) and why."""
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        yield at, "is no schema"
        return
    for name, value in schema.items():
        if reason := _fault(name, value):
            yield f"{at}/{name}", reason
    inner = [(f"{at}/{name}", schema[name]) for name in _SCHEMAS if name in schema]
    if isinstance(schema.get("properties"), dict):
        inner += [(f"{at}/properties/{name}", one) for name, one in schema["properties"].items()]
    for name in _LISTS:
        if isinstance(schema.get(name), list):
            inner += [(f"{at}/{name}/{place}", one) for place, one in enumerate(schema[name])]
    for place, one in inner:
        yield from faults(one, place, depth + 1)


def _fault(name: str, value: Any) -> str:
    if name in _ELSEWHERE:
        return "is not supported in forms"
    if name in _COUNTS and (type(value) is not int or value < 0):
        return "is not a number of things"
    if name in _BOUNDS and not _is_number(value):
        return "is not a number"
    if name == "multipleOf" and not (_is_number(value) and value > 0):
        return "is not a number above zero"
    if name in (*_LISTS, "enum", "required") and not isinstance(value, list):
        return "is not a list"
    if name == "properties" and not isinstance(value, dict):
        return "is not an object"
    if name == "type" and not (
        isinstance(value, str) or (isinstance(value, list) and all(map(_text, value)))
    ):
        return "is not the name of a type, or a list of them"
    if name == "pattern" and not _is_pattern(value):
        return "is not a regular expression (RE2)"
    return ""


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _is_pattern(value: Any) -> bool:
    import re2

    try:
        return isinstance(value, str) and bool(_pattern(value))
    except re2.error:
        return False


def _check(schema: Any, value: Any, at: str, depth: int) -> Found:
    if schema is True or schema == {}:
        return
    if schema is False or depth > _MAX_DEPTH:
        yield at, "Nothing may stand here."
        return
    if "type" in schema and not _is_any(value, schema["type"]):
        wanted = schema["type"]
        yield at, f"It has to be {wanted if isinstance(wanted, str) else ' or '.join(wanted)}."
        return
    if "const" in schema and not _same(value, schema["const"]):
        yield at, f"It has to be {schema['const']!r}."
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield at, f"It has to be one of {', '.join(map(repr, schema['enum']))}."
    if isinstance(value, dict):
        yield from _object(schema, value, at, depth)
    elif isinstance(value, list):
        yield from _array(schema, value, at, depth)
    elif isinstance(value, str):
        yield from _string(schema, value, at)
    elif _is_number(value):
        yield from _number(schema, value, at)
    yield from _combined(schema, value, at, depth)


def _is_any(value: Any, wanted: Any) -> bool:
    return any(_is(value, one) for one in ([wanted] if isinstance(wanted, str) else wanted))


def _is(value: Any, name: str) -> bool:
    if name == "number":
        return _is_number(value)
    if name == "integer":
        return _is_number(value) and value == int(value)
    return isinstance(value, _TYPES.get(name, ()))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _same(one: Any, other: Any) -> bool:
    """JSON's equality: true is not 1."""
    if isinstance(one, bool) != isinstance(other, bool):
        return False
    return bool(one == other)


def _object(schema: dict[str, Any], value: dict[str, Any], at: str, depth: int) -> Found:
    properties = schema.get("properties", {})
    for name in schema.get("required", []):
        if name not in value:
            yield f"{at}/{_escaped(name)}", "It is required."
    if len(value) < schema.get("minProperties", 0):
        yield at, f"It has to have {schema['minProperties']} members or more."
    if len(value) > schema.get("maxProperties", len(value)):
        yield at, f"It may have {schema['maxProperties']} members."
    for name, member in value.items():
        place = f"{at}/{_escaped(name)}"
        if name in properties:
            yield from _check(properties[name], member, place, depth + 1)
        elif schema.get("additionalProperties") is False:
            yield place, "The form has no such field."
        elif "additionalProperties" in schema:
            yield from _check(schema["additionalProperties"], member, place, depth + 1)


def _array(schema: dict[str, Any], value: list[Any], at: str, depth: int) -> Found:
    if len(value) < schema.get("minItems", 0):
        yield at, f"It has to have {schema['minItems']} items or more."
    if len(value) > schema.get("maxItems", len(value)):
        yield at, f"It may have {schema['maxItems']} items."
    if schema.get("uniqueItems") and any(
        _same(one, other) for place, one in enumerate(value) for other in value[:place]
    ):
        yield at, "Its items have to differ."
    if "items" in schema:
        for place, item in enumerate(value):
            yield from _check(schema["items"], item, f"{at}/{place}", depth + 1)


def _string(schema: dict[str, Any], value: str, at: str) -> Found:
    if len(value) < schema.get("minLength", 0):
        yield at, f"It has to have {schema['minLength']} characters or more."
    if len(value) > schema.get("maxLength", len(value)):
        yield at, f"It may have {schema['maxLength']} characters."
    if "pattern" in schema and not _pattern(schema["pattern"]).search(value):
        yield at, f"It has to match {schema['pattern']!r}."
    if "format" in schema and not _formatted(schema["format"], value):
        yield at, f"It has to be a {schema['format']}."


@lru_cache(maxsize=256)
def _pattern(source: str) -> Any:
    """Without backtracking: a form's author cannot hang the service."""
    import re2

    return re2.compile(source)


def _formatted(name: str, value: str) -> bool:
    try:
        match name:
            case "date":
                date.fromisoformat(value)
            case "date-time":
                return datetime.fromisoformat(value).tzinfo is not None
            case "uuid":
                UUID(value)
            case "email":
                return _EMAIL.fullmatch(value) is not None
            case _:
                return True
    except ValueError:
        return False
    return True


def _number(schema: dict[str, Any], value: float, at: str) -> Found:
    if "minimum" in schema and value < schema["minimum"]:
        yield at, f"It has to be {schema['minimum']} or more."
    if "maximum" in schema and value > schema["maximum"]:
        yield at, f"It may be {schema['maximum']} at most."
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        yield at, f"It has to be more than {schema['exclusiveMinimum']}."
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        yield at, f"It has to be less than {schema['exclusiveMaximum']}."
    if "multipleOf" in schema and Decimal(str(value)) % Decimal(str(schema["multipleOf"])):
        yield at, f"It has to be a multiple of {schema['multipleOf']}."


def _combined(schema: dict[str, Any], value: Any, at: str, depth: int) -> Found:
    for part in schema.get("allOf", []):
        yield from _check(part, value, at, depth + 1)
    if "anyOf" in schema and not _fitting(schema["anyOf"], value, depth):
        yield at, "It fits none of the alternatives."
    if "oneOf" in schema and _fitting(schema["oneOf"], value, depth) != 1:
        yield at, "It has to fit exactly one of the alternatives."
    if "not" in schema and not list(_check(schema["not"], value, at, depth + 1)):
        yield at, "It may not be like this."


def _fitting(schemas: list[Any], value: Any, depth: int) -> int:
    return sum(not list(_check(one, value, "", depth + 1)) for one in schemas)


def _escaped(name: str) -> str:
    """A member's name in a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
