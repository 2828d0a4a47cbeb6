"""One advance as one statement: it takes effect whole if the process is still as it was read, or not at all.

Each part of the statement joins what the first one has moved, so a process that somebody else has moved
meanwhile leaves every part without rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import msgspec

from common.work import Work

_UPDATE = """
moved as (
    update workflow.processes p set
        workflow_id = :workflow, number = :number, status = :status, outcome = :outcome, error = :error,
        state = :state, customer_id = :customer, incidents = :incidents, told = :told, recorded = :recorded,
        version = p.version + 1, updated_at = :now, ended_at = :ended_at
    where p.tenant_id = :tenant and p.id = :process and p.version = :version
    returning p.tenant_id, p.id, p.key
)
"""
_INSERT = """
moved as (
    insert into workflow.processes (
        id, tenant_id, workflow_id, key, number, business_key, customer_id, status, outcome, error, state,
        incidents, parent_id, call, told, recorded, started_at, started_by, updated_at, ended_at
    ) values (
        :process, :tenant, :workflow, :key, :number, :business_key, :customer, :status, :outcome, :error,
        :state, :incidents, :parent, :call, :told, :recorded, :now, :actor, :now, :ended_at
    )
    on conflict do nothing
    returning tenant_id, id, key
)
"""
_PARTS = {
    "transitions": """
recorded as (
    insert into workflow.transitions
        (tenant_id, process_id, sequence, kind, node, token, scope, flow, counter, at, actor)
    select m.tenant_id, m.id, r.sequence, r.kind, r.node, r.token, r.scope, r.flow, r.counter, :now, :actor
    from moved m, json_to_recordset(cast(:transitions as json)) as r(
        sequence bigint, kind text, node text, token text, scope text, flow text, counter integer
    )
)
""",
    "tasks": """
made_tasks as (
    insert into workflow.tasks (
        id, tenant_id, process_id, ref, node, key, name, assignee, candidate_users, candidate_roles,
        priority, due_at, form, variables, created_at, updated_at
    )
    select r.id, m.tenant_id, m.id, r.ref, r.node, m.key, r.name, r.assignee, r.candidate_users,
        r.candidate_roles, r.priority, r.due_at, r.form, r.variables, :now, :now
    from moved m, json_to_recordset(cast(:tasks as json)) as r(
        id uuid, ref text, node text, name text, assignee text, candidate_users text[],
        candidate_roles text[], priority integer, due_at timestamptz, form jsonb, variables jsonb
    )
)
""",
    "ended_tasks": """
ended_tasks as (
    update workflow.tasks t set
        status = r.status, version = t.version + 1, updated_at = :now, ended_at = :now, ended_by = :actor
    from moved m, json_to_recordset(cast(:ended_tasks as json)) as r(ref text, status text, assignee text)
    where t.process_id = m.id and t.ref = r.ref and t.status = 'open'
      and (r.assignee is null or t.assignee in ('', r.assignee))
    returning t.id, t.ref, t.node, t.name, t.version, t.status
)
""",
    "reassigned_tasks": """
reassigned_tasks as (
    update workflow.tasks t set
        candidate_roles = r.candidate_roles, candidate_users = '{}', assignee = '', owner = '',
        version = t.version + 1, updated_at = :now
    from moved m, json_to_recordset(cast(:reassigned_tasks as json)) as r(ref text, candidate_roles text[])
    where t.process_id = m.id and t.ref = r.ref and t.status = 'open'
    returning t.id, t.ref, t.node, t.name, t.version, t.due_at, t.candidate_roles
)
""",
    "assignments": """
assigned as (
    insert into workflow.assignments (id, tenant_id, process_id, task_id, action, assignee, actor, at)
    select r.id, m.tenant_id, m.id, r.task_id, 'created', r.assignee, :actor, :now
    from moved m, json_to_recordset(cast(:assignments as json)) as r(id uuid, task_id uuid, assignee text)
)
""",
    "jobs": """
made_jobs as (
    insert into workflow.jobs (
        id, tenant_id, process_id, ref, node, type, attempt, settings, variables, due_at, created_at
    )
    select r.id, m.tenant_id, m.id, r.ref, r.node, r.type, r.attempt, r.settings, r.variables, r.due_at, :now
    from moved m, json_to_recordset(cast(:jobs as json)) as r(
        id uuid, ref text, node text, type text, attempt integer, settings jsonb, variables jsonb,
        due_at timestamptz
    )
    on conflict (process_id, ref) do update set
        type = excluded.type, attempt = excluded.attempt, settings = excluded.settings, status = 'open',
        variables = excluded.variables, due_at = excluded.due_at, lease = null, leased_until = null,
        worker = ''
)
""",
    "ended_jobs": """
ended_jobs as (
    update workflow.jobs j set status = r.status, lease = null, leased_until = null
    from moved m, json_to_recordset(cast(:ended_jobs as json)) as r(ref text, status text)
    where j.process_id = m.id and j.ref = r.ref and j.status = 'open'
)
""",
    "timers": """
set_timers as (
    insert into workflow.timers (id, tenant_id, process_id, ref, node, purpose, due_at)
    select r.id, m.tenant_id, m.id, r.ref, r.node, r.purpose, r.due_at
    from moved m, json_to_recordset(cast(:timers as json)) as r(
        id uuid, ref text, node text, purpose text, due_at timestamptz
    )
    on conflict (process_id, ref) do update set due_at = excluded.due_at
)
""",
    "subscriptions": """
opened as (
    insert into workflow.subscriptions (id, tenant_id, process_id, ref, node, kind, name, key)
    select r.id, m.tenant_id, m.id, r.ref, r.node, r.kind, r.name, r.key
    from moved m, json_to_recordset(cast(:subscriptions as json)) as r(
        id uuid, ref text, node text, kind text, name text, key text
    )
    on conflict (process_id, ref) do update set name = excluded.name, key = excluded.key
)
""",
    "incidents": """
raised as (
    insert into workflow.incidents (id, tenant_id, process_id, ref, node, kind, message, token, created_at)
    select r.id, m.tenant_id, m.id, r.ref, r.node, r.kind, r.message, r.token, :now
    from moved m, json_to_recordset(cast(:incidents_raised as json)) as r(
        id uuid, ref text, node text, kind text, message text, token text
    )
)
""",
    "resolved": """
resolved as (
    update workflow.incidents i set resolved = true, resolved_at = :now, version = i.version + 1
    from moved m where i.process_id = m.id and i.ref = any(:resolved) and not i.resolved
    returning i.id, i.ref, i.node, i.kind, i.version
)
""",
    "decisions": """
asked as (
    insert into workflow.decisions (id, tenant_id, process_id, ref, node, rules)
    select r.id, m.tenant_id, m.id, r.ref, r.node, r.rules
    from moved m, json_to_recordset(cast(:decisions as json)) as r(id uuid, ref text, node text, rules text)
    on conflict (process_id, ref) do update set id = excluded.id, rules = excluded.rules
)
""",
    "moves": """
renamed_tasks as (
    update workflow.tasks t set node = r.node
    from moved m, json_to_recordset(cast(:moves as json)) as r(ref text, node text)
    where t.process_id = m.id and t.ref = r.ref
), renamed_jobs as (
    update workflow.jobs j set node = r.node
    from moved m, json_to_recordset(cast(:moves as json)) as r(ref text, node text)
    where j.process_id = m.id and j.ref = r.ref
), renamed_decisions as (
    update workflow.decisions d set node = r.node
    from moved m, json_to_recordset(cast(:moves as json)) as r(ref text, node text)
    where d.process_id = m.id and d.ref = r.ref
)
""",
}
_GONE = {
    "timers_gone": "timers",
    "subscriptions_gone": "subscriptions",
    "decisions_gone": "decisions",
}
_RETURNED = ("ended_tasks", "reassigned_tasks", "resolved")
_PARAMETER = re.compile(r"(?<!:):(\w+)")
_PARAMETERS = {"incidents": "incidents_raised"}


@dataclass
class Changes:
    """What an advance changes beside the process's own row, by the names that the engine gave the rows.

    What a later effect says of a row stands instead of what an earlier one said: no row is written twice in
    a statement.
    """

    transitions: list[dict[str, Any]] = field(default_factory=list)
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    reassigned_tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    assignments: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended_jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    timers: dict[str, dict[str, Any]] = field(default_factory=dict)
    timers_gone: set[str] = field(default_factory=set)
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions_gone: set[str] = field(default_factory=set)
    incidents: dict[str, dict[str, Any]] = field(default_factory=dict)
    resolved: set[str] = field(default_factory=set)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    decisions_gone: set[str] = field(default_factory=set)
    moves: dict[str, dict[str, Any]] = field(default_factory=dict)

    def parameters(self) -> dict[str, Any]:
        """The statement's parameters, of the parts that have any."""
        given: dict[str, Any] = {}
        for name, rows in vars(self).items():
            if not rows:
                continue
            if isinstance(rows, set):
                given[name] = sorted(rows)
            else:
                values = list(rows.values()) if isinstance(rows, dict) else rows
                given[_PARAMETERS.get(name, name)] = msgspec.json.encode(values).decode()
        return given

    def parts(self) -> tuple[str, ...]:
        """The parts of the statement that have something to do."""
        return tuple(name for name, rows in vars(self).items() if rows)


@dataclass(frozen=True)
class Stored:
    """What the database says of rows that were changed: their ids and versions."""

    ended_tasks: list[dict[str, Any]]
    reassigned_tasks: list[dict[str, Any]]
    resolved: list[dict[str, Any]]


def store(
    work: Work, process: dict[str, Any], changes: Changes, now: datetime, *, new: bool
) -> Stored | None:
    """Write an advance; nothing if the process is no longer as it was read, or cannot be started twice."""
    parts = changes.parts()
    given = process | changes.parameters() | {"tenant": work.tenant, "now": now}
    given["actor"] = work.principal.name
    statement, names = _statement(new, parts)
    [[moved, *told]] = work.rows(statement, [given[name] for name in names])
    if not moved:
        return None
    returned = dict(zip((name for name in _RETURNED if name in parts), told, strict=True))
    return Stored(*(returned.get(name) or [] for name in _RETURNED))


@lru_cache(maxsize=512)
def _statement(new: bool, parts: tuple[str, ...]) -> tuple[str, list[str]]:
    """The statement as the driver takes it, and its parameters by name, in order."""
    clauses = [
        _INSERT if new else _UPDATE,
        *(_gone(part) if part in _GONE else _PARTS[part] for part in parts),
    ]
    told = ["(select count(*) from moved) as moved"]
    told += [
        f"(select json_agg(to_json(x)) from {name} x) as {name}"  # noqa: S608 - names of ours
        for name in _RETURNED
        if name in parts
    ]
    named = f"with {','.join(clauses)} select {', '.join(told)}"
    names = list(dict.fromkeys(_PARAMETER.findall(named)))
    return _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", named), names


def _gone(part: str) -> str:
    return (
        f"{part} as (delete from workflow.{_GONE[part]} d using moved m "  # noqa: S608 - names of ours
        f"where d.process_id = m.id and d.ref = any(:{part}))"
    )


def uuid_of(row: dict[str, Any]) -> UUID:
    """The id of a row that came as JSON."""
    return UUID(row["id"])
