"""The migration Lambda: Alembic beside the database, called by each deployment and by an operator."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from sqlalchemy import Connection, text

from common import database, logs, manifest
from common.errors import Invalid
from common.operation import PLATFORM, SERVICES, Uses, custom_resource
from common.settings import settings
from migrations import runner
from migrations.security import login, reader, role_password


class Request(msgspec.Struct, frozen=True):
    """What the migration Lambda is asked: a command, and the revision it aims at."""

    command: Literal["upgrade", "expand", "contract", "downgrade", "current", "check"] = "upgrade"
    revision: str = ""


@custom_resource("migrations", service=PLATFORM, uses={Uses.ADMIN}, timeout=600, memory=512, database=False)
def migrate(event: dict[str, Any]) -> dict[str, Any]:
    """Migrate the database; idempotent, and two at once follow each other.

    ``command`` is ``upgrade`` (to ``revision`` or head), ``expand`` (to the newest revision that this release
    needs, which the release before it can live with too), ``contract`` (from there to head, when no function
    of the release before is left), ``downgrade`` (to ``revision``), ``current``, or ``check`` (``ok`` only at
    head). Answers ``{"ok", "before", "after", "expanded", "head"}``: ``expanded`` is what this release needs.
    """
    asked = msgspec.convert({k: v for k, v in event.items() if k in ("command", "revision")}, Request)
    with runner.locked(database.engine()) as connection:
        before = runner.current(connection)
        _run(connection, asked, before)
        after = runner.current(connection)
    logs.MIGRATED(command=asked.command, before=before, after=after)
    head = runner.head()
    ok = asked.command != "check" or after == head
    return {"ok": ok, "before": before, "after": after, "expanded": runner.expand_head(), "head": head}


def _run(connection: Connection, asked: Request, present: str | None) -> None:
    match asked.command:
        case "upgrade":
            runner.upgrade(connection, asked.revision or "head")
        case "expand":
            runner.upgrade(connection, runner.expand_target(present))
        case "contract":
            needed = runner.expand_target(present)
            if present != needed:
                raise runner.OrderError(f"The database is at {present}: expand it to {needed} first.")
            runner.upgrade(connection)
        case "downgrade":
            if not asked.revision:
                raise Invalid.at("/revision", "Say which revision to go back to; base is none.")
            runner.downgrade(connection, asked.revision)
    if asked.command in ("upgrade", "expand", "contract"):
        _settle(connection)


def _settle(connection: Connection) -> None:
    """After an upgrade: the logins can sign in, and the permission catalogue is this release's."""
    admin_password = database.url_of(settings()).password
    for role in _logins(connection):
        if settings().database_url:
            secret = role_password(str(admin_password or ""), role)
            connection.execute(text(f"alter role {role} password '{secret}'"))
        elif connection.execute(text("select 1 from pg_roles where rolname = 'rds_iam'")).scalar():
            connection.execute(text(f"grant rds_iam to {role}"))
    _publish_permissions(connection)
    connection.commit()


def _logins(connection: Connection) -> list[str]:
    """Those that there are at this revision, or that another database of the cluster has brought."""
    names = [role for name in (*SERVICES, PLATFORM) for role in (login(name), reader(name))]
    found = connection.execute(
        text("select rolname from pg_roles where rolname = any(:names)"), {"names": names}
    )
    return list(found.scalars())


def _publish_permissions(connection: Connection) -> None:
    if connection.execute(text("select to_regclass('auth.permissions')")).scalar() is None:
        return
    rows = [msgspec.to_builtins(permission) for permission in manifest.read().permissions]
    if not rows:
        return
    connection.execute(
        text("""
            insert into auth.permissions (name, service, description) values (:name, :service, :description)
            on conflict (name) do update set service = excluded.service, description = excluded.description
        """),
        rows,
    )
    connection.execute(
        text("delete from auth.permissions where name <> all(:names)"), {"names": [r["name"] for r in rows]}
    )
