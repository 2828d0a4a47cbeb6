"""The second factor at a sign-in: a code of the authenticator, or a recovery code, each good once."""

from __future__ import annotations

import os
from base64 import b32encode
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, update

from auth import one_time_passwords, opaque, sealing
from auth.subjects import Subject
from auth.tables import recovery_codes, totp
from common.work import Work

RECOVERY_CODES = 10


def accepts(work: Work, subject: Subject, offered: str) -> bool:
    """Whether the code is good; it is used up by being accepted."""
    assert subject.totp_secret is not None
    offered = "".join(offered.split()).replace("-", "").upper()
    if offered.isascii() and offered.isdigit():
        secret = sealing.decrypt(subject.totp_secret, label(subject.id))
        return use_code(work, subject.id, secret, offered)
    used = (
        update(recovery_codes)
        .where(
            recovery_codes.c.tenant_id == work.tenant,
            recovery_codes.c.user_id == subject.id,
            recovery_codes.c.hash == opaque.digest(offered.encode()),
            recovery_codes.c.used_at.is_(None),
        )
        .values(used_at=work.now)
    )
    return work.execute(used).rowcount == 1


def use_code(work: Work, user: UUID, secret: bytes, offered: str, confirmed: datetime | None = None) -> bool:
    """Accept a code of the present moment if neither it nor a later one was used (RFC 6238, 5.2)."""
    step = one_time_passwords.matching_step(secret, offered, work.now)
    if step is None:
        return False
    advance = update(totp).where(
        totp.c.tenant_id == work.tenant, totp.c.user_id == user, totp.c.last_step < step
    )
    values = {"last_step": step} | ({"confirmed_at": confirmed} if confirmed else {})
    return work.execute(advance.values(values)).rowcount == 1


def new_recovery_codes(work: Work, user: UUID) -> list[str]:
    """Ten new recovery codes in place of the old; only their digests are kept."""
    remove_recovery_codes(work, user)
    codes = [b32encode(os.urandom(10)).decode() for _ in range(RECOVERY_CODES)]
    work.execute(
        insert(recovery_codes),
        [
            {
                "tenant_id": work.tenant,
                "user_id": user,
                "hash": opaque.digest(code.encode()),
                "created_at": work.now,
            }
            for code in codes
        ],
    )
    return ["-".join(code[place : place + 4] for place in range(0, 16, 4)) for code in codes]


def remove_recovery_codes(work: Work, user: UUID) -> None:
    """Forget a user's recovery codes."""
    own = (recovery_codes.c.tenant_id == work.tenant, recovery_codes.c.user_id == user)
    work.execute(delete(recovery_codes).where(*own))


def label(user: UUID) -> str:
    """What binds an encrypted secret to its user."""
    return f"totp:{user}"
