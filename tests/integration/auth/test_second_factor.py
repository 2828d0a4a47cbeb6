"""Authenticators and recovery codes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from auth import me, one_time_passwords, sessions, tenants, totp, users
from masterdata import customers
from tests.integration.auth.people import Browser, add_user, application, as_token, log_in, returned
from tests.integration.platform import PASSWORD, Caller, Platform


def code_at(secret: str, seconds: float = 0) -> str:
    """What an authenticator shows so many seconds from now."""
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return one_time_passwords.code(base64.b32decode(secret), one_time_passwords.step_of(moment))


def enrolled(user: Caller) -> tuple[str, list[str]]:
    """A user's new authenticator: its secret, and the recovery codes."""
    begun = user.call(totp.enrol).ok()
    assert begun["uri"].startswith(f"otpauth://totp/{user.slug}:")
    confirmed = user.call(totp.confirm, {"code": code_at(begun["secret"])}).ok()
    return begun["secret"], confirmed["recovery_codes"]


def test_a_sign_in_asks_for_the_code_and_takes_each_once(
    platform: Platform, later: Callable[[float], None]
) -> None:
    owner = platform.register()
    email = f"owner@{owner.slug}.test"
    secret, _codes = enrolled(owner)
    log_in(platform, owner.slug, email).problem(401, "otp_required")
    log_in(platform, owner.slug, email, "wrong").problem(401, "bad_credentials")
    # The code that confirmed the authenticator is spent.
    log_in(platform, owner.slug, email, otp=code_at(secret)).problem(401, "bad_credentials")
    later(60)
    fresh = code_at(secret, 60)
    answer = log_in(platform, owner.slug, email, otp=f"{fresh[:3]} {fresh[3:]}").ok()
    log_in(platform, owner.slug, email, otp=fresh).problem(401, "bad_credentials")
    log_in(platform, owner.slug, email, otp=code_at(secret, 30)).problem(401, "bad_credentials")
    later(120)
    log_in(platform, owner.slug, email, otp=code_at(secret, 150)).ok()  # a clock half a minute fast
    user = as_token(owner, answer["access_token"])
    listed = user.call(sessions.list_).ok()["items"]
    assert sorted(tuple(session["methods"]) for session in listed) == [
        ("pwd",),
        ("pwd", "otp"),
        ("pwd", "otp"),
    ]


def test_a_recovery_code_is_good_once(platform: Platform) -> None:
    owner = platform.register()
    email = f"owner@{owner.slug}.test"
    _secret, codes = enrolled(owner)
    assert len(set(codes)) == 10
    log_in(platform, owner.slug, email, otp=codes[0].lower()).ok()
    log_in(platform, owner.slug, email, otp=codes[0]).problem(401, "bad_credentials")
    log_in(platform, owner.slug, email, otp=codes[1]).ok()
    stored = platform.rows("select hash from auth.recovery_codes where user_id = :u", u=owner.user)
    assert all(codes[2].replace("-", "").encode() not in bytes(row.hash) for row in stored)


def test_wrong_codes_close_the_account_as_wrong_passwords_do(platform: Platform) -> None:
    owner = platform.register()
    email = f"owner@{owner.slug}.test"
    _secret, codes = enrolled(owner)
    for _ in range(5):
        log_in(platform, owner.slug, email, otp="000000").problem(401, "bad_credentials")
    log_in(platform, owner.slug, email, otp=codes[0]).problem(401, "bad_credentials")


def test_an_authenticator_is_set_up_once_and_removed_with_a_code(platform: Platform) -> None:
    owner = platform.register()
    owner.call(totp.confirm, {"code": "123456"}).problem(409, "totp_absent")
    begun = owner.call(totp.enrol).ok()
    owner.call(totp.confirm, {"code": "000000"}).problem(403, "wrong_code")
    log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()  # not confirmed: not asked for
    again = owner.call(totp.enrol).ok()
    assert again["secret"] != begun["secret"]
    codes = owner.call(totp.confirm, {"code": code_at(again["secret"])}).ok()["recovery_codes"]
    assert owner.call(me.read).ok()["totp"] is True
    owner.call(totp.enrol).problem(409, "totp_active")
    owner.call(totp.remove, query={"code": "000000"}).problem(403, "wrong_code")
    owner.call(totp.remove, query={"code": codes[0]}).ok(204)
    log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()
    owner.call(totp.remove, query={"code": codes[1]}).problem(409, "totp_absent")


def test_the_secret_is_stored_encrypted(platform: Platform) -> None:
    owner = platform.register()
    secret = base64.b32decode(owner.call(totp.enrol).ok()["secret"])
    (row,) = platform.rows("select secret from auth.totp where user_id = :u", u=owner.user)
    assert secret not in bytes(row.secret)


def test_an_administrator_removes_a_lost_authenticator(platform: Platform) -> None:
    owner = platform.register()
    user = add_user(owner, "viewer")
    enrolled(user)
    owner.call(users.remove_totp, path={"id": user.user}).ok(204)
    user.call(me.read).problem(401)
    email = owner.call(users.read, path={"id": user.user}).ok()["email"]
    log_in(platform, owner.slug, email).ok()
    owner.call(users.remove_totp, path={"id": user.user}).problem(409, "totp_absent")


def test_a_tenant_that_asks_for_authenticators_gives_nothing_without_one(
    platform: Platform, later: Callable[[float], None]
) -> None:
    owner = platform.register()
    user = add_user(owner, "viewer")
    email = owner.call(users.read, path={"id": user.user}).ok()["email"]
    tag = {"If-Match": owner.call(tenants.read).etag}
    owner.call(tenants.change, {"settings": {"mfa_required": True}}, headers=tag).ok()
    user.call(customers.list_).problem(401)  # at once
    answer = log_in(platform, owner.slug, email).ok()
    assert (answer["scope"], answer["mfa_required"]) == ("", True)
    user = as_token(user, answer["access_token"])
    user.call(customers.list_).problem(403)
    secret, _codes = enrolled(user)
    later(60)
    answer = log_in(platform, owner.slug, email, otp=code_at(secret, 60)).ok()
    assert "mfa_required" not in answer
    as_token(user, answer["access_token"]).call(customers.list_).ok()


def test_the_sign_in_page_takes_the_code(platform: Platform) -> None:
    owner = platform.register()
    client = application(owner)
    _secret, codes = enrolled(owner)
    browser = Browser(platform)
    typed = {"email": f"owner@{owner.slug}.test", "password": PASSWORD}
    page = browser.submit(browser.open(client), **typed)
    assert page.status == 401
    assert "authenticator" in page.text
    assert returned(browser.submit(page, **typed, otp=codes[0]))["code"]
