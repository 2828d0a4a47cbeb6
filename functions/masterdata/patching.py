"""JSON Merge Patch (RFC 7396) over a record's struct: what a patch may hold, and the record it makes."""

from __future__ import annotations

import typing
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from common.errors import Invalid

N = TypeVar("N", bound=msgspec.Struct)


def fields_of(struct: type[msgspec.Struct]) -> tuple[msgspec.structs.FieldInfo, ...]:
    """A struct's fields, found out once: it costs more than all else that is done with a record."""
    return _fields(struct)


_fields = cache(msgspec.structs.fields)


def patch_of(new: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The struct of patches to ``new``: each field may be absent, and null where it has a default."""
    hints = typing.get_type_hints(new, include_extras=True)
    fields = []
    for field in fields_of(new):
        kind = hints[field.name]
        allowed = kind | UnsetType if field.required else kind | None | UnsetType
        fields.append((field.name, allowed, UNSET))
    subject = new.__name__.removeprefix("New")
    return msgspec.defstruct(
        f"{subject}Patch",
        fields,
        namespace={
            "__doc__": f"What changes of one {subject.lower()} (RFC 7396): absent stays, null resets."
        },
        module=new.__module__,
        frozen=True,
        forbid_unknown_fields=True,
        kw_only=True,
    )


def apply(patch: msgspec.Struct, record: N) -> N:
    """The record that the patch makes of ``record``."""
    changes: dict[str, Any] = {}
    for field in fields_of(type(record)):
        wanted = getattr(patch, field.name)
        if wanted is UNSET:
            continue
        if wanted is None:
            changes[field.name] = _default(field)
        elif isinstance(wanted, dict):
            try:
                changes[field.name] = merge(getattr(record, field.name), wanted)
            except RecursionError as error:
                raise Invalid.at(f"/{field.name}", "It nests too deeply.") from error
        else:
            changes[field.name] = wanted
    return msgspec.structs.replace(record, **changes)


def merge(target: Any, patch: Any) -> Any:
    """The algorithm of RFC 7396, section 2, on decoded JSON."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    if field.default is msgspec.NODEFAULT:
        raise Invalid.at(f"/{field.name}", "It is required and cannot be taken away.")
    return field.default
