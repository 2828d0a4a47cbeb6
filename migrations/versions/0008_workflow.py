"""The rest of workflow.

Revision: 0008
Follows: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.security import open_function, tenant_table
from migrations.shapes import JSON, MOMENT, NOTHING, TEXTS, index, primary, reference, unique

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

APPEND_ONLY = ("assignments", "transitions")
TABLES = (
    "assignments",
    "calendars",
    "messages",
    "transitions",
    "workflows",
    "processes",
    "starts",
    "decisions",
    "incidents",
    "jobs",
    "subscriptions",
    "tasks",
    "timers",
)
FUNCTIONS = (
    "workflow.member(uuid)",
    "workflow.take_timers(timestamptz, integer)",
    "workflow.take_starts(timestamptz, integer)",
    "workflow.take_jobs(text[], timestamptz, timestamptz, integer)",
    "workflow.forget_messages(timestamptz)",
)


def upgrade() -> None:
    """Create definitions, processes, and all that belongs to them."""
    _create_assignments()
    _create_calendars()
    _create_messages()
    _create_transitions()
    _create_workflows()
    _create_processes()
    _create_starts()
    _create_decisions()
    _create_incidents()
    _create_jobs()
    _create_subscriptions()
    _create_tasks()
    _create_timers()
    for table in TABLES:
        rights = "select, insert" if table in APPEND_ONLY else "select, insert, update, delete"
        tenant_table("workflow", table, rights)
    _create_functions()
    for function in FUNCTIONS:
        open_function("workflow", function)


def _create_assignments() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("assignee", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("comment", sa.Text(), server_default="", nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        primary("assignments", "id"),
        schema="workflow",
    )
    index("workflow.assignments", "task_id", "id")


def _create_calendars() -> None:
    op.create_table(
        "calendars",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("calendar", JSON, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        primary("calendars", "id"),
        unique("calendars", "tenant_id", "name"),
        schema="workflow",
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("variables", JSON, server_default=NOTHING, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        primary("messages", "id"),
        schema="workflow",
    )
    index("workflow.messages", "expires_at")
    index("workflow.messages", "tenant_id", "name", "key", "id")


def _create_transitions() -> None:
    op.create_table(
        "transitions",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("flow", sa.Text(), nullable=False),
        sa.Column("counter", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        primary("transitions", "process_id", "sequence"),
        schema="workflow",
    )


def _create_workflows() -> None:
    op.create_table(
        "workflows",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("published_at", MOMENT, nullable=True),
        sa.Column("published_by", sa.Text(), nullable=True),
        primary("workflows", "id"),
        unique("workflows", "tenant_id", "id"),
        unique("workflows", "tenant_id", "key", "number"),
        schema="workflow",
    )


def _create_processes() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("business_key", sa.Text(), server_default="", nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("incidents", sa.Integer(), server_default="0", nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        sa.Column("call", sa.Text(), server_default="", nullable=False),
        sa.Column("told", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recorded", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("started_by", sa.Text(), nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        reference("processes", "workflow_id", "workflow.workflows"),
        primary("processes", "id"),
        unique("processes", "tenant_id", "id"),
        schema="workflow",
        postgresql_with={"fillfactor": 70},
    )
    index(
        "workflow.processes",
        "tenant_id",
        "key",
        "business_key",
        name="processes_business_key_idx",
        where="business_key <> '' and status <> 'ended' and parent_id is null",
        unique=True,
    )
    index("workflow.processes", "parent_id", "call", name="processes_call_idx", where="parent_id is not null")
    index(
        "workflow.processes",
        "tenant_id",
        "customer_id",
        "id",
        name="processes_customer_idx",
        where="customer_id is not null",
    )
    index("workflow.processes", "tenant_id", "key", "id")


def _create_starts() -> None:
    op.create_table(
        "starts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("workflow_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("event", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cycle", sa.Text(), server_default="", nullable=False),
        sa.Column("fired", sa.Integer(), server_default="0", nullable=False),
        sa.Column("armed_at", MOMENT, nullable=True),
        sa.Column("due_at", MOMENT, nullable=True),
        reference("starts", "workflow_id", "workflow.workflows"),
        primary("starts", "id"),
        schema="workflow",
    )
    index("workflow.starts", "due_at", where="due_at is not null")
    index("workflow.starts", "tenant_id", "kind", "name")


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("rules", sa.Text(), nullable=False),
        reference("decisions", "process_id", "workflow.processes"),
        primary("decisions", "id"),
        unique("decisions", "process_id", "ref"),
        schema="workflow",
    )


def _create_incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("resolved_at", MOMENT, nullable=True),
        sa.Column("resolved", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        reference("incidents", "process_id", "workflow.processes"),
        primary("incidents", "id"),
        unique("incidents", "process_id", "ref"),
        schema="workflow",
    )
    index("workflow.incidents", "tenant_id", "resolved", "id")


def _create_jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("settings", JSON, server_default=NOTHING, nullable=False),
        sa.Column("variables", JSON, server_default=NOTHING, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("worker", sa.Text(), server_default="", nullable=False),
        sa.Column("lease", sa.Uuid(), nullable=True),
        sa.Column("leased_until", MOMENT, nullable=True),
        sa.Column("created_at", MOMENT, nullable=False),
        reference("jobs", "process_id", "workflow.processes"),
        primary("jobs", "id"),
        unique("jobs", "process_id", "ref"),
        schema="workflow",
    )
    index("workflow.jobs", "tenant_id", "type", "due_at", name="jobs_open_idx", where="status = 'open'")
    index("workflow.jobs", "type", "due_at", name="jobs_type_idx", where="status = 'open'")


def _create_subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        reference("subscriptions", "process_id", "workflow.processes"),
        primary("subscriptions", "id"),
        unique("subscriptions", "process_id", "ref"),
        schema="workflow",
    )
    index("workflow.subscriptions", "tenant_id", "kind", "name", "key")


def _create_tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("assignee", sa.Text(), server_default="", nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("candidate_users", TEXTS, server_default=NOTHING, nullable=False),
        sa.Column("candidate_roles", TEXTS, server_default=NOTHING, nullable=False),
        sa.Column("priority", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", MOMENT, nullable=True),
        sa.Column("form", JSON, server_default=NOTHING, nullable=False),
        sa.Column("variables", JSON, server_default=NOTHING, nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by", sa.Text(), nullable=True),
        reference("tasks", "process_id", "workflow.processes"),
        primary("tasks", "id"),
        unique("tasks", "process_id", "ref"),
        schema="workflow",
    )
    index("workflow.tasks", "tenant_id", "assignee", name="tasks_assignee_idx", where="status = 'open'")
    index("workflow.tasks", "tenant_id", "priority", "id", name="tasks_open_idx", where="status = 'open'")
    index("workflow.tasks", "tenant_id", "process_id")


def _create_timers() -> None:
    op.create_table(
        "timers",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("process_id", sa.Uuid(), nullable=False),
        sa.Column("ref", sa.Text(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        reference("timers", "process_id", "workflow.processes"),
        primary("timers", "id"),
        unique("timers", "process_id", "ref"),
        schema="workflow",
    )
    index("workflow.timers", "due_at")


def _create_functions() -> None:
    """Who a member is to the tasks, and what is due in any tenant."""
    op.execute("""
        create function workflow.member(p_user uuid) returns table (email text, roles text[])
        language sql stable security definer set search_path = pg_catalog, pg_temp as $$
            select u.email, array(
                select r.name from auth.user_roles m
                join auth.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
                where m.tenant_id = u.tenant_id and m.user_id = u.id
            )
            from auth.users u
            where u.id = p_user and u.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
        $$
    """)
    # Whoever advances a process locks its row first, so timers are taken by their process: nobody who
    # holds a timer then waits for a process whose holder waits for the timer.
    op.execute("""
        create function workflow.take_timers(p_now timestamptz, p_limit integer)
        returns table (tenant_id uuid, process_id uuid, ref text, purpose text, due_at timestamptz)
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            select t.tenant_id, t.process_id, t.ref, t.purpose, t.due_at
            from workflow.timers t join workflow.processes p on p.id = t.process_id
            where t.due_at <= p_now
            order by t.due_at, t.id limit p_limit
            for no key update of p skip locked
        $$
    """)
    op.execute("""
        create function workflow.take_starts(p_now timestamptz, p_limit integer)
        returns table (tenant_id uuid, id uuid)
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            select s.tenant_id, s.id from workflow.starts s
            where s.due_at <= p_now order by s.due_at limit p_limit for update skip locked
        $$
    """)
    op.execute("""
        create function workflow.take_jobs(
            p_types text[], p_now timestamptz, p_until timestamptz, p_limit integer
        )
        returns table (tenant_id uuid, id uuid, lease uuid)
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            update workflow.jobs j
            set worker = 'built-in', lease = gen_random_uuid(), leased_until = p_until
            where j.id in (
                select d.id from workflow.jobs d join workflow.processes p on p.id = d.process_id
                where d.type = any(p_types) and d.status = 'open' and d.due_at <= p_now
                  and (d.leased_until is null or d.leased_until <= p_now) and p.status = 'active'
                order by d.due_at limit p_limit for update of d skip locked
            )
            returning j.tenant_id, j.id, j.lease
        $$
    """)
    op.execute("""
        create function workflow.forget_messages(p_now timestamptz) returns bigint
        language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
            with gone as (delete from workflow.messages where expires_at <= p_now returning 1)
            select count(*) from gone
        $$
    """)


def downgrade() -> None:
    """Take it away."""
    for function in FUNCTIONS:
        op.execute(f"drop function {function}")
    for table in reversed(TABLES):
        op.drop_table(table, schema="workflow")
