"""One database connection per container, checked when it fails instead of whenever it is used.

A process that stands for several operations has one for each login: a service's own, and its reader's.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Engine, create_engine
from sqlalchemy.engine.url import URL, make_url
from sqlalchemy.exc import DBAPIError

from common import logins
from common.postgres import Connection, InterfaceError
from common.settings import Settings, secret, settings


def url_of(configuration: Settings) -> URL:
    """The database's URL; where none is given, host and login of the stage, without a password."""
    if configuration.database_url:
        return make_url(configuration.database_url).set(drivername="postgresql+pg8000")
    return URL.create(
        "postgresql+pg8000",
        username=configuration.database_user,
        host=configuration.database_host,
        port=configuration.database_port,
        database=configuration.database_name,
        query={"sslmode": "verify-full"},
    )


def open_engine(url: URL, *, size: int = 1, iam: bool = False, secret_arn: str = "") -> Engine:
    """An engine over at most ``size`` connections to ``url``.

    Each of them signs in with the URL's password, with a token of IAM, or with what ``secret_arn`` keeps
    then: a password that was rotated meanwhile is the new one.
    """
    tls = ssl.create_default_context() if url.query.get("sslmode") == "verify-full" else None

    def connect() -> Connection:
        password = _iam_token(url) if iam else _kept(secret_arn) if secret_arn else url.password
        return Connection(
            user=url.username or "",
            password=password,
            host=url.host or "127.0.0.1",
            port=url.port or 5432,
            database=url.database,
            ssl_context=tls,
            timeout=30,  # seconds without an answer; the login role's statement_timeout is shorter
            application_name=settings().service or "groundwork",
            tcp_keepalive=True,
        )

    return create_engine(
        "postgresql+pg8000://",
        creator=connect,
        pool_size=size,
        max_overflow=0,
        pool_reset_on_return="rollback",
        json_serializer=_dumps,
    )


def _iam_token(url: URL) -> str:
    import boto3

    token: str = boto3.client("rds").generate_db_auth_token(
        url.host or "", url.port or 5432, url.username or ""
    )
    return token


def _kept(arn: str) -> str:
    """The password within a secret as RDS writes it, a JSON object."""
    password: str = msgspec.json.decode(secret(arn))["password"]
    return password


def _dumps(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def engine() -> Engine:
    """The container's engine."""
    return engine_for(settings())


def reader() -> Engine:
    """The engine of an operation that only reads."""
    return reader_for(settings())


@cache
def engine_for(configuration: Settings) -> Engine:
    """The engine that goes with some settings."""
    return _open(configuration, url_of(configuration))


@cache
def reader_for(configuration: Settings) -> Engine:
    """The engine that goes with some settings and signs in as their service's reader.

    Settings that name another login than the service's own, such as its reader, mean it.
    """
    url = url_of(configuration)
    if url.username != logins.login(configuration.service):
        return engine_for(configuration)
    role = logins.reader(configuration.service)
    password = logins.reader_password(url.password, role) if url.password else None
    return _open(configuration, url.set(username=role, password=password))


def _open(configuration: Settings, url: URL) -> Engine:
    kept = "" if configuration.database_url else configuration.database_secret_arn
    iam = not configuration.database_url and not kept
    return open_engine(url, iam=iam, secret_arn=kept)


def forget() -> None:
    """Open new connections from here on, without a word over those that there are: another has them too."""
    engine_for.cache_clear()
    reader_for.cache_clear()


def is_disconnect(error: BaseException) -> bool:
    """Whether the error says that the connection, or the server, went away."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, (OSError, InterfaceError)):
        return True
    return sqlstate(error)[:2] in ("08", "57") and sqlstate(error) != "57014"


def sqlstate(error: BaseException) -> str:
    """The error's SQLSTATE, or an empty string."""
    return _field(error, "C")


def constraint(error: BaseException) -> str:
    """The name of the constraint that the error says was violated, or an empty string."""
    return _field(error, "n")


def _field(error: BaseException, name: str) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else error
    details = cause.args[0] if cause is not None and cause.args else None
    return str(details.get(name, "")) if isinstance(details, dict) else ""
