"""Failed sign-ins, counted by account and by address; each further one closes for longer.

Accounts are counted as they were typed, whether they exist or not, so that being closed tells nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import delete, text

from auth.events import PLATFORM_TENANT
from auth.subjects import Subject
from auth.tables import sign_in_failures
from common.database import sqlstate
from common.errors import Unavailable
from common.work import Work


@dataclass(frozen=True)
class Limit:
    """How many failures are free, and how the delay grows after them: doubling, up to the longest."""

    free: int
    first: timedelta
    longest: timedelta

    def delay(self, failures: int) -> timedelta | None:
        """For how long so many failures close the door."""
        if failures < self.free:
            return None
        doubled: timedelta = self.first * 2 ** min(failures - self.free, 20)
        return min(doubled, self.longest)


ACCOUNT = Limit(5, timedelta(seconds=30), timedelta(hours=1))
ADDRESS = Limit(50, timedelta(seconds=30), timedelta(hours=1))
FORGOTTEN_AFTER = timedelta(hours=24)

# The user is read behind the account's lock: the second function's argument is the first one's answer.
_ENTER = text("""
select e.tenant, e.account_failures, e.account_blocked_until, e.address_blocked_until, s.*
from auth.enter_sign_in(:slug, :account, :address) e
left join lateral auth.subject_of(e.tenant, null, :email, :now) s on true
""")
_FAIL = text("""
insert into auth.sign_in_failures as f (key, failures, last_at)
select key, counted, :now from unnest(cast(:keys as bytea[]), cast(:counted as int[])) as t(key, counted)
order by key
on conflict (key) do update set
    failures = case when f.last_at < :forgotten then 0 else f.failures end + excluded.failures,
    last_at = excluded.last_at
returning key, failures
""")
_BLOCK = text("""
update auth.sign_in_failures set blocked_until = greatest(blocked_until, :until) where key = :key
""")


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has begun: attempts on one account follow each other."""

    tenant: UUID | None
    account: bytes
    address: bytes
    account_failures: int
    account_blocked_until: datetime | None
    address_blocked_until: datetime | None
    subject: Subject | None


def account_key(slug: str, email: str) -> bytes:
    """The key of an account as it was typed."""
    return sha256(f"account\0{slug}\0{email}".encode()).digest()


def begin(work: Work, slug: str, email: str, source_ip: str) -> Attempt:
    """Wait for the account's turn, enter the tenant, or none's, read the user and who is closed out."""
    account, address = account_key(slug, email), sha256(f"address\0{source_ip}".encode()).digest()
    try:
        asked = {"slug": slug, "email": email, "account": account, "address": address, "now": work.now}
        row = work.execute(_ENTER, asked).one()
    except Exception as error:
        if sqlstate(error) == "55P03":  # lock_timeout
            raise Unavailable("Many sign-ins to this account wait already; try again in a moment.") from error
        raise
    work.entered(row.tenant or PLATFORM_TENANT)
    return Attempt(
        row.tenant,
        account,
        address,
        row.account_failures or 0,
        row.account_blocked_until,
        row.address_blocked_until,
        None if row.id is None else Subject(*tuple(row)[4:]),
    )


@dataclass(frozen=True)
class Closed:
    """An account that a failure has closed."""

    until: datetime
    failures: int


def fail(work: Work, attempt: Attempt, *, locked: bool) -> Closed | None:
    """Count a failure; says so if it closed the account.

    A locked account counts no further: whoever keeps trying does not keep its owner out for longer.
    """
    values: Mapping[str, Any] = {
        "keys": [attempt.account, attempt.address],
        "counted": [0 if locked else 1, 1],
        "now": work.now,
        "forgotten": work.now - FORGOTTEN_AFTER,
    }
    failures = {bytes(row.key): row.failures for row in work.execute(_FAIL, values)}
    until = None if locked else _close(work, ACCOUNT, attempt.account, failures[attempt.account])
    _close(work, ADDRESS, attempt.address, failures[attempt.address])
    return None if until is None else Closed(until, failures[attempt.account])


def succeed(work: Work, attempt: Attempt) -> None:
    """Forget the account's failures: its owner has signed in."""
    if attempt.account_failures:
        clear(work, attempt.account)


def clear(work: Work, account: bytes) -> None:
    """Forget an account's failures: its owner was let in again."""
    work.execute(delete(sign_in_failures).where(sign_in_failures.c.key == account))


def _close(work: Work, limit: Limit, key: bytes, failures: int) -> datetime | None:
    delay = limit.delay(failures)
    if delay is None:
        return None
    until = work.now + delay
    work.execute(_BLOCK, {"key": key, "until": until})
    return until


def within(work: Work, key: bytes, *, most: int, period: timedelta) -> bool:
    """Count a use of something that may be used so often within a period; whether this one may be."""
    values = {"keys": [key], "counted": [1], "now": work.now, "forgotten": work.now - period}
    count: int = work.execute(_FAIL, values).one().failures
    return count <= most
