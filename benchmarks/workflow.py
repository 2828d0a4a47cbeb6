"""Workflow's figures: advances against PostgreSQL's own time for the same rows, and SpiffWorkflow.

* An advance (a task is completed, the next one is made) through the service, without HTTP; then pgbench with
  the very statements that these advances sent, on a copy of the database as it was before.
* A process with 10 and one with 10,000 past tasks.
* Due timers swept.
* The engine alone against SpiffWorkflow, in memory and through each one's serializer.

SpiffWorkflow is installed apart, and left out where it is not::

    uv pip install --target .local/peers/python SpiffWorkflow

``ADVANCES`` and ``TIMERS`` in the environment change the sizes.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

from sqlalchemy import create_engine, text

from common import database
from common.clock import FixedClock
from common.identifiers import uuid7
from common.postgres import Connection
from common.principal import Principal
from common.work import Work
from local.postgres import Cluster, binaries
from tests.integration.platform import Caller, Platform, migrated
from tests.integration.workflow.models import END, START, flows, line, publish, start, task
from workflow import sweeping
from workflow.engine import triggers as on
from workflow.engine.advance import advance
from workflow.engine.bpmn import read_bpmn
from workflow.engine.graph import Definition
from workflow.engine.state import State
from workflow.moving import Mover

PEERS = Path(os.environ.get("PEERS", Path(__file__).resolve().parents[1] / ".local" / "peers" / "python"))
ADVANCES = int(os.environ.get("ADVANCES", "1000"))
TIMERS = int(os.environ.get("TIMERS", "100000"))
ROUNDS = 5

LOOP = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="d" targetNamespace="t">
<process id="loop" isExecutable="true"><startEvent id="start"/>
<exclusiveGateway id="again"/><userTask id="ask" name="Ask"/>
<sequenceFlow id="f1" sourceRef="start" targetRef="again"/>
<sequenceFlow id="f2" sourceRef="again" targetRef="ask"/>
<sequenceFlow id="f3" sourceRef="ask" targetRef="again"/></process></definitions>"""
"""A task that comes back whenever it is done."""


def main() -> None:
    """Run all of it, on a cluster of its own that writes as a durable one does not."""
    with Cluster.temporary() as cluster, contextlib.redirect_stdout(io.StringIO()) as hidden:
        migrated(cluster)
        with Platform.on(cluster, "benchmark") as platform:
            owner = platform.register()
            for figures in (
                advances(cluster, platform, owner),
                past(platform, owner),
                timers(platform, owner),
                engines(),
            ):
                for said in figures:
                    print(said, file=sys.__stdout__, flush=True)
                    hidden.seek(0)
                    hidden.truncate()


def looping() -> dict[str, Any]:
    """The loop in our own JSON."""
    definition = line(task())
    definition["elements"] = [START, {"type": "exclusiveGateway", "id": "again"}, task(), END]
    definition["elements"].pop()
    definition["flows"] = flows("start again", "again ask", "ask again")
    return definition


def complete(tenant: UUID, process: UUID, ref: str) -> str:
    """One advance in a unit of work of its own; the token of the task that follows."""
    principal = Principal("system", None, tenant)
    work = Work(database.engine(), "workflow", principal=principal)
    try:
        state = Mover(work).send(process, on.TaskCompleted(at=work.now, task=ref))
        work.commit()
    finally:
        work.rollback()
    return task_of(state)


def task_of(state: State) -> str:
    """The token of the only open task."""
    return next(token.id for token in state.tokens.values() if token.waits == "task")


def begun(platform: Platform, owner: Caller, key: str) -> tuple[UUID, UUID, str]:
    """A new process of the loop: its tenant, its id, its task's token."""
    process = start(owner, key)
    [row] = platform.rows("select ref from workflow.tasks where process_id = :p", p=process["id"])
    platform.use("workflow")
    return UUID(owner.tenant), UUID(process["id"]), row.ref


def advances(cluster: Cluster, platform: Platform, owner: Caller) -> Iterator[str]:
    """Advances a second, and what pgbench makes of the same statements."""
    key = publish(owner, looping())
    tenant, process, ref = begun(platform, owner, key)
    for _ in range(50):
        ref = complete(tenant, process, ref)
    seconds, ref = run(tenant, process, ref, ADVANCES)
    rate = ADVANCES / seconds
    yield f"service: {rate:,.0f} advances/s on one connection ({1e3 / rate:.2f} ms)"
    for configuration in platform.settings.values():
        database.engine_for(configuration).dispose()
    cluster.create_database("before", template=platform.name)
    recorded = statements(tenant, process, ref)
    yield from replayed(cluster, platform, process, recorded, rate)


def run(tenant: UUID, process: UUID, ref: str, count: int) -> tuple[float, str]:
    """The seconds that so many advances take."""
    started = time.perf_counter()
    for _ in range(count):
        ref = complete(tenant, process, ref)
    return time.perf_counter() - started, ref


def statements(tenant: UUID, process: UUID, ref: str) -> list[str]:
    """The transactions of advances as SQL text, as the driver sends them."""
    found: list[str] = []
    sent = Connection._send

    def record(self: Any, statement: str, values: Any, *others: Any) -> None:
        found.append(literal_sql(statement, values))
        sent(self, statement, values, *others)

    transactions = []
    with mock.patch.object(Connection, "_send", record):
        for _ in range(ADVANCES):
            found.clear()
            ref = complete(tenant, process, ref)
            opening = f"begin; select set_config('app.tenant_id', '{tenant}', true)"
            transactions.append(";\n".join([opening, *found, "commit;"]))
    return transactions


def literal_sql(statement: str, values: Any) -> str:
    """A statement with its parameters written into it, on one line as pgbench wants it."""
    written = re.sub(r"\$(\d+)", lambda found: literal(values[int(found[1]) - 1]), statement)
    return " ".join(written.split("\n"))


def literal(value: Any) -> str:
    """A parameter as SQL writes it."""
    if value is None:
        return "null"
    if isinstance(value, bool | int):
        return str(value)
    if isinstance(value, list):
        kind = "uuid" if value and isinstance(value[0], UUID) else "text"
        return f"array[{','.join(map(literal, value))}]::{kind}[]"
    kind = "::uuid" if isinstance(value, UUID) else "::timestamptz" if isinstance(value, datetime) else ""
    # A colon before a name would be a variable of pgbench's.
    escaped = str(value).replace("\\", "\\\\").replace("'", "\\'").replace(":", "\\x3a")
    return f"E'{escaped}'{kind}"


def replayed(
    cluster: Cluster, platform: Platform, process: UUID, recorded: list[str], ours: float
) -> Iterator[str]:
    """PgBench sends the recorded transactions to a copy of the database as it was when they began."""
    url = platform.admin.url.set(database="before")
    with tempfile.TemporaryDirectory() as directory:
        script = Path(directory) / "advances.sql"
        script.write_text("\n".join(recorded))
        command = [
            str(binaries() / "pgbench"), "-n", "-t", "1", "-M", "simple", "-f", str(script),
            "-h", str(url.host), "-p", str(url.port), "-U", str(url.username), "before",
        ]  # fmt: skip
        environment = os.environ | {"PGPASSWORD": cluster.password}
        started = time.perf_counter()
        subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - started
    version = "select version from workflow.processes where id = :p"
    engine = create_engine(url)
    with engine.connect() as connection:
        reached = connection.execute(text(version), {"p": process}).scalar_one()
    engine.dispose()
    assert reached == platform.rows(version, p=process)[0].version, "pgbench did not do the same"
    theirs = len(recorded) / seconds
    yield f"pgbench: {theirs:,.0f} of the same transactions/s; ratio {ours / theirs:.2f} (target 0.5)"


def past(platform: Platform, owner: Caller) -> Iterator[str]:
    """What an advance costs after 10 past tasks and after 10,000."""
    key = publish(owner, looping())
    costs = {}
    for count in (10, 10_000):
        tenant, process, ref = begun(platform, owner, key)
        _, ref = run(tenant, process, ref, 10)
        if count > 10:
            grow(platform, process, count)
        rounds = []
        for _ in range(ROUNDS):
            seconds, ref = run(tenant, process, ref, 40)
            rounds.append(seconds)
        costs[count] = min(rounds) / 40 * 1e3
        yield f"{count:>6,} past tasks: {costs[count]:.2f} ms an advance"
    yield f"ratio {costs[10_000] / costs[10]:.2f} (target: 1)"


def grow(platform: Platform, process: UUID, count: int) -> None:
    """Give a process the rows of many past tasks."""
    with platform.admin.begin() as connection:
        connection.execute(
            text("""
                insert into workflow.tasks (id, tenant_id, process_id, ref, node, key, name, status,
                    created_at, updated_at, ended_at, ended_by)
                select gen_random_uuid(), t.tenant_id, t.process_id, 'past' || g, t.node, t.key, t.name,
                    'completed', t.created_at, t.updated_at, t.updated_at, 'system'
                from workflow.tasks t, generate_series(1, :count) g
                where t.process_id = :p and t.status = 'open'
            """),
            {"p": process, "count": count},
        )
        connection.execute(
            text("""
                insert into workflow.transitions (tenant_id, process_id, sequence, kind, node, token, scope,
                    flow, counter, at, actor)
                select p.tenant_id, p.id, p.recorded + g, 'completed', 'ask', 'past', '0', '', 0, now(),
                    'system'
                from workflow.processes p, generate_series(1, 4 * :count) g where p.id = :p
            """),
            {"p": process, "count": count},
        )
        connection.execute(
            text("update workflow.processes set recorded = recorded + 4 * :count where id = :p"),
            {"p": process, "count": count},
        )
    with platform.admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("analyze workflow.tasks"))
        connection.execute(text("analyze workflow.transitions"))


def timers(platform: Platform, owner: Caller) -> Iterator[str]:
    """Sweeps due timers, each in a process of its own."""
    timer = {"type": "timer", "duration": "PT1H"}
    catch = {"type": "intermediateCatchEvent", "id": "wait", "events": [timer]}
    process = start(owner, publish(owner, line(catch)))
    with platform.admin.begin() as connection:
        columns = [
            row[0]
            for row in connection.execute(
                text("""
                    select column_name from information_schema.columns
                    where table_schema = 'workflow' and table_name = 'processes'
                      and column_name not in ('id', 'state')
                """)
            )
        ]
        names = ", ".join(columns)
        connection.execute(text("create temp table made (id uuid)"))
        connection.execute(
            text("insert into made select gen_random_uuid() from generate_series(1, :n)"), {"n": TIMERS - 1}
        )
        connection.execute(
            text(
                f"insert into workflow.processes (id, state, {names}) "
                f"select m.id, replace(p.state, p.id::text, m.id::text), {names} "
                "from made m, workflow.processes p where p.id = :p"
            ),
            {"p": process["id"]},
        )
        connection.execute(
            text("""
                insert into workflow.timers (id, tenant_id, process_id, ref, node, purpose, due_at)
                select gen_random_uuid(), t.tenant_id, m.id, t.ref, t.node, t.purpose, t.due_at
                from made m, workflow.timers t where t.process_id = :p
            """),
            {"p": process["id"]},
        )
    platform.use("workflow")
    clock, fired = FixedClock(datetime.now(UTC) + timedelta(hours=2)), 0
    started = time.perf_counter()
    while some := sweeping.round_(clock):
        fired += some
    seconds = time.perf_counter() - started
    yield f"sweeper: {fired:,} due timers in {seconds:.1f} s, {fired / seconds:,.0f} a second in one process"


# -- the engine alone --------------------------------------------------------------------------------------


def engines() -> Iterator[str]:
    """Completions of the loop's task a second, in memory and through the serializer."""
    ours = {"in memory": measured(groundwork(stored=False)), "stored": measured(groundwork(stored=True))}
    for how, rate in ours.items():
        yield f"engine, {how}: {rate:,.0f} advances/s"
    if not (PEERS / "SpiffWorkflow").exists():
        yield "SpiffWorkflow is not installed; see the module's docstring."
        return
    sys.path.insert(0, str(PEERS))
    for how, rate in (
        ("in memory", measured(spiff(stored=False), 300)),
        ("stored", measured(spiff(stored=True), 100)),
    ):
        yield f"SpiffWorkflow, {how}: {rate:,.0f} advances/s; ours is {ours[how] / rate:,.0f} times that"


def measured(step: Callable[[], None], count: int = 2000) -> float:
    """Steps a second, the best of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        for _ in range(count // ROUNDS):
            step()
        rates.append(count // ROUNDS / (time.perf_counter() - started))
    return max(rates)


def groundwork(*, stored: bool) -> Callable[[], None]:
    """Completes the task with our engine."""
    import msgspec

    definition = Definition(read_bpmn(LOOP.encode()).processes[0])
    at = datetime.now(UTC)
    states = [advance(definition, None, on.Start(at=at, process=str(uuid7()))).state]

    def step() -> None:
        result = advance(definition, states[0], on.TaskCompleted(at=at, task=task_of(states[0]))).state
        states[0] = msgspec.json.decode(msgspec.json.encode(result), type=State) if stored else result

    return step


def spiff(*, stored: bool) -> Callable[[], None]:
    """Completes the task with SpiffWorkflow, which keeps what is past in its state."""
    parser = import_module("SpiffWorkflow.bpmn.parser").BpmnParser()
    workflow_of = import_module("SpiffWorkflow.bpmn.workflow").BpmnWorkflow
    ready = import_module("SpiffWorkflow.util.task").TaskState.READY
    serializer = import_module("SpiffWorkflow.bpmn.serializer").BpmnWorkflowSerializer()
    parser.add_bpmn_str(LOOP.encode())
    workflows = [workflow_of(parser.get_spec("loop"))]
    workflows[0].do_engine_steps()

    def step() -> None:
        workflow = workflows[0]
        next(iter(workflow.get_tasks(state=ready, manual=True))).run()
        workflow.do_engine_steps()
        if stored:
            workflows[0] = serializer.from_dict(json.loads(json.dumps(serializer.to_dict(workflow))))

    return step
