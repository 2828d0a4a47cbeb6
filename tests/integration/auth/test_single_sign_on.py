"""One sign-in for all of a tenant's applications in a browser, and one sign-out."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import jwt
import pytest

from auth import clients, end_session, introspection, keys, me, refresh, sessions, tenants, users
from tests.integration.auth.people import (
    REDIRECT,
    Browser,
    add_user,
    application,
    as_token,
    redeem,
    returned,
    service_account,
)
from tests.integration.auth.test_second_factor import enrolled
from tests.integration.platform import PASSWORD, Answer, Caller, Platform

AFTERWARDS = "https://app.example/goodbye"


def email_of(caller: Caller) -> str:
    return str(caller.call(me.read).ok()["email"])


def app_of(owner: Caller, **more: Any) -> dict[str, Any]:
    return application(owner, "masterdata.*", post_logout_redirect_uris=[AFTERWARDS], **more)


def signed_in(platform: Platform, owner: Caller, app: dict[str, Any]) -> tuple[Browser, dict[str, Any]]:
    """A browser in which the owner has signed in to the application, and the tokens that it got."""
    browser = Browser(platform)
    code = browser.code(app, f"owner@{owner.slug}.test")
    return browser, redeem(platform, app, code).ok()


def id_claims(answer: dict[str, Any]) -> dict[str, Any]:
    return dict(jwt.decode(answer["id_token"], options={"verify_signature": False}))


def silently(browser: Browser, app: dict[str, Any], **more: str) -> dict[str, str]:
    """What a client is told that asks without bothering the user."""
    return returned(browser.open(app, prompt="none", **more))


class TestSignedIn:
    def test_one_sign_in_does_for_all_applications_of_the_tenant(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        one, other = app_of(owner), app_of(owner)
        browser, first = signed_in(platform, owner, one)
        later(100)
        for asked in ({}, {"prompt": "none"}):
            answer = browser.open(other, **asked)
            assert returned(answer)["state"] == "the state"
            second = redeem(platform, other, returned(answer)["code"]).ok()
            assert id_claims(second)["sub"] == owner.user
            assert id_claims(second)["auth_time"] == id_claims(first)["auth_time"]
            assert id_claims(second)["sid"] != id_claims(first)["sid"]
        again = platform.call(refresh.refresh, {"refresh_token": second["refresh_token"]})
        again.problem(401)  # the platform's own endpoint is not for the applications' tokens
        assert as_token(owner, second["access_token"]).call(me.read).ok()["id"] == owner.user

    def test_without_a_session_a_silent_request_is_told_so(self, platform: Platform) -> None:
        app = app_of(platform.register())
        assert silently(Browser(platform), app)["error"] == "login_required"

    @pytest.mark.parametrize("asked", [{"prompt": "login"}, {"prompt": "login consent"}, {"max_age": "0"}])
    def test_a_client_can_have_the_user_sign_in_anew(
        self, platform: Platform, later: Callable[[float], None], asked: dict[str, str]
    ) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, first = signed_in(platform, owner, app)
        later(60)
        fresh = redeem(platform, app, browser.code(app, f"owner@{owner.slug}.test", **asked)).ok()
        assert id_claims(fresh)["auth_time"] >= id_claims(first)["auth_time"] + 59
        # It is the same session of the browser that goes on, so the application's earlier one lives.
        assert as_token(owner, first["access_token"]).call(me.read).status == 200
        kept = [s for s in owner.call(sessions.list_).ok()["items"] if s["client_id"] == "browser"]
        assert len(kept) == 1

    def test_how_long_ago_the_user_may_have_signed_in_is_the_clients_to_say(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, _ = signed_in(platform, owner, app)
        later(60)
        assert "code" in silently(browser, app, max_age="120")
        assert silently(browser, app, max_age="30")["error"] == "login_required"
        for nonsense in ("-1", "soon", "²", "9" * 12):
            assert silently(browser, app, max_age=nonsense)["error"] == "invalid_request"
        assert returned(browser.open(app, prompt="none login"))["error"] == "invalid_request"

    def test_the_client_can_say_whom_it_means(self, platform: Platform) -> None:
        owner = platform.register()
        email, colleague = f"owner@{owner.slug}.test", add_user(owner)
        app = app_of(owner)
        browser, first = signed_in(platform, owner, app)
        theirs = redeem(platform, app, Browser(platform).code(app, email_of(colleague))).ok()["id_token"]
        assert "code" in silently(browser, app, login_hint=email.upper(), id_token_hint=first["id_token"])
        for other in ({"login_hint": email_of(colleague)}, {"id_token_hint": theirs}):
            assert silently(browser, app, **other)["error"] == "login_required"
            assert browser.open(app, **other).status == 200
        page = browser.open(app, id_token_hint=theirs)
        answer = browser.submit(page, email=email, password=PASSWORD)
        assert returned(answer)["error"] == "login_required"

    def test_somebody_elses_sign_in_ends_what_was_begun_before(self, platform: Platform) -> None:
        owner = platform.register()
        colleague, app = add_user(owner), app_of(owner)
        browser, first = signed_in(platform, owner, app)
        second = redeem(platform, app, browser.code(app, email_of(colleague), prompt="login")).ok()
        assert id_claims(second)["sub"] == colleague.user
        as_token(owner, first["access_token"]).call(me.read).problem(401)

    def test_another_tenant_knows_nothing_of_it_and_may_have_a_session_beside(
        self, platform: Platform
    ) -> None:
        owner, stranger = platform.register(), platform.register()
        app, foreign = app_of(owner), app_of(stranger)
        browser, _ = signed_in(platform, owner, app)
        assert silently(browser, foreign)["error"] == "login_required"
        (own,) = [value for name, value in browser.cookies.items() if "signed-in" in name]
        forged = Browser(platform, {f"__Host-signed-in-{stranger.tenant.replace('-', '')}": own})
        assert silently(forged, foreign)["error"] == "login_required"
        browser.code(foreign, f"owner@{stranger.slug}.test")
        assert "code" in silently(browser, app)
        assert "code" in silently(browser, foreign)

    def test_the_cookie_is_out_of_reach_and_good_for_nothing_else(self, platform: Platform) -> None:
        owner = platform.register()
        app, robot = app_of(owner), service_account(owner)
        browser = Browser(platform)
        answer = browser.submit(browser.open(app), email=f"owner@{owner.slug}.test", password=PASSWORD)
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-signed-in-")
        assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} == set(cookie.split("; ")[1:])
        value = cookie.split(";")[0].partition("=")[2]
        platform.call(refresh.refresh, {"refresh_token": value}).problem(401)
        form = {"token": value, "client_id": robot["id"], "client_secret": robot["client_secret"]}
        assert platform.call(introspection.introspect, form=form).ok() == {"active": False}
        before = dict(browser.cookies)
        browser.code(app, f"owner@{owner.slug}.test", prompt="login")
        assert silently(Browser(platform, before), app)["error"] == "login_required"  # a new secret each time


class TestAsked:
    """A user who is signed in is asked whether to go on: at the client's wish, or where anybody may be it."""

    def test_at_the_clients_wish_the_user_agrees_without_a_password(self, platform: Platform) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, first = signed_in(platform, owner, app)
        for prompt in ("consent", "select_account"):
            page = browser.open(app, prompt=prompt)
            assert f"Continue as owner@{owner.slug}.test?" in page.text
            assert "The App" in page.text
            answer = redeem(platform, app, returned(browser.submit(page, go_on="yes"))["code"]).ok()
            assert id_claims(answer)["auth_time"] == id_claims(first)["auth_time"]
        (other,) = re.findall(r'href="authorize\?([^"]+)"', page.text)
        query = dict(parse_qsl(html.unescape(other)))
        assert query["client_id"] == app["id"]
        assert 'type="password"' in browser.open(app, **query).text

    def test_a_public_client_on_a_device_gets_nothing_unasked(self, platform: Platform) -> None:
        owner = platform.register()
        device = app_of(owner, public=True, redirect_uris=["http://127.0.0.1/callback", REDIRECT])
        browser, _ = signed_in(platform, owner, device)
        local = {"redirect_uri": "http://127.0.0.1:8765/callback"}
        assert silently(browser, device, **local)["error"] == "interaction_required"
        page = browser.open(device, **local)
        assert "Continue as" in page.text
        assert "code" in returned(browser.submit(page, go_on="yes"))
        assert "code" in silently(browser, device)  # by an address that is surely the application's

    def test_no_agreement_stands_for_a_sign_in_or_comes_from_elsewhere(self, platform: Platform) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, _ = signed_in(platform, owner, app)
        for asked in ({"prompt": "login"}, {"max_age": "0"}):
            page = browser.open(app, **asked)
            assert browser.submit(page, go_on="yes").status == 401
        page = browser.open(app, prompt="consent")
        assert browser.submit(page, go_on="yes", form_token="guessed").status == 403
        stranger = Browser(platform)
        assert stranger.submit(stranger.open(app), go_on="yes").status == 401


class TestEnded:
    def doors(self, owner: Caller, browser_session: str) -> dict[str, Callable[[], Answer]]:
        return {
            "the user": lambda: owner.call(sessions.revoke, path={"id": browser_session}),
            "everywhere": lambda: owner.call(sessions.revoke_all, query={"keep_current": "true"}),
            "password": lambda: owner.call(
                me.change_password, {"current": PASSWORD, "new": "another good one"}
            ),
        }

    @pytest.mark.parametrize("door", ["the user", "everywhere", "password"])
    def test_what_ends_a_browsers_session_ends_what_was_begun_with_it(
        self, platform: Platform, door: str
    ) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        code = silently(browser, app)["code"]
        listed = owner.call(sessions.list_).ok()["items"]
        (own,) = [s["id"] for s in listed if s["client_id"] == "browser"]
        assert self.doors(owner, own)[door]().status in (200, 204)
        assert silently(browser, app)["error"] == "login_required"
        as_token(owner, answer["access_token"]).call(me.read).problem(401)
        assert redeem(platform, app, code).json["error"] == "invalid_grant"

    def test_a_deactivated_user_is_signed_in_nowhere(self, platform: Platform) -> None:
        owner = platform.register()
        colleague, app = add_user(owner), app_of(owner)
        browser = Browser(platform)
        browser.code(app, email_of(colleague))
        owner.call(users.deactivate, path={"id": colleague.user}).ok(204)
        assert silently(browser, app)["error"] == "login_required"

    def test_an_unused_session_ends_when_the_tenant_says_and_use_keeps_it(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        owner.call(tenants.change, {"settings": {"idle_seconds": 600}}, headers={"If-Match": "*"}).ok()
        app = app_of(owner)
        browser, _ = signed_in(platform, owner, app)
        for moment in (500, 1000, 1500):
            later(moment)
            assert "code" in silently(browser, app)
        later(2101)
        assert silently(browser, app)["error"] == "login_required"

    def test_a_session_of_one_factor_does_not_do_where_two_are_wanted(self, platform: Platform) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, _ = signed_in(platform, owner, app)
        enrolled(owner)
        assert silently(browser, app)["error"] == "login_required"


class TestSigningOut:
    @pytest.mark.parametrize("knows_the_browser", [True, False])
    def test_an_id_token_signs_its_user_out_of_everything_begun_with_it(
        self, platform: Platform, knows_the_browser: bool
    ) -> None:
        owner = platform.register()
        app, other = app_of(owner), app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        second = redeem(platform, other, silently(browser, other)["code"]).ok()
        elsewhere, third = signed_in(platform, owner, app)
        leaving = browser if knows_the_browser else Browser(platform)
        gone = leaving.leave(
            id_token_hint=answer["id_token"], post_logout_redirect_uri=AFTERWARDS, state="s t"
        )
        assert (gone.status, gone.headers["Location"]) == (303, f"{AFTERWARDS}?state=s+t")
        assert "Max-Age=0" in gone.headers["Set-Cookie"]
        assert silently(browser, app)["error"] == "login_required"
        for ended in (answer, second):
            as_token(owner, ended["access_token"]).call(me.read).problem(401)
        assert "code" in silently(elsewhere, app)
        as_token(owner, third["access_token"]).call(me.read).ok()
        reasons = platform.rows(
            "select data->>'reason' as reason, actor from auth.event_store "
            "where tenant_id = :t and type = 'auth.session.revoked'",
            t=owner.tenant,
        )
        assert [(r.reason, r.actor) for r in reasons] == [("logout", f"user:{owner.user}")] * 3

    def test_without_an_id_token_the_user_is_asked(self, platform: Platform) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        wish = {"client_id": app["id"], "post_logout_redirect_uri": AFTERWARDS}
        for page in (browser.leave(), browser.leave(**wish)):
            assert page.status == 200
            assert "Sign out" in page.text
            assert "code" in silently(browser, app)
        assert "The App" in page.text
        assert "form-action 'self' https://app.example;" in page.headers["Content-Security-Policy"]
        assert browser.agree(page).headers["Location"] == AFTERWARDS
        assert silently(browser, app)["error"] == "login_required"
        as_token(owner, answer["access_token"]).call(me.read).problem(401)
        assert browser.leave().status == 200
        assert "signed out" in browser.leave().text

    def test_no_other_site_signs_a_user_out_by_a_form(self, platform: Platform) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, _ = signed_in(platform, owner, app)
        other = platform.register()
        stranger, _ = signed_in(platform, other, app_of(other))
        theirs = stranger.leave()
        assert "form_token" in theirs.text
        for form in ({}, {"form_token": "guessed"}):
            asked = browser._send(end_session.sign_out, form={"state": "x", **form})
            assert "form_token" in asked.text
        assert "form_token" in browser.agree(theirs).text
        assert "code" in silently(browser, app)

    @pytest.mark.parametrize(
        "target", ["https://evil.test/", AFTERWARDS + "/more", REDIRECT, "//evil.test", "javascript:alert(1)"]
    )
    def test_nobody_is_sent_where_the_client_has_not_said(self, platform: Platform, target: str) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        for who in ({"id_token_hint": answer["id_token"]}, {"client_id": app["id"]}, {}):
            refused = browser.leave(post_logout_redirect_uri=target, **who)
            assert refused.status == 400
            assert "Location" not in refused.headers
            assert "evil.test" not in refused.text
        assert "code" in silently(browser, app)

    def test_a_client_signs_out_with_its_own_id_tokens_alone(self, platform: Platform) -> None:
        owner = platform.register()
        app, other = app_of(owner), app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        assert browser.leave(id_token_hint=answer["id_token"], client_id=other["id"]).status == 400
        assert browser.leave(client_id="nobody").status == 400
        head, body, signature = answer["id_token"].split(".")
        for forged in (
            f"{head}.{body}.{signature[::-1]}",
            answer["access_token"],
            "x",
            "a.b.c",
            f"{head}.{body}.",
        ):
            page = browser.leave(id_token_hint=forged, client_id=app["id"])
            assert "form_token" in page.text
        assert "code" in silently(browser, app)

    def test_an_id_token_signs_out_after_it_has_expired_and_its_key_been_replaced(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        app = app_of(owner)
        browser, answer = signed_in(platform, owner, app)
        owner.call(keys.rotate, query={"activate_in": 0}).ok()
        later(3000)
        browser.leave(id_token_hint=answer["id_token"], post_logout_redirect_uri=AFTERWARDS)
        assert silently(browser, app)["error"] == "login_required"

    def test_where_to_go_afterwards_is_registered_as_safely_as_where_to_return(
        self, platform: Platform
    ) -> None:
        owner = platform.register()
        new = {"name": "x", "grant_types": ["authorization_code"], "redirect_uris": [REDIRECT]}
        for wrong in ("http://app.example/", "javascript:alert(1)", "https://app.example/#x"):
            owner.call(clients.create, new | {"post_logout_redirect_uris": [wrong]}).problem(422)
        owner.call(clients.create, {"name": "x", "post_logout_redirect_uris": [AFTERWARDS]}).problem(422)
