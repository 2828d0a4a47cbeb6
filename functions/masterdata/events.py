"""What master data says has happened: the whole record as it is now, its version among it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from common.events import event
from masterdata.types import Kept

R = TypeVar("R", bound=Kept)

HAPPENINGS = {
    "created": "The {one} was created.",
    "updated": "The {one} was changed.",
    "archived": "The {one} was archived.",
    "restored": "The {one} was archived and is restored.",
    "merged": "The {one} was merged into another one, which stands in its place.",
}


@dataclass(frozen=True)
class Lifecycle(Generic[R]):
    """The five events of an entity, ``masterdata.customer.created`` and so on: structs like its record."""

    created: type[R]
    updated: type[R]
    archived: type[R]
    restored: type[R]
    merged: type[R]

    @property
    def every(self) -> tuple[type[R], ...]:
        """All five."""
        return (self.created, self.updated, self.archived, self.restored, self.merged)

    @classmethod
    def of(cls, one: str, record: type[R]) -> Lifecycle[R]:
        """Declare the events of an entity."""
        return cls(**{happened: _declare(one, happened, record) for happened in HAPPENINGS})


def _declare(one: str, happened: str, record: type[Any]) -> Any:
    struct = msgspec.defstruct(
        one.capitalize() + happened.capitalize(),
        [],
        bases=(record,),
        namespace={"__doc__": HAPPENINGS[happened].format(one=one)},
        module=__name__,
        frozen=True,
        kw_only=True,
    )
    return event(f"masterdata.{one}.{happened}")(struct)


def telling(struct: type[R], record: R) -> R:
    """The event that tells a record as it is now."""
    return struct(**{name: getattr(record, name) for name in struct.__struct_fields__})


@event("masterdata.import.completed")
class ImportCompleted(msgspec.Struct, frozen=True):
    """An import has ended: what became of its rows."""

    id: UUID
    entity: str
    status: Literal["completed", "failed"]
    dry_run: bool
    rows: int
    created: int
    updated: int
    unchanged: int
    failed: int
    failure: str | None
