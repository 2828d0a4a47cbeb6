"""7: clients that nobody here wrote: openid-client, Authlib, jose, joserfc, PyJWT, and an authenticator."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from authlib.integrations.base_client import OAuthError  # type: ignore[import-untyped]
from authlib.integrations.httpx_client import OAuth2Client  # type: ignore[import-untyped]
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from tests.local.stack import PASSWORD, ROOT, Stack, Tenant, problem
from tests.local.test_federation import node

REDIRECT = "https://app.example/callback"
AFTERWARDS = "https://app.example/goodbye"


def register(owner: Tenant, **client: Any) -> dict[str, Any]:
    """A new client of the tenant's, with its secret."""
    with owner.http as http:
        made = http.post("/auth/clients", json={"name": "The App", **client})
    assert made.status_code == 201, made.text
    told: dict[str, Any] = made.json()
    return told


def application(owner: Tenant, **more: Any) -> dict[str, Any]:
    """A client that users sign in to."""
    grants = ["authorization_code", "refresh_token"]
    addresses = {"redirect_uris": [REDIRECT], "post_logout_redirect_uris": [AFTERWARDS]} | more
    return register(owner, grant_types=grants, permissions=["masterdata.*.read"], **addresses)


def credentials(client: dict[str, Any]) -> dict[str, Any]:
    return {"id": client["id"], "secret": client["client_secret"] or ""}


def metadata(stack: Stack) -> dict[str, Any]:
    with stack.http as http:
        found: dict[str, Any] = http.get("/auth/.well-known/openid-configuration").json()
    return found


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post", "none"])
def test_openid_client_goes_through_the_whole_protocol(stack: Stack, owner: Tenant, method: str) -> None:
    issuer = metadata(stack)["issuer"]
    public = method == "none"
    asked = {
        "issuer": issuer,
        "api": stack.api,
        "redirect": REDIRECT,
        "afterwards": AFTERWARDS,
        "signsOut": public,
        "method": method,
        "application": credentials(application(owner, public=public)),
        "service": None if public else credentials(register(owner, permissions=["masterdata.*"])),
        "email": owner.email,
        "password": PASSWORD,
    }
    told = node("openid.mjs", "openid-client", json.dumps(asked))
    claims = told["claims"]
    assert told["pkce"] is True
    assert (claims["iss"], claims["aud"], claims["email"]) == (
        issuer,
        asked["application"]["id"],
        owner.email,
    )
    assert told["user"]["sub"] == claims["sub"]
    assert told["user"]["tenant"] == owner.slug
    assert told["scope"].split() == ["openid", "profile", "email", "masterdata.customer.read"]
    assert told["customers"]["items"] == []
    assert told["silently"]["sub"] == claims["sub"]
    assert told["silently"]["auth_time"] == claims["auth_time"]
    assert told["refreshed"]["rotated"] is True
    assert told["refreshed"]["claims"]["auth_time"] == claims["auth_time"]
    assert "email" not in told["narrowed"]
    if public:
        assert (told["left"], told["gone"]) == (f"{AFTERWARDS}?state=bye", "login_required")
    else:
        assert (told["active"]["active"], told["active"]["sub"]) == (True, claims["sub"])
        assert told["service"] == {
            "scope": "masterdata.*",
            "type": "bearer",
            "active": True,
            "beyond": "invalid_scope",
            "revoked": False,
        }
    assert told["afterwards"]["refresh"] == told["afterwards"]["code"] == "invalid_grant"
    assert told["afterwards"]["user"] != "none"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_signs_a_user_in_and_a_service_account(stack: Stack, owner: Tenant, method: str) -> None:
    found = metadata(stack)
    app, verifier = application(owner), "v" * 48
    with OAuth2Client(
        app["id"],
        app["client_secret"],
        token_endpoint_auth_method=method,
        redirect_uri=REDIRECT,
        scope="openid email",
        code_challenge_method="S256",
    ) as client:
        url, state = client.create_authorization_url(
            found["authorization_endpoint"], code_verifier=verifier, nonce="n"
        )
        token = client.fetch_token(
            found["token_endpoint"],
            authorization_response=signed_in(url, owner),
            state=state,
            code_verifier=verifier,
        )
        assert client.get(found["userinfo_endpoint"]).json()["email"] == owner.email
        refreshed = client.refresh_token(found["token_endpoint"])
        assert refreshed["refresh_token"] != token["refresh_token"]
        ask = {"url": found["introspection_endpoint"], "token": refreshed["access_token"]}
        assert client.introspect_token(**ask).json()["active"] is True
        gone = client.revoke_token(found["revocation_endpoint"], token=refreshed["refresh_token"])
        assert gone.status_code == 200
        assert client.introspect_token(**ask).json() == {"active": False}
        with pytest.raises(OAuthError, match="invalid_grant"):
            client.refresh_token(found["token_endpoint"], refresh_token=refreshed["refresh_token"])
    robot = register(owner, permissions=["auth.user.read"])
    with OAuth2Client(
        robot["id"],
        robot["client_secret"],
        token_endpoint_auth_method=method,
        token_endpoint=found["token_endpoint"],
    ) as client:
        assert client.fetch_token(grant_type="client_credentials")["scope"] == "auth.user.read"
        assert client.get(f"{stack.api}/auth/users").json()["items"][0]["email"] == owner.email


def test_a_persons_browser_signs_in_once_for_two_applications_and_out_of_both(
    stack: Stack, owner: Tenant, tmp_path: Path
) -> None:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    loopback = {
        "redirect_uris": ["http://127.0.0.1/callback"],
        "post_logout_redirect_uris": ["http://127.0.0.1/goodbye"],
    }
    asked = {
        "issuer": metadata(stack)["issuer"],
        "applications": [application(owner, public=True, **loopback)["id"] for _ in range(2)],
        "email": owner.email,
        "password": PASSWORD,
        "program": program,
        "folder": str(tmp_path),
    }
    told = node("sign_in.mjs", "playwright-core", json.dumps(asked))
    assert told["title"] == f"Sign in to {owner.slug}"
    assert told["wrong"] == "Address or password is wrong. After several tries, wait a moment."
    assert [claims["email"] for claims in told["claims"]] == [owner.email] * 2
    assert told["known"] == f"Continue as {owner.email}?"
    assert told["asked"].startswith("The App asks you to sign out.")
    assert told["left"] == "/goodbye?state=bye"
    assert told["afterwards"] == f"Sign in to {owner.slug}"
    assert told["problems"] == []
    assert told["cookies"] == {"sign-in": [True, "Lax"], "signed-in": [True, "Lax"]}
    assert (tmp_path / "sign-in.png").stat().st_size > 5_000


Verify = Callable[[str], dict[str, Any]]


@contextmanager
def jose(found: dict[str, Any]) -> Iterator[Verify]:
    """The npm package jose in a process that goes on, as a resource server does."""
    program = shutil.which("node")
    if program is None or not (ROOT / "node_modules" / "jose").exists():
        pytest.skip("jose is not installed: `make setup`")
    script = str(ROOT / "tests" / "local" / "jose.mjs")
    with subprocess.Popen(
        [program, script, found["jwks_uri"], found["issuer"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        source, sink = process.stdout, process.stdin

        def verify(token: str) -> dict[str, Any]:
            sink.write(f"{token}\n")
            sink.flush()
            told = json.loads(source.readline())
            if "refused" in told:
                raise ValueError(told["refused"])
            claims: dict[str, Any] = told["claims"]
            return claims

        yield verify
        sink.close()


@contextmanager
def pyjwt(found: dict[str, Any]) -> Iterator[Verify]:
    """PyJWT with its own client of the published keys, which reads them anew for an unknown one."""
    # Between two readings it waits for less time than a new key is published before it signs; here it signs
    # at once.
    keys = jwt.PyJWKClient(found["jwks_uri"], cooldown_duration=0)

    def verify(token: str) -> dict[str, Any]:
        key = keys.get_signing_key_from_jwt(token)
        claims: dict[str, Any] = jwt.decode(
            token, key, ["ES256", "RS256"], audience="groundwork", issuer=found["issuer"]
        )
        return claims

    yield verify


@contextmanager
def joserfc(found: dict[str, Any]) -> Iterator[Verify]:
    """Joserfc, given the published keys as they are then."""

    def verify(token: str) -> dict[str, Any]:
        published = httpx.get(found["jwks_uri"], timeout=30, trust_env=False).json()
        decoded = joserfc_jwt.decode(token, KeySet.import_key_set(published), algorithms=["ES256", "RS256"])
        assert decoded.claims["iss"] == found["issuer"]
        return dict(decoded.claims)

    yield verify


@pytest.mark.parametrize("library", [jose, pyjwt, joserfc])
def test_tokens_verify_by_the_published_keys_alone_across_a_rotation(
    stack: Stack, owner: Tenant, library: Any
) -> None:
    found = metadata(stack)
    client = register(owner, token_alg="RS256")

    def by_client() -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": client["id"],
            "client_secret": client["client_secret"],
        }
        with stack.http as http:
            return str(http.post("/auth/token", data=form).json()["access_token"])

    def kid(token: str) -> str:
        return str(jwt.get_unverified_header(token)["kid"])

    before = [owner.token, by_client()]
    with library(found) as verify:
        for token in before:
            assert verify(token)["tid"] == owner.id
        with owner.http as http:
            assert http.post("/auth/keys/rotate", params={"activate_in": 0}).status_code == 200
        after = [stack.sign_in(owner.slug, owner.email), by_client()]
        assert not {*map(kid, before)} & {*map(kid, after)}
        for token in before + after:
            assert verify(token)["tid"] == owner.id
        head, body, signature = after[0].split(".")
        with pytest.raises(Exception, match=r"(?i)signature"):
            verify(f"{head}.{body}.{'BA'[signature[0] == 'B']}{signature[1:]}")


def test_an_authenticators_codes_sign_in_once_each(stack: Stack, owner: Tenant) -> None:
    oathtool = shutil.which("oathtool")
    if oathtool is None:
        pytest.skip("no authenticator here; Debian's package oathtool has one")

    def code(when: str) -> str:
        command = [oathtool, "--totp", "--base32", f"--now={when}", secret]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    with owner.http as http:
        secret = http.post("/auth/me/totp").json()["secret"]
        confirmed = http.post("/auth/me/totp/confirm", json={"code": code("now")})
        assert confirmed.status_code == 200, confirmed.text
    login = {"tenant": owner.slug, "email": owner.email, "password": PASSWORD}
    with stack.http as http:
        assert problem(http.post("/auth/login", json=login), 401)["code"] == "otp_required"
        following = {"otp": code("now + 30 seconds")}
        signed = http.post("/auth/login", json=login | following)
        assert signed.status_code == 200, signed.text
        assert problem(http.post("/auth/login", json=login | following), 401)["code"] == "bad_credentials"
        late = {"otp": code("now - 10 minutes")}
        assert problem(http.post("/auth/login", json=login | late), 401)["code"] == "bad_credentials"
        spare = {"otp": confirmed.json()["recovery_codes"][0]}
        assert http.post("/auth/login", json=login | spare).status_code == 200


_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def signed_in(url: str, owner: Tenant) -> str:
    """Where a user who signs in at the page is sent."""
    with httpx.Client(timeout=30, trust_env=False) as browser:
        page = browser.get(url)
        assert page.status_code == 200, page.text
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}
        typed = fields | {"email": owner.email, "password": PASSWORD}
        answer = browser.post(url.partition("?")[0], data=typed)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]
