"""The operations that every entity has, declared once: a module names its entity and gets them as its own.

Each is a Lambda of the entity's module (``masterdata.customers.create``), with its own route, permission,
types and documentation.
"""

from __future__ import annotations

import typing
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import msgspec
from msgspec import Meta

from common.errors import BadRequest
from common.etag import IfMatch
from common.operation import Operation, operation
from common.paging import Page, Paging
from common.request import Request, Response
from common.work import Work
from masterdata import lists
from masterdata.entity import Entity
from masterdata.history import Change
from masterdata.history import history as told_history
from masterdata.records import Records
from masterdata.types import Kept, Moment, New

N = TypeVar("N", bound=New)
P = TypeVar("P", bound=msgspec.Struct)
R = TypeVar("R", bound=Kept)

MERGE_PATCH = ("application/merge-patch+json", "application/json")

AsOf = Annotated[
    Moment | None,
    Meta(description="Read the state at this moment (RFC 3339, with its offset) instead of now."),
]
Query = Annotated[
    str,
    Meta(
        max_length=200,
        description="Search: words, or parts of them, of name, code and contacts, in any order, without "
        "regard to case and accents. Best matches first, unless `sort` says otherwise.",
    ),
]
Filter = Annotated[
    str,
    Meta(
        max_length=2000,
        description="A condition in the grammar of SCIM (RFC 7644, 3.4.2.2): `field op value` with op `eq ne "
        "co sw ew gt ge lt le`, or `field pr`; combined by `and`, `or`, `not (...)`. Values are JSON. "
        '`credit_limit ge 1000 and (currency eq "EUR" or attributes.region eq "north")`',
    ),
]
Sort = Annotated[
    str,
    Meta(
        max_length=200,
        description="Up to three fields, `-` before one for falling order: `name,-created_at`. `code`, "
        "`name`, `created_at` and `updated_at` cost the same on every page.",
    ),
]


@dataclass(frozen=True)
class Operations(Generic[N, R]):
    """The Lambdas of one entity."""

    create: Operation[..., Any]
    list_: Operation[..., Any]
    read: Operation[..., Any]
    replace: Operation[..., Any]
    patch: Operation[..., Any]
    archive: Operation[..., Any]
    restore: Operation[..., Any]
    history: Operation[..., Any]


class Declarer(Generic[N, R]):
    """Declares generic functions as operations of one entity's module."""

    def __init__(self, entity: Entity[N, R], module: str) -> None:
        self._entity = entity
        self._module = module
        # By their names, since a type variable is no value to the type checker.
        self._types: dict[str, Any] = {"N": entity.new, "P": entity.patch, "R": entity.record}

    def __call__(self, route: str, verb: str, **options: Any) -> Callable[[Any], Operation[..., Any]]:
        """``route`` is relative to the entity's path: ``GET /{id}``; ``verb`` is that of its permission."""
        method, _, below = route.partition(" ")
        path = f"{method} /masterdata/{self._entity.many}{below}"
        declare = operation(path, permission=self._entity.permission(verb), **options)
        return lambda function: declare(self._own(function))

    def _own(self, function: Any) -> Any:
        """The function as the module's own, its type variables bound to the entity's structs."""
        hints = typing.get_type_hints(function, include_extras=True)
        function.__annotations__ = {name: self._bound(hint) for name, hint in hints.items()}
        function.__module__ = self._module
        function.__qualname__ = function.__name__
        entity = self._entity
        function.__doc__ = (
            (function.__doc__ or "").replace("{one}", entity.one).replace("{many}", entity.many)
        )
        return function

    def _bound(self, hint: Any) -> Any:
        if isinstance(hint, TypeVar):
            return self._types[hint.__name__]
        variables = getattr(hint, "__parameters__", ())
        return hint[tuple(self._bound(variable) for variable in variables)] if variables else hint


def declare(records: Records[N, R], module: str) -> Operations[N, R]:
    """Declare the operations of an entity as those of ``module``."""
    entity = records.entity
    events = entity.events
    own = Declarer(entity, module)

    @own("POST", "create", status=201, emits=events.created, idempotent=True)
    def create(new: N, work: Work) -> R:
        """Create one of the {many}. Its code is unique in the tenant, archived ones included."""
        return records.create(work, new)

    @own("GET", "read")
    def list_(  # noqa: PLR0917 - injected by name, never called by position
        paging: Paging,
        work: Work,
        q: Query = "",
        filter: Filter = "",  # noqa: A002 - the parameter's name on the wire
        sort: Sort = "",
        archived: bool = False,
        as_of: AsOf = None,
    ) -> Page[R]:
        """List the {many}, by code unless told otherwise; archived ones only if asked for."""
        if as_of is None:
            return lists.listed(records, work, paging, lists.Wanted(q, filter, sort, archived))
        if q or filter or sort:
            raise BadRequest(
                "as_of lists everything in the order of its making: leave q, filter and sort out."
            )
        return lists.listed_as_of(records, work, paging, as_of, archived=archived)

    @own("GET /{id}", "read", answers=(308,) if "merged_into" in entity.told else ())
    def read(id: UUID, work: Work, request: Request, as_of: AsOf = None) -> Response[R]:  # noqa: A002
        """Read one of the {many}, archived or not, as it is or was. Of a merged one: 308 to its survivor."""
        if as_of is not None:
            return Response(records.as_of(work, id, as_of))
        record = records.get(work, id)
        survivor = getattr(record, "merged_into", None)
        if survivor is None:
            return Response(record)
        location = f"{request.base_url}/masterdata/{entity.many}/{survivor}"
        return Response(record, status=308, headers={"Location": location})

    @own("PUT /{id}", "update", emits=events.updated)
    def replace(id: UUID, new: N, expected: IfMatch, work: Work) -> R:  # noqa: A002
        """Replace one of the {many}: what is left out goes back to its default."""
        return records.replace(work, id, expected, new)

    @own("PATCH /{id}", "update", emits=events.updated, media_types=MERGE_PATCH)
    def patch(id: UUID, changes: P, expected: IfMatch, work: Work) -> R:  # noqa: A002
        """Change some fields of one of the {many} by a JSON Merge Patch (RFC 7396); null resets a field."""
        return records.patch(work, id, expected, changes)

    @own("DELETE /{id}", "archive", status=204, emits=events.archived)
    def archive(id: UUID, expected: IfMatch, work: Work) -> None:  # noqa: A002
        """Archive one of the {many}: it leaves the lists, keeps its code and history, and can be restored."""
        records.archive(work, id, expected)

    @own("POST /{id}/restore", "archive", emits=events.restored, answers=(422,))
    def restore(id: UUID, expected: IfMatch, work: Work) -> R:  # noqa: A002
        """Bring one of the archived {many} back."""
        return records.restore(work, id, expected)

    @own("GET /{id}/history", "read")
    def history(id: UUID, paging: Paging, work: Work) -> Page[Change]:  # noqa: A002
        """Who changed what and when in one of the {many}, field by field, the last change first."""
        return told_history(records, work, id, paging)

    return Operations(create, list_, read, replace, patch, archive, restore, history)
