"""What master data stores: records over a common base, so that a further entity is a few lines."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Index,
    Integer,
    Numeric,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from common.tables import schema, timestamp

metadata = schema("masterdata")

event_store = metadata.tables["masterdata.event_store"]

MONEY = Numeric(18, 4)
"""Decimal amounts, four places: enough for every ISO 4217 currency and for unit prices."""


def record(name: str, *columns: Any) -> Table:
    """A table of records: the base columns that all master data shares, and its own.

    ``code`` is unique within the tenant; ``version`` counts changes; an archived record keeps its code.
    """
    return Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("tenant_id", Uuid, nullable=False),
        Column("code", Text, nullable=False),
        Column("name", Text, nullable=False),
        *columns,
        Column("attributes", JSONB, nullable=False, server_default=text("'{}'")),
        Column("version", BigInteger, nullable=False, server_default="1"),
        timestamp("created_at"),
        Column("created_by", Text, nullable=False),
        timestamp("updated_at"),
        Column("updated_by", Text, nullable=False),
        timestamp("archived_at", nullable=True),
        UniqueConstraint("tenant_id", "code"),
        UniqueConstraint("tenant_id", "id"),
        Index(None, "tenant_id", "name", "id"),
        Index(None, "tenant_id", "updated_at", "id"),
    )


def partner_columns() -> tuple[Any, ...]:
    """The columns of those we trade with: customers and vendors."""
    return (
        Column("tax_id", Text),
        Column("addresses", JSONB, nullable=False, server_default=text("'[]'")),
        Column("contacts", JSONB, nullable=False, server_default=text("'[]'")),
        Column("currency", Text),
        Column("payment_terms_days", Integer),
        Column("credit_limit", MONEY),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
        CheckConstraint("payment_terms_days between 0 and 365", name="payment_terms_days"),
    )


customers = record("customers", *partner_columns())
