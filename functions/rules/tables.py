"""What the rules service stores: drafts as rows, published versions as documents, evaluations by month."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.tables import schema, timestamp

metadata = schema("rules")

rule_sets = Table(
    "rule_sets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=""),
    Column("declaration", JSONB, nullable=False),
    Column("published", Integer),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    Column("created_by", Text, nullable=False),
    timestamp("updated_at"),
    timestamp("archived_at", nullable=True),
    UniqueConstraint("tenant_id", "key"),
    UniqueConstraint("tenant_id", "id"),
)


def _of_set() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "set_id"], ["rules.rule_sets.tenant_id", "rules.rule_sets.id"])


rules = Table(
    "rules",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("description", Text, nullable=False, server_default=""),
    Column("priority", Integer, nullable=False, server_default="0"),
    timestamp("valid_from", nullable=True),
    timestamp("valid_until", nullable=True),
    Column("enabled", Boolean, nullable=False, server_default=text("true")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    timestamp("updated_at"),
    UniqueConstraint("tenant_id", "set_id", "key"),
    UniqueConstraint("tenant_id", "id"),
    _of_set(),
)

conditions = Table(
    "conditions",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("rule_id", Uuid, nullable=False),
    Column("place", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("field", Text),
    Column("operator", Text),
    Column("value", JSONB),
    Column("cel", Text),
    PrimaryKeyConstraint("tenant_id", "rule_id", "place"),
    ForeignKeyConstraint(
        ["tenant_id", "rule_id"], ["rules.rules.tenant_id", "rules.rules.id"], ondelete="CASCADE"
    ),
    CheckConstraint("kind in ('row', 'expression', 'all', 'any', 'not')", name="kind"),
    Index(None, "tenant_id", "field"),
)
"""One row for each node of a rule's condition tree; ``place`` is its JSON pointer within the rule."""

actions = Table(
    "actions",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("rule_id", Uuid, nullable=False),
    Column("position", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("spec", JSONB, nullable=False),
    PrimaryKeyConstraint("tenant_id", "rule_id", "position"),
    ForeignKeyConstraint(
        ["tenant_id", "rule_id"], ["rules.rules.tenant_id", "rules.rules.id"], ondelete="CASCADE"
    ),
    CheckConstraint("type in ('set', 'add', 'emit', 'call', 'stop')", name="type"),
)

rule_set_versions = Table(
    "rule_set_versions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("document", JSONB, nullable=False),
    timestamp("published_at"),
    Column("published_by", Text, nullable=False),
    UniqueConstraint("tenant_id", "set_id", "number"),
    _of_set(),
)

rule_tests = Table(
    "rule_tests",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("set_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    timestamp("moment", nullable=True),
    Column("outputs", JSONB, nullable=False),
    Column("fired", ARRAY(Text)),
    timestamp("created_at"),
    UniqueConstraint("tenant_id", "set_id", "name"),
    _of_set(),
)

evaluations = Table(
    "evaluations",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("id", Uuid, nullable=False),
    timestamp("evaluated_at"),
    Column("set_id", Uuid, nullable=False),
    Column("set_version", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    timestamp("moment", nullable=True),
    Column("outputs", JSONB, nullable=False, server_default=text("'{}'")),
    Column("fired", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("errors", JSONB, nullable=False, server_default=text("'[]'")),
    Column("error", Text),
    Column("requested_by", Text, nullable=False),
    Column("reply_to", Text, nullable=False, server_default=""),
    PrimaryKeyConstraint("tenant_id", "id", "evaluated_at"),
    CheckConstraint("status in ('pending', 'completed', 'refused')", name="status"),
    Index(None, "tenant_id", "set_id", "evaluated_at", "id"),
    Index(
        "evaluations_reply_to_idx",
        "tenant_id",
        "reply_to",
        postgresql_ops={"reply_to": "text_pattern_ops"},
        postgresql_where=text("reply_to <> ''"),
    ),
    postgresql_partition_by="RANGE (evaluated_at)",
)
"""Every evaluation, a partition for each month: retention drops partitions."""
