"""Health, in three depths: the function lives, it can serve, and what exactly of its surroundings works."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from common import database
from common.operation import EVERY_SERVICE, PUBLIC, Uses, operation
from common.request import Response
from common.settings import settings

Status = Literal["pass", "fail"]


class Check(msgspec.Struct, frozen=True, omit_defaults=True):
    """One dependency's verdict; ``duration_ms`` is what asking it took."""

    name: str
    status: Status
    duration_ms: float
    detail: str = ""


class Health(msgspec.Struct, frozen=True):
    """A service's health: ``fail`` if any check fails."""

    status: Status
    service: str
    stage: str
    release: str
    checks: list[Check] = []


class CheckFailed(Exception):
    """A dependency that answers, and not as it should."""


@operation("GET /{service}/health/live", permission=PUBLIC, service=EVERY_SERVICE, database=False, memory=256)
def live() -> Health:
    """Whether the function runs. Touches nothing else."""
    return _health([])


@operation(
    "GET /{service}/health/ready",
    permission=PUBLIC,
    service=EVERY_SERVICE,
    answers=(503,),
    database=False,
    memory=256,
)
def ready() -> Response[Health]:
    """Whether the service can serve now: its database answers and is migrated. 503 if not."""
    return _answer([_timed("database", _database), _timed("migrations", _migrations)])


@operation(
    "GET /{service}/health",
    permission=PUBLIC,
    service=EVERY_SERVICE,
    answers=(503,),
    database=False,
    uses={Uses.KAFKA},
    memory=256,
)
def health() -> Response[Health]:
    """Every dependency of the service, each checked and timed. 503 if one fails."""
    return _answer(
        [_timed("database", _database), _timed("migrations", _migrations), _timed("kafka", _kafka)]
    )


def _answer(checks: list[Check]) -> Response[Health]:
    verdict = _health(checks)
    return Response(verdict, status=200 if verdict.status == "pass" else 503)


def _health(checks: list[Check]) -> Health:
    configuration = settings()
    failing = any(check.status == "fail" for check in checks)
    return Health(
        "fail" if failing else "pass",
        configuration.service,
        configuration.stage,
        configuration.version,
        checks,
    )


def _timed(name: str, check: Callable[[], str]) -> Check:
    started = time.perf_counter()
    status: Status = "pass"
    try:
        detail = check()
    except (CheckFailed, OSError) as error:
        status, detail = "fail", str(error) or type(error).__name__
    return Check(name, status, round((time.perf_counter() - started) * 1000, 2), detail)


def _query(statement: str) -> str | None:
    for attempt in (1, 2):
        try:
            with database.reader().begin() as connection:
                answer: str | None = connection.execute(text(statement)).scalar_one_or_none()
                return answer
        except (SQLAlchemyError, OSError) as error:
            # A connection that died while idle says nothing about the database: ask over a new one.
            if attempt == 2 or not database.is_disconnect(error):
                raise CheckFailed("The database does not answer.") from error
    return None


def _database() -> str:
    _query("select 'x'")
    return ""


def _migrations() -> str:
    """A database that was expanded for the release after this one still serves it."""
    present, head = _query("select platform.migration_revision()"), settings().migration_head
    if present is None or present < head:
        raise CheckFailed(f"The database is at revision {present}, this release needs {head}.")
    return f"at {present}"


def _kafka() -> str:
    from kafka.errors import KafkaError

    from common import kafka_client

    try:
        client = kafka_client.admin(3_000)
        try:
            topics = set(client.list_topics())
        finally:
            client.close()
    except KafkaError as error:
        raise CheckFailed("The broker does not answer.") from error
    return f"{len(topics)} topics"
