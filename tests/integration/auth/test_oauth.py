"""OAuth 2 and OpenID Connect: the code flow with its page, clients, introspection, revocation, metadata."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import jwt
import pytest

from auth import clients, discovery, introspection, keys, me, refresh, sessions, tenants, tokens
from masterdata import customers
from tests.integration.auth.people import (
    REDIRECT,
    Browser,
    acting,
    add_user,
    application,
    as_token,
    client_token,
    log_in,
    redeem,
    request_of,
    returned,
    service_account,
)
from tests.integration.platform import PASSWORD, Answer, Platform

ISSUER = "https://api.test/local/auth"


def verified(platform: Platform, token: str, audience: str, algorithm: str = "ES256") -> dict[str, Any]:
    """A token's claims, by PyJWT from the published keys alone."""
    published = jwt.PyJWKSet.from_dict(platform.call(keys.jwks).ok())
    key = published[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=[algorithm], audience=audience, issuer=ISSUER)
    return claims


def oauth_error(answer: Answer, error: str, status: int = 400) -> dict[str, Any]:
    """The error of an OAuth endpoint: RFC 6749's JSON."""
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json["error"] == error, answer.json
    assert set(answer.json) == {"error", "error_description"}
    assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*", answer.json["error_description"])
    return dict(answer.json)


def test_the_metadata_is_complete_and_true(platform: Platform) -> None:
    found = platform.call(discovery.metadata).ok()
    assert found["issuer"] == ISSUER
    for name in ("authorization", "token", "userinfo", "introspection", "revocation"):
        assert found[f"{name}_endpoint"].startswith(ISSUER + "/")
    assert found["jwks_uri"] == f"{ISSUER}/.well-known/jwks.json"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert found["response_types_supported"] == ["code"]
    assert "none" in found["token_endpoint_auth_methods_supported"]
    assert "none" not in found["introspection_endpoint_auth_methods_supported"]
    platform.configure("auth", public_url="https://id.example/", issuer="https://id.example/auth")
    try:
        elsewhere = platform.call(discovery.metadata).ok()
        assert elsewhere["issuer"] == "https://id.example/auth"
        assert elsewhere["token_endpoint"] == "https://id.example/auth/token"
    finally:
        platform.configure("auth", public_url="", issuer="")


class TestCodeFlow:
    def test_a_user_signs_in_to_an_application(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, "masterdata.customer.read")
        page = Browser(platform).open(client)
        told = returned(
            (browser := Browser(platform)).submit(
                browser.open(client), email=f"owner@{owner.slug}.test", password=PASSWORD
            )
        )
        assert page.status == 200
        assert told["state"] == "the state"
        assert told["iss"] == ISSUER
        made = redeem(platform, client, told["code"])
        answer = made.ok()
        assert made.headers["Cache-Control"] == "no-store"
        assert answer["scope"] == "openid profile email masterdata.customer.read"
        identity = verified(platform, answer["id_token"], client["id"])
        assert identity["nonce"] == "the nonce"
        assert identity["email"] == f"owner@{owner.slug}.test"
        assert identity["amr"] == ["pwd"]
        access = verified(platform, answer["access_token"], "groundwork")
        assert access["client_id"] == client["id"]
        assert access["sub"] == identity["sub"] == owner.user
        assert jwt.get_unverified_header(answer["access_token"])["typ"] == "at+jwt"

        caller = as_token(owner, answer["access_token"])
        caller.call(customers.list_).ok()
        caller.call(customers.create, {"code": "x", "name": "x"}).problem(403)
        info = caller.call(discovery.userinfo).ok()
        assert info == {
            "sub": owner.user,
            "tenant": owner.slug,
            "name": "Olive Owner",
            "email": f"owner@{owner.slug}.test",
            "email_verified": False,
        }

    def test_an_application_refreshes_and_may_ask_for_less(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, "masterdata.*")
        code = Browser(platform).code(client, f"owner@{owner.slug}.test")
        first = redeem(platform, client, code).ok()
        form = {
            "grant_type": "refresh_token",
            "refresh_token": first["refresh_token"],
            "client_id": client["id"],
            "client_secret": client["client_secret"],
        }
        less = platform.call(tokens.token, form=form | {"scope": "*.*.read"}).ok()
        assert less["scope"] == "masterdata.*.read"
        oauth_error(
            platform.call(tokens.token, form=form | {"client_id": "groundwork", "client_secret": ""}),
            "invalid_grant",
        )

    def test_a_public_application_has_pkce_alone_and_a_loopback_any_port(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, "masterdata.*", public=True, redirect_uris=["http://127.0.0.1/callback"])
        assert client["client_secret"] is None
        uri = "http://127.0.0.1:49152/callback"
        code = Browser(platform).code(client, f"owner@{owner.slug}.test", redirect_uri=uri)
        redeem(platform, client, code, redirect_uri=uri).ok()

    def test_rs256_is_for_the_client_that_wants_it(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, token_alg="RS256")
        answer = redeem(platform, client, Browser(platform).code(client, f"owner@{owner.slug}.test")).ok()
        for token, audience in ((answer["id_token"], client["id"]), (answer["access_token"], "groundwork")):
            verified(platform, token, audience, "RS256")
        as_token(owner, answer["access_token"]).call(discovery.userinfo).ok()

    def test_without_openid_there_are_no_claims_about_the_user(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, "masterdata.*")
        code = Browser(platform).code(client, f"owner@{owner.slug}.test", scope="masterdata.customer.read")
        answer = redeem(platform, client, code).ok()
        assert "id_token" not in answer
        as_token(owner, answer["access_token"]).call(discovery.userinfo).problem(403)

    def test_a_code_is_good_once_and_coming_back_withdraws_what_it_gave(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, "masterdata.*")
        code = Browser(platform).code(client, f"owner@{owner.slug}.test")
        answer = redeem(platform, client, code).ok()
        oauth_error(redeem(platform, client, code), "invalid_grant")
        as_token(owner, answer["access_token"]).call(customers.list_).problem(401)

    def test_a_code_dies_after_a_minute(self, platform: Platform, later: Callable[[float], None]) -> None:
        owner = platform.register()
        client = application(owner)
        code = Browser(platform).code(client, f"owner@{owner.slug}.test")
        later(61)
        oauth_error(redeem(platform, client, code), "invalid_grant")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"code_verifier": "another-verifier-that-is-long-enough-to-be-one-43"},
            {"code_verifier": ""},
            {"redirect_uri": "https://app.example/other"},
            {"redirect_uri": ""},
            {"code": "nonsense"},
        ],
    )
    def test_a_code_needs_its_verifier_and_redirect_uri(
        self, platform: Platform, wrong: dict[str, str]
    ) -> None:
        owner = platform.register()
        client = application(owner)
        code = Browser(platform).code(client, f"owner@{owner.slug}.test")
        oauth_error(redeem(platform, client, code, **wrong), "invalid_grant")
        if "code" not in wrong:  # a failed try has burned it
            oauth_error(redeem(platform, client, code), "invalid_grant")

    def test_a_code_is_for_the_client_that_asked(self, platform: Platform) -> None:
        owner, stranger = platform.register(), platform.register()
        client = application(owner)
        code = Browser(platform).code(client, f"owner@{owner.slug}.test")
        for other in (application(owner), application(stranger)):
            oauth_error(redeem(platform, other, code), "invalid_grant")
        redeem(platform, client, code).ok()

    def test_the_page_loads_nothing_and_frames_nowhere(self, platform: Platform) -> None:
        owner = platform.register()
        page = Browser(platform).open(application(owner, name="<script>alert(1)</script>"))
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "form-action 'self' https://app.example;" in policy
        assert "script" not in re.sub(r"&lt;/?script", "", page.text)
        assert not re.search(r'(src|href)="(?!https://app\.example/callback\?error=access_denied)', page.text)
        assert page.headers["Content-Type"].startswith("text/html")
        cookie = page.headers["Set-Cookie"]
        assert cookie.startswith("__Host-sign-in=")
        assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/"))

    def test_a_wrong_password_shows_the_form_again_and_says_no_more(self, platform: Platform) -> None:
        owner = platform.register()
        browser = Browser(platform)
        page = browser.open(application(owner))
        wrong = browser.submit(page, email=f"owner@{owner.slug}.test", password="wrong")
        unknown = browser.submit(page, email="nobody@x.test", password="wrong")
        assert wrong.status == unknown.status == 401
        assert wrong.text.replace(f"owner@{owner.slug}.test", "nobody@x.test") == unknown.text
        assert "wrong" in wrong.text
        returned(browser.submit(wrong, email=f"owner@{owner.slug}.test", password=PASSWORD))

    def test_a_prompt_of_none_goes_back_with_login_required(self, platform: Platform) -> None:
        owner = platform.register()
        told = returned(Browser(platform).open(application(owner), prompt="none"))
        assert (told["error"], told["state"], told["iss"]) == ("login_required", "the state", ISSUER)


class TestTokenEndpoint:
    def test_a_service_account_acts_within_its_permissions(self, platform: Platform) -> None:
        owner = platform.register()
        client = service_account(owner, "masterdata.customer.*")
        answer = client_token(platform, client).ok()
        assert answer["scope"] == "masterdata.customer.*"
        assert "refresh_token" not in answer
        claims = verified(platform, answer["access_token"], "groundwork")
        assert claims["sub"] == claims["client_id"] == client["id"]
        robot = acting(owner, client)
        made = robot.call(customers.create, {"code": "C-1", "name": "x"}).ok(201)
        assert made["created_by"] == f"client:{client['id']}"
        robot.call(tenants.change, {"name": "mine"}, headers={"If-Match": "*"}).problem(403)
        robot.call(me.read).problem(404)

    def test_a_client_says_who_it_is_by_header_or_form_not_both(self, platform: Platform) -> None:
        owner = platform.register()
        client = service_account(owner, "masterdata.*")
        pair = f"{quote(client['id'])}:{quote(client['client_secret'])}"
        header = {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        form = {"grant_type": "client_credentials"}
        platform.call(tokens.token, form=form, headers=header).ok()
        both = form | {"client_secret": client["client_secret"]}
        oauth_error(platform.call(tokens.token, form=both, headers=header), "invalid_request")
        for wrong in ("Basic !!!", "Bearer x", f"Basic {base64.b64encode(b'no colon').decode()}"):
            refused = platform.call(tokens.token, form=form, headers={"Authorization": wrong})
            oauth_error(refused, "invalid_client", 401)
            assert refused.headers["WWW-Authenticate"].startswith("Basic")

    def test_every_refusal_is_told_as_rfc_6749_has_it(self, platform: Platform) -> None:
        owner = platform.register()
        robot = service_account(owner, "masterdata.*")
        app = application(owner)
        for form, error, status in (
            ({}, "invalid_request", 400),
            ({"grant_type": "client_credentials"}, "invalid_client", 401),
            ({"grant_type": "password", "client_id": "groundwork"}, "unsupported_grant_type", 400),
            ({"grant_type": "client_credentials", "client_id": "groundwork"}, "unauthorized_client", 400),
            ({"grant_type": "refresh_token", "client_id": "groundwork"}, "invalid_request", 400),
        ):
            oauth_error(platform.call(tokens.token, form=form), error, status)
        oauth_error(client_token(platform, robot, client_secret="wrong"), "invalid_client", 401)
        oauth_error(client_token(platform, robot, client_secret=""), "invalid_client", 401)
        oauth_error(client_token(platform, robot, client_id="x"), "invalid_client", 401)
        oauth_error(client_token(platform, robot, scope="auth.user.read"), "invalid_scope")
        oauth_error(client_token(platform, app), "unauthorized_client")
        oauth_error(client_token(platform, robot, grant_type="authorization_code"), "unauthorized_client")
        repeated = "grant_type=a&grant_type=b"
        form_type = {"Content-Type": "application/x-www-form-urlencoded"}
        oauth_error(platform.call(tokens.token, raw=repeated, headers=form_type), "invalid_request")
        oauth_error(platform.call(tokens.token, {"grant_type": "x"}), "invalid_request", 415)

    def test_a_scope_asked_for_is_within_what_the_client_holds(self, platform: Platform) -> None:
        owner = platform.register()
        robot = service_account(owner, "masterdata.*", "*.*.read")
        assert client_token(platform, robot, scope="auth.*").ok()["scope"] == "auth.*.read"
        assert client_token(platform, robot, scope="*").ok()["scope"] == "*.*.read masterdata.*"

    def test_the_platforms_own_sign_in_refreshes_here_too(self, platform: Platform) -> None:
        owner = platform.register()
        token = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()["refresh_token"]
        form = {"grant_type": "refresh_token", "client_id": "groundwork", "refresh_token": token}
        assert platform.call(tokens.token, form=form).ok()["scope"] == "*"


class TestIntrospectionAndRevocation:
    def test_a_client_learns_of_its_tenants_tokens_alone(self, platform: Platform) -> None:
        owner, stranger = platform.register(), platform.register()
        robot, spy = service_account(owner, "masterdata.*"), service_account(stranger, "masterdata.*")
        answer = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()

        def ask(client: dict[str, Any], token: str) -> dict[str, Any]:
            form = {"token": token, "client_id": client["id"], "client_secret": client["client_secret"]}
            return dict(platform.call(introspection.introspect, form=form).ok())

        access = ask(robot, answer["access_token"])
        assert access["active"] is True
        assert (access["sub"], access["scope"], access["tid"]) == (owner.user, "*", owner.tenant)
        assert access["username"] == f"owner@{owner.slug}.test"
        refresh_told = ask(robot, answer["refresh_token"])
        assert (refresh_told["active"], refresh_told["client_id"]) == (True, "groundwork")
        own = ask(robot, client_token(platform, robot).ok()["access_token"])
        assert own["active"] is True
        inactive = {"active": False}
        assert ask(spy, answer["access_token"]) == ask(spy, answer["refresh_token"]) == inactive
        assert ask(robot, "nonsense") == inactive

        platform.call(refresh.refresh, {"refresh_token": answer["refresh_token"]}).ok()
        assert ask(robot, answer["refresh_token"]) == inactive
        as_token(owner, answer["access_token"]).call(sessions.logout).ok(204)
        assert ask(robot, answer["access_token"]) == inactive

    def test_introspection_wants_a_client_with_a_secret(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner, public=True)
        for form in (
            {"token": "x"},
            {"token": "x", "client_id": app["id"]},
            {"token": "x", "client_id": "groundwork"},
        ):
            oauth_error(platform.call(introspection.introspect, form=form), "invalid_client", 401)

    def test_a_revoked_token_is_refused_at_once(self, platform: Platform) -> None:
        owner = platform.register()
        app, robot = application(owner, "masterdata.*"), service_account(owner, "masterdata.*")

        def revoke(client: dict[str, Any], token: str) -> None:
            form = {"token": token, "client_id": client["id"], "client_secret": client["client_secret"]}
            assert platform.call(introspection.revoke, form=form).status == 200

        answer = redeem(platform, app, Browser(platform).code(app, f"owner@{owner.slug}.test")).ok()
        user = as_token(owner, answer["access_token"])
        revoke(robot, answer["refresh_token"])  # another client's token: nothing happens
        user.call(customers.list_).ok()
        revoke(app, answer["refresh_token"])
        user.call(customers.list_).problem(401)
        revoke(app, answer["refresh_token"])
        revoke(app, "nonsense")

        first, second = acting(owner, robot), acting(owner, robot)
        revoke(robot, first.token)
        revoke(robot, first.token)
        first.call(customers.list_).problem(401)
        second.call(customers.list_).ok()
        oauth_error(platform.call(introspection.revoke, form={"token": "x"}), "invalid_client", 401)
        oauth_error(platform.call(introspection.revoke, form={"client_id": "groundwork"}), "invalid_request")


class TestClients:
    def test_the_secret_is_shown_once_and_stored_as_a_digest(self, platform: Platform) -> None:
        owner = platform.register()
        client = service_account(owner, "masterdata.*")
        read = owner.call(clients.read, path={"id": client["id"]}).ok()
        assert "client_secret" not in read
        assert read["permissions"] == ["masterdata.*"]
        assert [c["id"] for c in owner.call(clients.list_).ok()["items"]] == [client["id"]]
        stored = platform.rows("select secret_hash from auth.clients where id = :id", id=client["id"])
        assert client["client_secret"].encode() not in bytes(stored[0].secret_hash)
        said = platform.rows(
            "select data::text as data from auth.event_store where type like 'auth.client.%'"
        )
        assert all(client["client_secret"] not in row.data for row in said)

    def test_a_new_secret_ends_the_old_one_and_its_tokens(self, platform: Platform) -> None:
        owner = platform.register()
        client = service_account(owner, "masterdata.*")
        robot = acting(owner, client)
        secret = owner.call(clients.replace_secret, path={"id": client["id"]}).ok()["client_secret"]
        robot.call(customers.list_).problem(401)
        oauth_error(client_token(platform, client), "invalid_client", 401)
        client_token(platform, client, client_secret=secret).ok()

    def test_a_deleted_client_is_refused_at_once_and_its_users_sessions_end(self, platform: Platform) -> None:
        owner = platform.register()
        robot_client, app = service_account(owner, "masterdata.*"), application(owner, "masterdata.*")
        robot = acting(owner, robot_client)
        answer = redeem(platform, app, Browser(platform).code(app, f"owner@{owner.slug}.test")).ok()
        user = as_token(owner, answer["access_token"])
        for client in (robot_client, app):
            owner.call(clients.delete, path={"id": client["id"]}).ok(204)
            owner.call(clients.read, path={"id": client["id"]}).problem(404)
            owner.call(clients.delete, path={"id": client["id"]}).problem(404)
        robot.call(customers.list_).problem(401)
        user.call(customers.list_).problem(401)
        oauth_error(client_token(platform, robot_client), "invalid_client", 401)
        owner.call(me.read).ok()

    @pytest.mark.parametrize(
        "wrong",
        [
            {"redirect_uris": []},
            {"redirect_uris": ["http://app.example/callback"]},
            {"redirect_uris": ["javascript:alert(1)"]},
            {"redirect_uris": ["https://app.example/#fragment"]},
            {"redirect_uris": ["https://user@app.example/"]},
            {"redirect_uris": ["https://app.example/; script-src *"]},
            {"redirect_uris": ["myapp://callback"]},
            {"grant_types": ["client_credentials"]},
            {"grant_types": ["refresh_token"], "redirect_uris": []},
            {"public": True, "grant_types": ["client_credentials"], "redirect_uris": []},
            {"grant_types": ["implicit"]},
            {"permissions": ["no.such"]},
        ],
    )
    def test_a_client_that_could_not_be_safe_is_refused(
        self, platform: Platform, wrong: dict[str, Any]
    ) -> None:
        owner = platform.register()
        new = {
            "name": "x",
            "grant_types": ["authorization_code"],
            "redirect_uris": [REDIRECT],
        } | wrong
        owner.call(clients.create, new).problem(422)

    def test_where_a_client_returns_its_users_can_be_changed(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner, "masterdata.*")
        place, elsewhere = {"id": app["id"]}, "https://new.example/callback"
        moved = {"name": "Renamed", "redirect_uris": [elsewhere], "post_logout_redirect_uris": [REDIRECT]}
        owner.call(clients.change, moved, path=place).problem(428)
        read = owner.call(clients.read, path=place)
        told = owner.call(clients.change, moved, path=place, headers={"If-Match": read.etag}).ok()
        assert {name: told[name] for name in moved} == moved
        assert (told["version"], told["permissions"]) == (2, ["masterdata.*"])
        owner.call(clients.change, moved, path=place, headers={"If-Match": read.etag}).problem(412)
        assert Browser(platform).open(app, redirect_uri=REDIRECT).status == 400
        assert "Renamed" in Browser(platform).open(app, redirect_uri=elsewhere).text
        anyhow = {"If-Match": "*"}
        refused: list[dict[str, list[str]]] = [
            {"redirect_uris": []},
            {"redirect_uris": ["http://app.example/"]},
            {"post_logout_redirect_uris": ["javascript:alert(1)"]},
            {"permissions": ["*"]},
        ]
        for wrong in refused:
            owner.call(clients.change, wrong, path=place, headers=anyhow).problem(422)
        robot = {"id": service_account(owner)["id"]}
        owner.call(clients.change, {"redirect_uris": [REDIRECT]}, path=robot, headers=anyhow).problem(422)
        clerk = add_user(owner, "auth.client.update")
        clerk.call(clients.change, moved, path=place, headers=anyhow).problem(403, "exceeds_own_permissions")

    def test_a_reverse_domain_scheme_is_for_native_applications(self, platform: Platform) -> None:
        owner = platform.register()
        client = application(owner, public=True, redirect_uris=["com.example.app:/callback"])
        page = Browser(platform).open(client, redirect_uri="com.example.app:/callback")
        assert "form-action 'self' com.example.app:;" in page.headers["Content-Security-Policy"]


def test_an_application_cannot_touch_the_account_itself(platform: Platform) -> None:
    from auth import totp

    owner = platform.register()
    app = application(owner, "*")
    answer = redeem(platform, app, Browser(platform).code(app, f"owner@{owner.slug}.test")).ok()
    user = as_token(owner, answer["access_token"])
    for operation, body in (
        (me.change, {"name": "x"}),
        (me.change_password, {"current": PASSWORD, "new": "another good one"}),
        (totp.enrol, None),
    ):
        user.call(operation, body).problem(403, "in_person_only")
    user.call(me.read).ok()


def test_an_authorization_request_is_bound_to_its_users_grants(platform: Platform) -> None:
    owner = platform.register()
    viewer = add_user(owner, "viewer")
    app = application(owner, "masterdata.*")
    email = viewer.call(me.read).ok()["email"]
    answer = redeem(platform, app, Browser(platform).code(app, email, scope="openid")).ok()
    assert answer["scope"] == "openid masterdata.*.read"
    assert request_of(app)["client_id"] == app["id"]
