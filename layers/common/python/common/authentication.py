"""The caller's bearer token, verified against the keys that the auth service publishes in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Engine

from common import database
from common.errors import Unauthenticated
from common.principal import Principal
from common.request import Request
from common.settings import Settings, settings
from common.tokens import Claims, Verifier
from common.work import Work


@dataclass(frozen=True)
class Token:
    """A token with good signature, times, issuer and audience; the database still has a say."""

    kid: str
    claims: Claims

    @property
    def principal(self) -> Principal:
        return self.claims.principal()


def verifier(*, reads_only: bool) -> Verifier:
    """The container's verifier, which reads the keys by the login that its operation has."""
    return verifier_for(settings(), reads_only)


@cache
def verifier_for(configuration: Settings, reads_only: bool) -> Verifier:
    """The verifier that goes with some settings."""
    engine_for = database.reader_for if reads_only else database.engine_for
    return Verifier(
        lambda: _read_keys(engine_for(configuration)),
        issuer=configuration.issuer,
        audience=configuration.audience,
    )


def _read_keys(engine: Engine) -> list[Mapping[str, Any]]:
    with engine.begin() as connection:
        keys: list[Mapping[str, Any]] = connection.exec_driver_sql(
            "select platform.verification_keys()"
        ).scalar_one()
        return keys


def authenticate(request: Request, now: datetime, *, reads_only: bool) -> Token:
    """The token of the ``Authorization`` header (RFC 6750), verified."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not credentials:
        raise Unauthenticated()
    return Token(*verifier(reads_only=reads_only).verify(credentials.strip(), now))


def confirm(token: Token, work: Work) -> None:
    """Refuse a token whose key has been withdrawn, as the transaction's first round trip reports."""
    if token.kid not in work.live_keys:
        verifier(reads_only=work.reads_only).forget(token.kid)
        raise Unauthenticated("The token's key was withdrawn; sign in again.")
