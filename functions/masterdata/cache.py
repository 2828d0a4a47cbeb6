"""Single records kept by the container, each good only at the version that the database confirms."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar
from uuid import UUID

from masterdata.types import Kept

R = TypeVar("R", bound=Kept)

CAPACITY = 1000
"""Records held at most."""
MAX_SIZE = 16_384
"""Characters of a record's JSON beyond which it is not held."""


class RecordCache(Generic[R]):
    """The records last read, by tenant and id; the longest unread one leaves first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._held: OrderedDict[tuple[UUID, UUID], R] = OrderedDict()
        self._capacity = capacity

    def get(self, tenant: UUID, identifier: UUID) -> R | None:
        """The record as it was when last read."""
        record = self._held.get((tenant, identifier))
        if record is not None:
            self._held.move_to_end((tenant, identifier))
        return record

    def put(self, tenant: UUID, record: R, size: int) -> None:
        """Hold a record whose JSON has ``size`` characters."""
        if size > MAX_SIZE:
            self._held.pop((tenant, record.id), None)
            return
        self._held[tenant, record.id] = record
        self._held.move_to_end((tenant, record.id))
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)
