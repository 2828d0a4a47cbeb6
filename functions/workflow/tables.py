"""What workflow stores."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from common.tables import schema, timestamp

metadata = schema("workflow")

EMPTY_TEXTS = text("'{}'")
EMPTY_OBJECT = text("'{}'")


def _of_process() -> tuple[Any, ...]:
    """What each row that belongs to a process has: the process, and the name the engine gave the row."""
    return (
        Column("id", Uuid, primary_key=True),
        Column("tenant_id", Uuid, nullable=False),
        Column("process_id", Uuid, nullable=False),
        Column("ref", Text, nullable=False),
        Column("node", Text, nullable=False),
        UniqueConstraint("process_id", "ref"),
    )


def _belongs() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "process_id"], ["workflow.processes.tenant_id", "workflow.processes.id"]
    )


workflows = Table(
    "workflows",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="draft"),
    Column("definition", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("document_id", Uuid),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    Column("created_by", Text, nullable=False),
    timestamp("published_at", nullable=True),
    Column("published_by", Text),
    UniqueConstraint("tenant_id", "key", "number"),
    UniqueConstraint("tenant_id", "id"),
)
"""Versions of definitions; ``definition`` is the engine's JSON form, which never changes once published."""

documents = Table(
    "documents",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
"""BPMN that was sent as one or several definitions, to the byte."""

starts = Table(
    "starts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("workflow_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("node", Text, nullable=False),
    Column("event", Integer, nullable=False, server_default="0"),
    Column("cycle", Text, nullable=False, server_default=""),
    Column("fired", Integer, nullable=False, server_default="0"),
    timestamp("armed_at", nullable=True),
    timestamp("due_at", nullable=True),
    ForeignKeyConstraint(
        ["tenant_id", "workflow_id"], ["workflow.workflows.tenant_id", "workflow.workflows.id"]
    ),
    Index(None, "tenant_id", "kind", "name"),
    Index("starts_due_at_idx", "due_at", postgresql_where=text("due_at is not null")),
)
"""What starts processes of the latest published version by itself: messages, signals, timers."""

processes = Table(
    "processes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("workflow_id", Uuid, nullable=False),
    Column("key", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("business_key", Text, nullable=False, server_default=""),
    Column("customer_id", Uuid),
    Column("status", Text, nullable=False),
    Column("outcome", Text, nullable=False, server_default=""),
    Column("error", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False),
    Column("incidents", Integer, nullable=False, server_default="0"),
    Column("parent_id", Uuid),
    Column("call", Text, nullable=False, server_default=""),
    Column("told", BigInteger, nullable=False, server_default="0"),
    Column("recorded", BigInteger, nullable=False, server_default="0"),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("started_at"),
    Column("started_by", Text, nullable=False),
    timestamp("updated_at"),
    timestamp("ended_at", nullable=True),
    UniqueConstraint("tenant_id", "id"),
    ForeignKeyConstraint(
        ["tenant_id", "workflow_id"], ["workflow.workflows.tenant_id", "workflow.workflows.id"]
    ),
    Index(None, "tenant_id", "key", "id"),
    Index(
        "processes_business_key_idx",
        "tenant_id",
        "key",
        "business_key",
        unique=True,
        postgresql_where=text("business_key <> '' and status <> 'ended' and parent_id is null"),
    ),
    Index("processes_call_idx", "parent_id", "call", postgresql_where=text("parent_id is not null")),
    Index(
        "processes_customer_idx",
        "tenant_id",
        "customer_id",
        "id",
        postgresql_where=text("customer_id is not null"),
    ),
    # A process's row is written at each advance: room for it on its page keeps the indexes untouched.
    postgresql_with={"fillfactor": 70},
)
"""``state`` is the engine's; ``recorded`` counts transitions, ``told`` events of the process's stream."""

tasks = Table(
    "tasks",
    metadata,
    *_of_process(),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    Column("assignee", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default=""),
    Column("candidate_users", ARRAY(Text), nullable=False, server_default=EMPTY_TEXTS),
    Column("candidate_roles", ARRAY(Text), nullable=False, server_default=EMPTY_TEXTS),
    Column("priority", Integer, nullable=False, server_default="0"),
    timestamp("due_at", nullable=True),
    Column("form", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("variables", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    timestamp("updated_at"),
    timestamp("ended_at", nullable=True),
    Column("ended_by", Text),
    _belongs(),
    Index("tasks_open_idx", "tenant_id", "priority", "id", postgresql_where=text("status = 'open'")),
    Index("tasks_assignee_idx", "tenant_id", "assignee", postgresql_where=text("status = 'open'")),
    Index(None, "tenant_id", "process_id"),
)

transitions = Table(
    "transitions",
    metadata,
    Column("tenant_id", Uuid, nullable=False),
    Column("process_id", Uuid, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("flow", Text, nullable=False),
    Column("counter", Integer, nullable=False),
    timestamp("at"),
    Column("actor", Text, nullable=False),
    PrimaryKeyConstraint("process_id", "sequence"),
)
"""The append-only history of processes."""

assignments = Table(
    "assignments",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("process_id", Uuid, nullable=False),
    Column("task_id", Uuid, nullable=False),
    Column("action", Text, nullable=False),
    Column("assignee", Text, nullable=False, server_default=""),
    Column("owner", Text, nullable=False, server_default=""),
    Column("comment", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    timestamp("at"),
    Index(None, "task_id", "id"),
)
"""Who had a task when, append-only."""

jobs = Table(
    "jobs",
    metadata,
    *_of_process(),
    Column("type", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="open"),
    Column("attempt", Integer, nullable=False),
    Column("settings", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("variables", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    timestamp("due_at"),
    Column("worker", Text, nullable=False, server_default=""),
    Column("lease", Uuid),
    timestamp("leased_until", nullable=True),
    timestamp("created_at"),
    _belongs(),
    Index("jobs_open_idx", "tenant_id", "type", "due_at", postgresql_where=text("status = 'open'")),
    Index("jobs_type_idx", "type", "due_at", postgresql_where=text("status = 'open'")),
)

timers = Table(
    "timers",
    metadata,
    *_of_process(),
    Column("purpose", Text, nullable=False),
    timestamp("due_at"),
    _belongs(),
    Index(None, "due_at", "id"),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    *_of_process(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    _belongs(),
    Index(None, "tenant_id", "kind", "name", "key"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("variables", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    timestamp("created_at"),
    timestamp("expires_at"),
    Index(None, "tenant_id", "name", "key", "id"),
    Index(None, "expires_at"),
)
"""Messages for which nobody waits yet."""

broadcasts = Table(
    "broadcasts",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("variables", JSONB, nullable=False, server_default=EMPTY_OBJECT),
    Column("sender", Uuid),
    Column("told", Uuid, nullable=False),
)
"""Signals that many wait for: ``told`` is the last process that has heard. Who waits since the broadcast, by
the time in its id, is not meant.
"""

incidents = Table(
    "incidents",
    metadata,
    *_of_process(),
    Column("kind", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("token", Text, nullable=False),
    timestamp("created_at"),
    timestamp("resolved_at", nullable=True),
    Column("resolved", Boolean, nullable=False, server_default=text("false")),
    Column("version", BigInteger, nullable=False, server_default="1"),
    _belongs(),
    Index(None, "tenant_id", "resolved", "id"),
)

decisions = Table(
    "decisions",
    metadata,
    *_of_process(),
    Column("rules", Text, nullable=False),
    _belongs(),
)
"""Decisions that processes wait for; the id is the request's."""

calendars = Table(
    "calendars",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("calendar", JSONB, nullable=False),
    Column("version", BigInteger, nullable=False, server_default="1"),
    timestamp("created_at"),
    timestamp("updated_at"),
    UniqueConstraint("tenant_id", "name"),
)
