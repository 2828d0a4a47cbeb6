"""The audit log: who did what, when, found by each of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from auth import audit, me, users
from tests.integration.auth.people import add_user, log_in, service_account
from tests.integration.platform import Caller, Platform


def types(owner: Caller, **query: str) -> list[str]:
    return [event["type"] for event in owner.call(audit.list_, query=query).ok()["items"]]


def test_events_are_found_by_stream_type_actor_and_time(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner, "viewer")
    user.call(me.change, {"name": "Other"}).ok()
    service_account(owner, "masterdata.*")
    assert types(owner, stream=f"user:{user.user}") == ["auth.user.updated", "auth.user.registered"]
    assert types(owner, type="auth.client.created") == ["auth.client.created"]
    assert set(types(owner, actor=f"user:{user.user}")) == {"auth.user.updated", "auth.session.started"}
    now = datetime.now(UTC)
    assert types(owner, until=(now - timedelta(hours=1)).isoformat()) == []
    assert types(owner, since=(now - timedelta(hours=1)).isoformat(), type="auth.tenant.registered")
    owner.call(audit.list_, query={"since": "2026-01-01T00:00:00"}).problem(400)
    owner.call(audit.list_, query={"since": "yesterday"}).problem(400)


def test_the_log_is_walked_from_the_latest_and_misses_nothing(platform: Platform) -> None:
    owner = platform.register()
    for _ in range(4):
        log_in(platform, owner.slug, f"owner@{owner.slug}.test", "wrong").problem(401)
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        answer = owner.call(audit.list_, query=query).ok()
        seen += answer["items"]
        cursor = answer["next"]
        if cursor is None:
            break
    count = platform.rows("select count(*) as n from auth.event_store where tenant_id = :t", t=owner.tenant)
    assert len({event["id"] for event in seen}) == len(seen) == count[0].n
    moments = [event["occurred_at"] for event in seen]
    assert moments == sorted(moments, reverse=True)


def test_the_log_is_the_tenants_own(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    add_user(owner)
    assert all(owner.user not in str(event) for event in stranger.call(audit.list_).ok()["items"])
    add_user(owner, "auth.user.read").call(audit.list_).problem(403)


def test_a_failed_sign_in_to_nobody_is_seen_too(platform: Platform) -> None:
    owner = platform.register()
    log_in(platform, owner.slug, "nobody@x.test", "wrong").problem(401)
    (event,) = owner.call(audit.list_, query={"type": "auth.login.failed"}).ok()["items"]
    assert event["data"]["user_id"] is None
    assert "nobody" not in str(event["data"])


def test_a_lock_and_its_lifting_are_told(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner)
    email = owner.call(users.read, path={"id": user.user}).ok()["email"]
    for _ in range(5):
        log_in(platform, owner.slug, email, "wrong").problem(401)
    assert owner.call(users.read, path={"id": user.user}).ok()["locked_until"] is not None
    unlocked = owner.call(users.unlock, path={"id": user.user}).ok()
    assert unlocked["locked_until"] is None
    log_in(platform, owner.slug, email).ok()
    told = types(owner, stream=f"user:{user.user}")
    assert told == ["auth.user.unlocked", "auth.user.locked", "auth.user.registered"]
