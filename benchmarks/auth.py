"""Auth's figures with their ceilings and peers beside them, in one run on one core.

Password sign-ins against Argon2id alone (target: at least 0.85 of it); client credentials in process (target:
500 a second); verifying an access token against PyJWT; listing sessions among 10 and among 100,000 tenants
(target: the same). Each pair is measured in alternating short rounds, and the best round of each is printed:
what else the machine does meanwhile disturbs the others.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import jwt
from sqlalchemy import text

from auth import keys, passwords, sessions, tokens
from common.tokens import Verifier
from local.postgres import Cluster
from tests.integration.auth.people import service_account
from tests.integration.platform import PASSWORD, Caller, Platform, event_of, migrated

ROUNDS = 25
TENANTS = 100_000

_FILL = """
with made as (
    insert into auth.tenants (id, slug, name)
    select gen_random_uuid(), 'filler-' || n, 'Filler' from generate_series(1, :tenants) n returning id
), people as (
    insert into auth.users (id, tenant_id, email, name)
    select gen_random_uuid(), id, 'user@filler.test', 'Filler' from made returning id, tenant_id
)
insert into auth.sessions (id, tenant_id, user_id, expires_at)
select gen_random_uuid(), tenant_id, id, now() + interval '1 hour' from people, generate_series(1, 2)
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: ours, what it is held against, and what is wanted of the two."""

    name: str
    ours: float
    other: float
    unit: str
    target: str

    def __str__(self) -> str:
        ratio = f"{self.ours / self.other:8.2f}" if self.other else " " * 8
        other = f"{self.other:12,.1f}" if self.other else " " * 12
        return f"{self.name:44} {self.ours:12,.1f} {other} {ratio}  {self.unit:14} {self.target}"


def main() -> None:
    """Print one table."""
    with Cluster.temporary() as cluster:
        with _quiet():
            migrated(cluster)
        with Platform.on(cluster, "few") as platform, Platform.on(cluster, "many") as crowded:
            with _quiet():
                owner = platform.register("bench")
                rows = [
                    _sign_ins(platform),
                    _client_credentials(owner),
                    _verification(owner),
                    _listing(platform, crowded),
                ]
            print(f"{'':44} {'ours':>12} {'against':>12} {'ratio':>8}  {'unit':14} target")
            for row in rows:
                print(row)


def _sign_ins(platform: Platform) -> Row:
    """Whole sign-ins, each through the handler, and the hash that each has to compute."""
    stored = passwords.digest(PASSWORD)
    event = event_of(sessions.login, {"tenant": "bench", "email": "owner@bench.test", "password": PASSWORD})
    platform.use("auth")
    ours, ceiling = _alternating(
        lambda: _ok(sessions.login(event)), lambda: passwords._hasher.verify(stored, PASSWORD), calls=3
    )
    return Row("password sign-ins / Argon2id ceiling", 1 / ours, 1 / ceiling, "per second", ">= 0.85")


def _client_credentials(owner: Caller) -> Row:
    client = service_account(owner, "masterdata.*")
    form = {
        "grant_type": "client_credentials",
        "client_id": client["id"],
        "client_secret": client["client_secret"],
    }
    event = event_of(tokens.token, form=form)
    owner.platform.use("auth")
    took = min(_seconds(lambda: _ok(tokens.token(event)), 40) for _ in range(ROUNDS))
    return Row("client credentials, whole request", 1 / took, 0, "per second", ">= 500")


def _verification(owner: Caller) -> Row:
    """A token seen for the first time, its key known: signature, times, issuer, audience."""
    published = owner.platform.call(keys.jwks).ok()
    verifier = Verifier(lambda: published["keys"], issuer="", audience="groundwork")
    now = datetime.now(UTC)
    verifier.verify(owner.token, now)
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(owner.token)["kid"]]

    def ours() -> None:
        verifier._verified.clear()
        verifier.verify(owner.token, now)

    def theirs() -> None:
        jwt.decode(owner.token, key, algorithms=["ES256"], audience="groundwork")

    mine, pyjwt = _alternating(ours, theirs, calls=100)
    return Row("token verification / PyJWT", 1 / mine, 1 / pyjwt, "per second", ">= 1")


def _listing(few: Platform, many: Platform) -> Row:
    """The same page of fifty sessions, from two databases by turns."""

    def listing(platform: Platform, tenants: int) -> Callable[[], None]:
        owner = platform.register(f"listed-{tenants}")
        for _ in range(60):
            platform.sign_in(owner.slug, f"owner@{owner.slug}.test")
        _fill(platform, tenants)
        event = event_of(sessions.list_, headers={"Authorization": f"Bearer {owner.token}"})

        def listed() -> None:
            platform.use("auth")
            _ok(sessions.list_(event))

        return listed

    most, least = _alternating(listing(many, TENANTS), listing(few, 10), calls=20)
    return Row("session listing, 100,000 tenants / 10", most * 1e6, least * 1e6, "microseconds", "<= 1.1")


def _fill(platform: Platform, tenants: int) -> None:
    with platform.admin.begin() as connection:
        offset = connection.execute(text("select count(*) from auth.tenants")).scalar_one()
        statement = _FILL.replace("'filler-' || n", f"'filler-{offset}-' || n")
        connection.execute(text(statement), {"tenants": tenants})
    with platform.admin.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text("vacuum analyze"))


def _alternating(
    ours: Callable[[], object], theirs: Callable[[], object], *, calls: int
) -> tuple[float, float]:
    """Seconds of one call of each, the best of rounds that take turns, after one to warm up."""
    _seconds(ours, calls)
    _seconds(theirs, calls)
    mine, other = [], []
    for _ in range(ROUNDS):
        mine.append(_seconds(ours, calls))
        other.append(_seconds(theirs, calls))
    return min(mine), min(other)


def _seconds(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls


def _ok(answer: dict[str, Any]) -> None:
    assert answer["statusCode"] == 200, answer["body"]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()):
        yield


if __name__ == "__main__":
    main()
