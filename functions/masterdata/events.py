"""What master data says has happened: the whole record as it is now, and its version."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

import msgspec

from common.events import event
from masterdata.types import Address, Contact


class CustomerEvent(msgspec.Struct, frozen=True):
    """A customer's state after the event."""

    id: UUID
    code: str
    name: str
    tax_id: str | None
    addresses: list[Address]
    contacts: list[Contact]
    currency: str | None
    payment_terms_days: int | None
    credit_limit: Decimal | None
    attributes: dict[str, Any]
    version: int
    updated_at: datetime
    updated_by: str
    archived_at: datetime | None

    @classmethod
    def of(cls, record: Any) -> Self:
        """The event that tells a record as it is now."""
        return cls(**{name: getattr(record, name) for name in cls.__struct_fields__})


@event("masterdata.customer.created")
class CustomerCreated(CustomerEvent, frozen=True):
    """A customer was created."""


@event("masterdata.customer.updated")
class CustomerUpdated(CustomerEvent, frozen=True):
    """A customer was changed."""


@event("masterdata.customer.archived")
class CustomerArchived(CustomerEvent, frozen=True):
    """A customer was archived."""
