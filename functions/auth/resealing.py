"""What a signing secret encrypted that is replaced, encrypted anew under the one that replaces it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from sqlalchemy import select, text, update

from auth import sealing, second_factor
from auth.tables import signing_keys
from common import database, logs
from common.background import Deadline
from common.operation import Uses, on_command
from common.settings import settings
from common.work import Work

BATCH = 200
"""Second factors in one transaction."""
MARGIN = 20.0
"""Seconds before the deadline at which no further batch is begun."""

Secrets = tuple[bytes, bytes]
"""The previous one and the present one."""

_FACTORS = text("select user_id, secret from auth.sealed_factors(:after, :batch)")
_RESEAL_FACTOR = text("select auth.reseal_factor(:user, :old, :new)")


class Reseal(msgspec.Struct, frozen=True):
    """Where to go on, and the secret before this one, on stages whose secret no Secrets Manager keeps."""

    after: UUID = UUID(int=0)
    previous: str = ""


class Resealed(msgspec.Struct):
    """What was encrypted anew, what had been already, and what neither secret opens, by its key's id or user.

    ``after`` is the place to go on from: none when all is done.
    """

    resealed: int = 0
    already: int = 0
    unreadable: list[str] = []
    after: UUID | None = None


@on_command("reencrypt", uses={Uses.SIGNING}, timeout=300, memory=256, database=False)
def reencrypt(event: dict[str, Any], deadline: Deadline) -> dict[str, Any]:
    """Encrypt signing keys and second factors anew, from the previous signing secret to the present one.

    Asked as :class:`Reseal` says, answers as :class:`Resealed` does, with ``ok`` unless something is
    unreadable. Whatever is under the present secret already is left, so it may be repeated.
    """
    asked = msgspec.convert(event, Reseal)
    secrets = sealing.versions(settings(), asked.previous)
    told = Resealed()
    if asked.after == UUID(int=0):
        with _transaction() as work:
            _keys(work, secrets, told)
    told.after = asked.after
    while told.after is not None and deadline.remaining > MARGIN:
        with _transaction() as work:
            told.after = _factors(work, secrets, told.after, told)
    logs.SECRETS_RESEALED(resealed=told.resealed, already=told.already, unreadable=len(told.unreadable))
    answer: dict[str, Any] = msgspec.to_builtins(told)
    return {"ok": not told.unreadable} | answer


@contextmanager
def _transaction() -> Iterator[Work]:
    work = Work(database.engine(), settings().service)
    try:
        yield work
        work.commit()
    finally:
        work.rollback()


def _keys(work: Work, secrets: Secrets, told: Resealed) -> None:
    for row in work.execute(select(signing_keys.c.kid, signing_keys.c.private_key)).all():
        renewed = _renewed(row.private_key, row.kid, secrets, told)
        if renewed is not None:
            work.execute(
                update(signing_keys).where(signing_keys.c.kid == row.kid).values(private_key=renewed)
            )


def _factors(work: Work, secrets: Secrets, after: UUID, told: Resealed) -> UUID | None:
    rows = work.execute(_FACTORS, {"after": after, "batch": BATCH}).all()
    for row in rows:
        renewed = _renewed(row.secret, second_factor.label(row.user_id), secrets, told)
        if renewed is not None:
            work.execute(_RESEAL_FACTOR, {"user": row.user_id, "old": row.secret, "new": renewed})
    return rows[-1].user_id if len(rows) == BATCH else None


def _renewed(stored: bytes, label: str, secrets: Secrets, told: Resealed) -> bytes | None:
    try:
        renewed = sealing.renewed(stored, label, *secrets)
    except InvalidTag:
        told.unreadable.append(label)
        return None
    if renewed is None:
        told.already += 1
    else:
        told.resealed += 1
    return renewed
