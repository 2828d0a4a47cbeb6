"""Customers: those we sell to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

from common.etag import IfMatch
from common.operation import operation
from common.paging import Page, Paging
from common.work import Work
from masterdata.events import CustomerArchived, CustomerCreated, CustomerUpdated
from masterdata.records import Records
from masterdata.tables import customers as table
from masterdata.types import Address, Amount, Code, Contact, Currency, Days, Name, Text


class NewCustomer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A customer as the caller writes it."""

    code: Code
    name: Name
    tax_id: Text | None = None
    addresses: Annotated[list[Address], Meta(max_length=20)] = []
    contacts: Annotated[list[Contact], Meta(max_length=50)] = []
    currency: Currency | None = None
    payment_terms_days: Days | None = None
    credit_limit: Amount | None = None
    attributes: dict[str, Any] = {}


class Customer(Struct, frozen=True, kw_only=True):
    """A customer as it is kept."""

    id: UUID
    code: str
    name: str
    tax_id: str | None
    addresses: list[Address]
    contacts: list[Contact]
    currency: str | None
    payment_terms_days: int | None
    credit_limit: Amount | None
    attributes: dict[str, Any]
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    archived_at: datetime | None


customers = Records("customer", table, NewCustomer, Customer)


@operation(
    "POST /masterdata/customers",
    permission="masterdata.customer.create",
    status=201,
    emits=CustomerCreated,
    idempotent=True,
)
def create(new: NewCustomer, work: Work) -> Customer:
    """Create a customer. The code is unique within the tenant."""
    customer = customers.insert(work, new)
    work.emit(CustomerCreated.of(customer))
    return customer


@operation("GET /masterdata/customers", permission="masterdata.customer.read")
def list_(paging: Paging, work: Work, archived: bool = False) -> Page[Customer]:
    """List customers by code; with ``archived`` the archived ones too."""
    return customers.list(work, paging, archived=archived)


@operation("GET /masterdata/customers/{id}", permission="masterdata.customer.read")
def read(id: UUID, work: Work) -> Customer:  # noqa: A002 - the path's name
    """Read one customer, archived or not."""
    return customers.get(work, id)


@operation("PUT /masterdata/customers/{id}", permission="masterdata.customer.update", emits=CustomerUpdated)
def replace(id: UUID, new: NewCustomer, expected: IfMatch, work: Work) -> Customer:  # noqa: A002
    """Replace a customer's fields. ``If-Match`` names the version that was read."""
    _before, customer = customers.replace(work, id, expected, new)
    work.emit(CustomerUpdated.of(customer))
    return customer


@operation(
    "DELETE /masterdata/customers/{id}",
    permission="masterdata.customer.archive",
    status=204,
    emits=CustomerArchived,
)
def archive(id: UUID, expected: IfMatch, work: Work) -> None:  # noqa: A002
    """Archive a customer: it leaves the lists, keeps its code and history, and can be restored."""
    work.emit(CustomerArchived.of(customers.archive(work, id, expected)))
