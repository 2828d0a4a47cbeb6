"""Signing in, one's own account, and what a tenant decides about both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from auth import me, passwords, refresh, sessions, tenants, users
from tests.integration.auth.people import add_user, as_token, log_in
from tests.integration.platform import PASSWORD, Platform


def test_a_sign_in_answers_as_oauth_does_and_names_the_session(platform: Platform) -> None:
    owner = platform.register()
    answer = log_in(platform, owner.slug, f"OWNER@{owner.slug}.test ").ok()
    assert answer["token_type"] == "Bearer"
    assert (answer["expires_in"], answer["scope"]) == (900, "*")
    assert set(answer) == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    mine = as_token(owner, answer["access_token"]).call(me.read).ok()
    assert mine["tenant_id"] == owner.tenant
    assert mine["permissions"] == ["*"]
    assert {"session_id", "email_verified", "totp", "role_ids"} <= mine.keys()


def test_a_password_changed_ends_other_sessions_and_this_one_goes_on(platform: Platform) -> None:
    owner = platform.register()
    email = f"owner@{owner.slug}.test"
    here = log_in(platform, owner.slug, email).ok()
    caller = as_token(owner, here["access_token"])
    changed = caller.call(me.change_password, {"current": PASSWORD, "new": "another good one"}).ok()
    caller.call(me.read).problem(401)  # made before the change
    owner.call(me.read).problem(401)  # another session
    as_token(owner, changed["access_token"]).call(me.read).ok()
    platform.call(refresh.refresh, {"refresh_token": here["refresh_token"]}).ok()
    log_in(platform, owner.slug, email).problem(401, "bad_credentials")
    log_in(platform, owner.slug, email, "another good one").ok()


def test_a_wrong_present_password_is_refused_and_counts(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner)
    for _ in range(5):
        user.call(me.change_password, {"current": "wrong", "new": "another good one"}).problem(
            403, "wrong_password"
        )
    refused = user.call(me.change_password, {"current": PASSWORD, "new": "another good one"})
    assert int(refused.headers["Retry-After"]) > 0
    refused.problem(429)


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short", "10 to 256"),
        ("password123", "breaches"),
        ("Qwertyuiop[]", "breaches"),
        ("x" * 300, ""),
    ],
)
def test_a_bad_password_is_refused_with_the_reason(platform: Platform, password: str, why: str) -> None:
    admin = {"email": "a@b.test", "password": password, "name": "Ada"}
    problem = platform.call(tenants.register, {"slug": "weak-one", "name": "Weak", "admin": admin}).problem(
        422
    )
    assert why in problem["errors"][0]["detail"]


def test_ones_own_address_is_no_password(platform: Platform) -> None:
    owner = platform.register()
    new = {"email": "frederick.longname@x.test", "name": "Fred", "password": "Frederick.Longname"}
    owner.call(users.create, new).problem(422, "weak_password")


def test_a_tenants_policy_is_its_own(platform: Platform) -> None:
    owner = platform.register()
    row = owner.call(tenants.read)
    change = {"settings": {"password_min_length": 20, "access_token_seconds": 60}}
    owner.call(tenants.change, change).problem(428)
    changed = owner.call(tenants.change, change, headers={"If-Match": row.etag}).ok()
    assert changed["settings"]["password_min_length"] == 20
    assert changed["settings"]["session_seconds"] == 43_200
    owner.call(tenants.change, change, headers={"If-Match": row.etag}).problem(412)
    new = {"email": "u@x.test", "name": "U", "password": "nineteen characters"}
    owner.call(users.create, new).problem(422, "weak_password")
    assert log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()["expires_in"] == 60
    other = platform.register()
    assert other.call(tenants.read).ok()["settings"]["password_min_length"] == 10


@pytest.mark.parametrize(
    "settings",
    [
        {"password_min_length": 7},
        {"access_token_seconds": 3601},
        {"session_seconds": 0},
        {"password_link": "http://insecure.test/{token}"},
        {"password_link": "https://no-place.test/"},
        {"unknown": 1},
    ],
)
def test_a_setting_out_of_bounds_is_refused(platform: Platform, settings: dict[str, Any]) -> None:
    owner = platform.register()
    tag = owner.call(tenants.read).etag
    owner.call(tenants.change, {"settings": settings}, headers={"If-Match": tag}).problem(422)


def test_sign_up_can_be_closed(platform: Platform) -> None:
    platform.configure("auth", open_signup=False)
    try:
        admin = {"email": "a@b.test", "password": PASSWORD, "name": "Ada"}
        new = {"slug": "closed", "name": "Closed", "admin": admin}
        platform.call(tenants.register, new).problem(403, "signup_closed")
    finally:
        platform.configure("auth", open_signup=True)


def test_a_slug_belongs_to_one_tenant(platform: Platform) -> None:
    owner = platform.register()
    admin = {"email": "a@b.test", "password": PASSWORD, "name": "Ada"}
    new = {"slug": owner.slug, "name": "Again", "admin": admin}
    platform.call(tenants.register, new).problem(409, "tenant_slug_taken")


def test_a_hash_of_older_parameters_is_renewed_at_the_next_sign_in(platform: Platform) -> None:
    from argon2 import PasswordHasher

    owner = platform.register()
    old = PasswordHasher(time_cost=1, memory_cost=8 * 1024, parallelism=1).hash(PASSWORD)
    where = "where id = :id returning password_hash"
    platform.rows(f"update auth.users set password_hash = :old {where}", old=old, id=owner.user)
    log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()
    (row,) = platform.rows("select password_hash from auth.users where id = :id", id=owner.user)
    assert row.password_hash != old
    assert not passwords.outdated(row.password_hash)
    log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()


def test_a_name_is_changed_freely_an_address_with_the_password(platform: Platform) -> None:
    owner = platform.register()
    assert owner.call(me.change, {"name": "Olga Owner"}).ok()["name"] == "Olga Owner"
    owner.call(me.change, {"email": "new@x.test"}).problem(403, "wrong_password")
    changed = owner.call(me.change, {"email": "New@x.test", "password": PASSWORD}).ok()
    assert (changed["email"], changed["email_verified"]) == ("new@x.test", False)
    log_in(platform, owner.slug, "new@x.test").ok()


def test_an_idle_session_ends_and_a_used_one_goes_on(
    platform: Platform, later: Callable[[float], None]
) -> None:
    owner = platform.register()
    change = {"settings": {"idle_seconds": 600}}
    owner.call(tenants.change, change, headers={"If-Match": owner.call(tenants.read).etag}).ok()
    token = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()["refresh_token"]
    for seconds in (500, 1000):
        later(seconds)
        token = platform.call(refresh.refresh, {"refresh_token": token}).ok()["refresh_token"]
    later(1700)
    platform.call(refresh.refresh, {"refresh_token": token}).problem(401, "refresh_refused")


def test_sessions_are_listed_and_ended_ones_own_or_with_permission_anyones(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner, "viewer")
    second = as_token(user, platform.sign_in(user.slug, user.call(me.read).ok()["email"]))
    mine = user.call(sessions.list_).ok()["items"]
    assert [item["current"] for item in mine] == [False, True]
    assert user.call(sessions.list_, query={"user_id": owner.user}).ok()["items"]  # *.*.read
    user.call(sessions.revoke_all, query={"user_id": owner.user}).problem(403)
    theirs = owner.call(sessions.list_).ok()["items"][0]["id"]
    user.call(sessions.revoke, path={"id": theirs}).problem(404)

    assert user.call(sessions.revoke_all, query={"keep_current": "true"}).ok() == {"ended": 1}
    second.call(me.read).problem(401)
    user.call(me.read).ok()
    assert owner.call(sessions.revoke_all, query={"user_id": user.user}).ok() == {"ended": 1}
    user.call(me.read).problem(401)


def test_a_logout_ends_access_and_refresh_at_once(platform: Platform) -> None:
    owner = platform.register()
    here = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()
    caller = as_token(owner, here["access_token"])
    caller.call(sessions.logout).ok(204)
    caller.call(me.read).problem(401)
    platform.call(refresh.refresh, {"refresh_token": here["refresh_token"]}).problem(401)
    owner.call(me.read).ok()
