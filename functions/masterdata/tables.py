"""What master data stores: records over a common base, so that a further entity is a few lines."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.tables import schema, timestamp

metadata = schema("masterdata")

event_store = metadata.tables["masterdata.event_store"]

MONEY = Numeric(18, 4)
"""Decimal amounts, four places: enough for every ISO 4217 currency and for unit prices."""
PLACES = Decimal("0.0001")
"""The last of them."""


def record(name: str, *columns: Any) -> Table:
    """A table of records: the base columns that all master data shares, and its own.

    ``code`` is unique within the tenant; ``version`` counts changes; an archived record keeps its code.
    ``search`` is the folded text that is searched, by its pieces, which are each tenant's own.
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
        Column("search", Text, nullable=False, server_default=""),
        UniqueConstraint("tenant_id", "code"),
        UniqueConstraint("tenant_id", "id"),
        Index(None, "tenant_id", "name", "id"),
        Index(None, "tenant_id", "updated_at", "id"),
        Index(None, "tenant_id", "created_at", "id"),
        Index(None, "tenant_id", "created_by", "id"),
        Index(
            f"{name}_pieces_idx",
            text("masterdata.pieces(tenant_id, search)"),
            postgresql_using="gin",
            # Rows not yet in the index are searched one by one: few enough not to be felt.
            postgresql_with={"gin_pending_list_limit": "512"},
        ),
    )


def partner(name: str) -> Table:
    """A table of those we trade with: customers and vendors.

    ``match_keys`` is what likely duplicates share; a trigger keeps it in the table of that name, by which
    they are found. ``merged_into`` is the record that a merge left in this one's place.
    """
    return record(
        name,
        Column("tax_id", Text),
        Column("addresses", JSONB, nullable=False, server_default=text("'[]'")),
        Column("contacts", JSONB, nullable=False, server_default=text("'[]'")),
        Column("currency", Text),
        Column("payment_terms_days", Integer),
        Column("credit_limit", MONEY),
        Column("iban", Text),
        Column("merged_into", Uuid),
        Column("match_keys", ARRAY(Text), nullable=False, server_default=text("'{}'")),
        CheckConstraint("credit_limit >= 0", name="credit_limit"),
        CheckConstraint("payment_terms_days between 0 and 365", name="payment_terms_days"),
        ForeignKeyConstraint(["tenant_id", "merged_into"], [f"{name}.tenant_id", f"{name}.id"]),
    )


customers = partner("customers")
vendors = partner("vendors")

products = record(
    "products",
    Column("sku", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("unit", Text, nullable=False, server_default="C62"),
    Column("price", MONEY),
    Column("cost", MONEY),
    Column("currency", Text),
    Column("tax_class", Text, nullable=False, server_default="standard"),
    Column("category", Text),
    Column("barcode", Text),
    UniqueConstraint("tenant_id", "sku"),
    Index("products_tenant_id_barcode_key", "tenant_id", "barcode", unique=True),
    Index(None, "tenant_id", "category", "id"),
    CheckConstraint("price >= 0", name="price"),
    CheckConstraint("cost >= 0", name="cost"),
)

accounts = record(
    "accounts",
    Column("type", Text, nullable=False),
    Column("parent_id", Uuid),
    Column("postable", Boolean, nullable=False, server_default=text("true")),
    Column("posted", Boolean, nullable=False, server_default=text("false")),
    Column("currency", Text),
    ForeignKeyConstraint(["tenant_id", "parent_id"], ["accounts.tenant_id", "accounts.id"]),
    Index(None, "tenant_id", "parent_id", "code"),
    CheckConstraint("type in ('asset', 'liability', 'equity', 'income', 'expense')", name="type"),
    CheckConstraint("parent_id <> id", name="parent_id"),
)

match_keys = Table(
    "match_keys",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("entity", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("record_id", Uuid, nullable=False),
    PrimaryKeyConstraint("tenant_id", "entity", "key", "record_id"),
    Index(None, "tenant_id", "record_id"),
)


def job(name: str, *columns: Any) -> Table:
    """A table of jobs that a worker does a batch at a time.

    ``lease_until`` is how long the worker that took the job may be silent before another one takes it over;
    ``attempts`` counts the times it was taken since it last made progress.
    """
    return Table(
        name,
        metadata,
        Column("id", Uuid, primary_key=True),
        Column("tenant_id", Uuid, nullable=False),
        Column("entity", Text, nullable=False),
        Column("format", Text, nullable=False),
        Column("status", Text, nullable=False),
        *columns,
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("failure", Text),
        timestamp("lease_until", nullable=True),
        timestamp("created_at"),
        Column("created_by", Text, nullable=False),
        timestamp("started_at", nullable=True),
        timestamp("finished_at", nullable=True),
        UniqueConstraint("tenant_id", "id"),
        Index(
            f"{name}_unfinished_idx", "status", "lease_until", postgresql_where=text("finished_at is null")
        ),
    )


imports = job(
    "imports",
    Column("dry_run", Boolean, nullable=False),
    Column("size", BigInteger),
    Column("etag", Text),
    Column("position", BigInteger, nullable=False, server_default="0"),
    Column("seen", BigInteger, nullable=False, server_default="0"),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("created", BigInteger, nullable=False, server_default="0"),
    Column("updated", BigInteger, nullable=False, server_default="0"),
    Column("unchanged", BigInteger, nullable=False, server_default="0"),
    Column("failed", BigInteger, nullable=False, server_default="0"),
    CheckConstraint(
        "status in ('awaiting_upload', 'running', 'completed', 'failed', 'expired')", name="status"
    ),
)

import_errors = Table(
    "import_errors",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("import_id", Uuid, nullable=False),
    Column("row", BigInteger, nullable=False),
    Column("code", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("errors", JSONB, nullable=False),
    PrimaryKeyConstraint("tenant_id", "import_id", "row"),
    ForeignKeyConstraint(["tenant_id", "import_id"], ["imports.tenant_id", "imports.id"], ondelete="cascade"),
)

exports = job(
    "exports",
    Column("filter", Text, nullable=False, server_default=""),
    Column("archived", Boolean, nullable=False, server_default=text("false")),
    Column("rows", BigInteger, nullable=False, server_default="0"),
    Column("size", BigInteger),
    CheckConstraint("status in ('queued', 'running', 'completed', 'failed')", name="status"),
)
