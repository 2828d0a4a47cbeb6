"""The event store is whole: the tables can be made from it, and nobody's haste makes a hole in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auth import clients, me, memberships, refresh, roles, tenants, users
from tests.integration.auth.people import (
    REDIRECT,
    add_user,
    application,
    as_token,
    log_in,
    role_id,
    service_account,
)
from tests.integration.auth.replay import REPLAYED, replayed, stored
from tests.integration.platform import PASSWORD, Caller, Platform

Step = tuple[str, int, int]

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "user", "rename", "readdress", "deactivate", "reactivate", "lock", "unlock", "password",
                "role", "rerole", "unrole", "assign", "assign", "unassign", "client", "application",
                "reclient", "secret", "unclient", "settings", "login",
            ]
        ),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    min_size=4,
    max_size=14,
)  # fmt: skip


class World:
    """A tenant, and what can be done to it: each step takes whatever it finds."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.owner = platform.register()
        self.users = [self.owner.user]
        self.roles = [role_id(self.owner, name) for name in ("viewer", "owner")]
        self.clients: list[str] = []
        self.is_over = False
        """Whether the owner is locked out: nothing more can be done."""

    def do(self, step: Step) -> int:
        """Do one step; its status, a refusal's too: what is refused must leave no trace."""
        name, first, second = step
        if self.is_over:
            return 401
        action: Callable[[str, str], Any] = getattr(self, f"_{name}")
        user = self.users[first % len(self.users)]
        role = self.roles[second % len(self.roles)]
        status: int = action(user, role).status
        assert status < 500
        if self.owner.call(me.read).status == 401:
            answer = log_in(self.platform, self.owner.slug, self._email(self.owner.user))
            if answer.status == 200:
                self.owner = as_token(self.owner, answer.json["access_token"])
            else:
                self.is_over = True
        return status

    def _email(self, user: str) -> str:
        (row,) = self.platform.rows("select email from auth.users where id = :id", id=user)
        return str(row.email)

    def _tagged(self, operation: Any, body: Any, identifier: str) -> Any:
        return self.owner.call(operation, body, path={"id": identifier}, headers={"If-Match": "*"})

    def _user(self, _user: str, role: str) -> Any:
        new = {"email": f"{uuid4().hex[:8]}@x.test", "name": "N", "password": PASSWORD, "role_ids": [role]}
        answer = self.owner.call(users.create, new)
        self.users.append(answer.ok(201)["id"])
        return answer

    def _rename(self, user: str, _role: str) -> Any:
        return self._tagged(users.change, {"name": f"N {uuid4().hex[:4]}"}, user)

    def _readdress(self, user: str, _role: str) -> Any:
        return self._tagged(users.change, {"email": f"{uuid4().hex[:8]}@y.test"}, user)

    def _deactivate(self, user: str, _role: str) -> Any:
        return self.owner.call(users.deactivate, path={"id": user})

    def _reactivate(self, user: str, _role: str) -> Any:
        return self._tagged(users.change, {"status": "active"}, user)

    def _lock(self, user: str, _role: str) -> Any:
        if user == self.owner.user:
            return self.owner.call(users.read, path={"id": user})
        email = self._email(user)
        for _ in range(5):
            log_in(self.platform, self.owner.slug, email, "wrong", address=f"192.0.2.{random.randrange(250)}")
        return self.owner.call(users.read, path={"id": user})

    def _unlock(self, user: str, _role: str) -> Any:
        return self.owner.call(users.unlock, path={"id": user})

    def _password(self, _user: str, _role: str) -> Any:
        return self.owner.call(me.change_password, {"current": PASSWORD, "new": PASSWORD})

    def _role(self, _user: str, _role: str) -> Any:
        new = {"name": uuid4().hex, "permissions": ["masterdata.*", "masterdata.customer.read"]}
        answer = self.owner.call(roles.create, new)
        self.roles.append(answer.ok(201)["id"])
        return answer

    def _rerole(self, _user: str, role: str) -> Any:
        return self._tagged(roles.change, {"description": uuid4().hex, "permissions": ["*.*.read"]}, role)

    def _unrole(self, _user: str, role: str) -> Any:
        return self.owner.call(roles.remove, path={"id": role})

    def _assign(self, user: str, role: str) -> Any:
        return self.owner.call(memberships.assign, path={"id": user, "role_id": role})

    def _unassign(self, user: str, role: str) -> Any:
        return self.owner.call(memberships.unassign, path={"id": user, "role_id": role})

    def _client(self, _user: str, _role: str) -> Any:
        answer = self.owner.call(clients.create, {"name": "robot", "permissions": ["masterdata.*"]})
        self.clients.append(answer.ok(201)["id"])
        return answer

    def _application(self, _user: str, _role: str) -> Any:
        self.clients.append(application(self.owner, "*.*.read")["id"])
        return self._tagged(clients.change, {"post_logout_redirect_uris": [REDIRECT]}, self.clients[-1])

    def _reclient(self, _user: str, _role: str) -> Any:
        client = self.clients[0] if self.clients else str(uuid4())
        return self._tagged(clients.change, {"name": uuid4().hex[:6]}, client)

    def _secret(self, _user: str, _role: str) -> Any:
        client = self.clients[-1] if self.clients else str(uuid4())
        return self.owner.call(clients.replace_secret, path={"id": client})

    def _unclient(self, _user: str, _role: str) -> Any:
        client = self.clients[0] if self.clients else str(uuid4())
        return self.owner.call(clients.delete, path={"id": client})

    def _settings(self, _user: str, _role: str) -> Any:
        change = {"name": uuid4().hex[:6], "settings": {"idle_seconds": random.randrange(600, 700)}}
        return self.owner.call(tenants.change, change, headers={"If-Match": "*"})

    def _login(self, user: str, _role: str) -> Any:
        return log_in(self.platform, self.owner.slug, self._email(user))


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_replaying_the_events_gives_the_tables(platform: Platform, steps: list[Step]) -> None:
    world = World(platform)
    for step in steps:
        world.do(step)
    assert replayed(platform, world.owner.tenant) == stored(platform, world.owner.tenant)


EACH_ONCE: list[Step] = [
    ("user", 0, 0), ("rename", 1, 0), ("readdress", 1, 0), ("lock", 1, 0), ("unlock", 1, 0), ("lock", 1, 0),
    ("deactivate", 1, 0), ("reactivate", 1, 0), ("password", 0, 0), ("role", 0, 0), ("rerole", 0, 2),
    ("assign", 1, 2), ("unassign", 1, 2), ("unrole", 0, 2), ("client", 0, 0), ("reclient", 0, 0),
    ("secret", 0, 0), ("application", 0, 0), ("unclient", 0, 0), ("settings", 0, 0), ("login", 0, 0),
]  # fmt: skip


def test_replaying_each_kind_of_change_gives_the_tables(platform: Platform) -> None:
    world = World(platform)
    for step in EACH_ONCE:
        assert world.do(step) < 300, step
        assert replayed(platform, world.owner.tenant) == stored(platform, world.owner.tenant), step
    said = platform.rows(
        "select distinct type from auth.event_store where tenant_id = :t", t=world.owner.tenant
    )
    assert {*REPLAYED} <= {row.type for row in said}


def check_whole(platform: Platform, tenant: str) -> int:
    """Every stream counts from one without a hole, and the outbox has the same in the same order."""
    events = platform.rows(
        "select stream, version, id from auth.event_store where tenant_id = :t order by stream, version",
        t=tenant,
    )
    streams: dict[str, list[tuple[int, Any]]] = {}
    for event in events:
        streams.setdefault(event.stream, []).append((event.version, event.id))
    for stream, found in streams.items():
        assert [version for version, _ in found] == list(range(1, len(found) + 1)), stream
    queued: dict[str, list[Any]] = {}
    for row in platform.rows(
        "select key, id from platform.outbox where headers->>'ce_tenantid' = :t order by position", t=tenant
    ):
        queued.setdefault(row.key, []).append(row.id)
    assert queued == {stream: [identifier for _, identifier in found] for stream, found in streams.items()}
    return len(events)


@pytest.mark.usefixtures("crowded")
def test_sixteen_writers_at_once_leave_no_hole_and_no_disorder(platform: Platform) -> None:
    owner = platform.register()
    targets = [add_user(owner).user for _ in range(3)]
    role = role_id(owner, "viewer")
    before = check_whole(platform, owner.tenant)

    def write(seed: int) -> int:
        chance = random.Random(seed)
        return sum(change(chance.choice(targets), chance.randrange(5)) for _ in range(12))

    def change(user: str, kind: int) -> bool:
        both = {"id": user, "role_id": role}
        if kind == 0:
            rename = {"name": uuid4().hex[:6]}
            answer = owner.call(users.change, rename, path={"id": user}, headers={"If-Match": "*"})
        elif kind in (1, 2):
            answer = owner.call((memberships.assign, memberships.unassign)[kind - 1], path=both)
        else:
            made = (clients.create, roles.create)[kind - 3]
            answer = owner.call(made, {"name": uuid4().hex})
        assert answer.status in (200, 201, 204, 404, 409), answer.text
        return answer.status in (200, 201)

    with ThreadPoolExecutor(16) as pool:
        done = sum(pool.map(write, range(16)))
    after = check_whole(platform, owner.tenant)
    assert after - before >= done
    assert replayed(platform, owner.tenant) == stored(platform, owner.tenant)


@pytest.mark.usefixtures("crowded")
def test_sixteen_sign_ins_and_refreshes_at_once_are_all_recorded(platform: Platform) -> None:
    owner = platform.register()
    people = [str(owner.call(users.read, path={"id": add_user(owner).user}).ok()["email"]) for _ in range(16)]

    def session(email: str) -> None:
        token = log_in(platform, owner.slug, email, address=f"198.51.100.{people.index(email)}").ok()[
            "refresh_token"
        ]
        for _ in range(3):
            token = platform.call(refresh.refresh, {"refresh_token": token}).ok()["refresh_token"]

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(session, people))
    check_whole(platform, owner.tenant)
    (count,) = platform.rows(
        "select count(*) filter (where type = 'auth.session.refreshed') as refreshed, "
        "count(*) filter (where type = 'auth.session.started') as started "
        "from auth.event_store where tenant_id = :t",
        t=owner.tenant,
    )
    assert (count.refreshed, count.started) == (48, 1 + 16 + 16)
    assert service_account(owner)["id"]


def test_no_event_holds_a_secret(platform: Platform) -> None:
    owner: Caller = platform.register()
    add_user(owner)
    service_account(owner)
    log_in(platform, owner.slug, f"owner@{owner.slug}.test", "a mistyped password").problem(401)
    told = platform.rows("select data::text as data from auth.event_store")
    hashes = platform.rows("select password_hash from auth.users where password_hash is not null")
    for secret in (PASSWORD, "a mistyped password", "argon2", *(row.password_hash for row in hashes)):
        assert all(secret not in row.data for row in told)
