"""The platform looked at from within, where an operator's machine does not reach: database and broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from common import database, manifest
from common.operation import PLATFORM, SERVICES, Uses, on_command
from common.settings import settings

KEY_AGE = timedelta(days=31)
"""Signing keys are replaced when they are a day younger than this."""
OUTBOX_AGE = 60.0
"""Seconds that an event may wait for the relay."""
PATIENCE = 20.0
"""Seconds that an event is looked for on its topic."""

_UNPROTECTED = text("""
select n.nspname || '.' || c.relname as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
where n.nspname = any(:services) and c.relkind in ('r', 'p') and not c.relispartition
  and (not c.relrowsecurity or not exists (select from pg_policy p where p.polrelid = c.oid))
order by 1
""")
_KEYS = text("""
select distinct on (alg) alg, kid, active_at, expires_at,
       expires_at <= now() as expired, active_at < now() - cast(:age as interval) as old
from platform.signing_key_dates() where active_at <= now() order by alg, active_at desc
""")
_OUTBOX = text("""
select count(*) as depth, coalesce(extract(epoch from clock_timestamp() - min(created_at)), 0) as age
from platform.outbox
""")


class Fault(Exception):
    """Something is not as it should be; the message says what."""


class Finding(msgspec.Struct, frozen=True):
    """One thing looked at; ``detail`` says what was found, or what is wrong with it."""

    name: str
    ok: bool
    detail: str


class Sought(msgspec.Struct, frozen=True):
    """An event to be found on Kafka, by its topic and key (the stream)."""

    topic: str
    key: str


class Inspection(msgspec.Struct, frozen=True):
    """What is asked: to look at everything, or for one event."""

    sought: Sought | None = None


@on_command("inspect", service=PLATFORM, uses={Uses.KAFKA}, timeout=120, memory=256, database=False)
def inspect(event: dict[str, Any]) -> dict[str, Any]:
    """Tell whether the platform's parts are as this release needs them.

    Answers ``{"ok", "checks"}``, each check a :class:`Finding`. Asked for an event with ``sought``, tells
    whether Kafka has it.
    """
    asked = msgspec.convert(event, Inspection)
    if asked.sought is not None:
        sought = asked.sought
        findings = [_found("event", lambda: _event(sought))]
    else:
        findings = [_found(name, check) for name, check in CHECKS.items()]
    return {"ok": all(finding.ok for finding in findings), "checks": msgspec.to_builtins(findings)}


def _found(name: str, check: Callable[[], str]) -> Finding:
    from kafka.errors import KafkaError

    try:
        return Finding(name, True, check())
    except Fault as fault:
        return Finding(name, False, str(fault))
    except KafkaError as error:
        return Finding(name, False, f"The broker does not answer: {error!r}")
    except (SQLAlchemyError, OSError) as error:
        return Finding(name, False, f"The database does not answer as it should: {_first_line(error)}")


def _first_line(error: BaseException) -> str:
    return str(error).split("\n", 1)[0][:300]


def _rows(statement: Any, **parameters: Any) -> Any:
    for attempt in (1, 2):
        try:
            with database.engine().begin() as connection:
                return connection.execute(statement, parameters).all()
        except (SQLAlchemyError, OSError) as error:
            # A connection that died while idle says nothing about the database: ask over a new one.
            if attempt == 2 or not database.is_disconnect(error):
                raise
    raise AssertionError("unreachable")


def _database() -> str:
    (row,) = _rows(text("select current_setting('server_version') as version"))
    return f"PostgreSQL {row.version}"


def _migrations() -> str:
    ((present,),) = _rows(text("select platform.migration_revision()"))
    head = settings().migration_head
    if present is None or present < head:
        raise Fault(f"The database is at revision {present}, this release needs {head}.")
    return f"at {present}"


def _policies() -> str:
    unprotected = [row.name for row in _rows(_UNPROTECTED, services=list(SERVICES))]
    if unprotected:
        raise Fault(f"Tenants are not kept apart in {', '.join(unprotected)}: no row-level security policy.")
    return "every table with a tenant has its policy"


def _signing_keys() -> str:
    rows = _rows(_KEYS, age=KEY_AGE)
    for row in rows:
        if row.expired:
            raise Fault(f"The {row.alg} key in use, {row.kid}, expired {row.expires_at:%Y-%m-%d %H:%M} UTC.")
        if row.old:
            raise Fault(f"The {row.alg} key in use, {row.kid}, was due to be replaced: keys are not rotated.")
    return ", ".join(f"{row.alg} since {row.active_at:%Y-%m-%d}" for row in rows) or "none made yet"


def _broker() -> str:
    return f"{len(_topics())} topics"


def _declared_topics() -> str:
    present = set(_topics())
    missing = sorted(spec.name for spec in manifest.read().topics if spec.name not in present)
    if missing:
        raise Fault(f"Missing: {', '.join(missing)}.")
    return "all declared ones exist"


def _topics() -> list[str]:
    from common import kafka_client

    client = kafka_client.admin(5_000)
    try:
        return list(client.list_topics())
    finally:
        client.close()


def _outbox() -> str:
    ((depth, age),) = _rows(_OUTBOX)
    if age > OUTBOX_AGE:
        raise Fault(f"{depth} events wait for the relay, the oldest for {age:.0f} s.")
    return f"{depth} events wait"


def _event(sought: Sought) -> str:
    """Look through the ends of the topic's partitions, from ten minutes back."""
    from common import kafka_client

    consumer = kafka_client.reader()
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            if kafka_client.has_key(consumer, sought.topic, sought.key.encode(), minutes=10):
                return f"{sought.key} is on {sought.topic}"
            time.sleep(0.25)
    finally:
        consumer.close()
    raise Fault(f"{sought.key} is not on {sought.topic} after {PATIENCE:.0f} s.")


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "migrations": _migrations,
    "table policies": _policies,
    "signing keys": _signing_keys,
    "broker": _broker,
    "topics": _declared_topics,
    "outbox": _outbox,
}
