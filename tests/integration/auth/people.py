"""Users, clients and browsers, to test the identity service with."""

from __future__ import annotations

import hashlib
import html
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from auth import authorize, clients, end_session, memberships, roles, sessions, tokens, users
from common.operation import Operation
from tests.integration.platform import PASSWORD, Answer, Caller, Platform, event_of

VERIFIER = "a-verifier-that-is-long-enough-to-be-one-43-characters"
REDIRECT = "https://app.example/callback"


def challenge(verifier: str = VERIFIER) -> str:
    """The S256 challenge of a verifier."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def call_from(
    platform: Platform, address: str, operation: Operation[..., Any], body: Any = None, **options: Any
) -> Answer:
    """Call an operation from an address."""
    platform.use(operation.service)
    event = event_of(operation, body, **options)
    event["requestContext"]["identity"]["sourceIp"] = address
    answer = operation(event, None)
    return Answer(answer["statusCode"], answer["headers"], answer["body"])


def log_in(
    platform: Platform,
    slug: str,
    email: str,
    password: str = PASSWORD,
    *,
    otp: str | None = None,
    address: str = "192.0.2.1",
) -> Answer:
    """Try to sign in."""
    body = {"tenant": slug, "email": email, "password": password} | ({"otp": otp} if otp else {})
    return call_from(platform, address, sessions.login, body)


def add_user(owner: Caller, *role_names: str, email: str | None = None) -> Caller:
    """A new user with built-in roles, or roles made of the permissions named, signed in."""
    email = email or f"user-{uuid4().hex[:8]}@{owner.slug}.test"
    ids = [role_id(owner, name) for name in role_names]
    new = {"email": email, "name": "Uma User", "password": PASSWORD, "role_ids": ids}
    made = owner.call(users.create, new).ok(201)
    token = owner.platform.sign_in(owner.slug, email)
    return Caller(owner.platform, owner.slug, token, made["id"], owner.tenant)


def role_id(owner: Caller, name: str) -> str:
    """A built-in role by its name, or a new one that grants a permission."""
    if "." not in name:
        listed = owner.call(roles.list_).ok()["items"]
        return str(next(role["id"] for role in listed if role["name"] == name))
    new = {"name": f"{name} {uuid4().hex[:6]}", "permissions": name.split()}
    return str(owner.call(roles.create, new).ok(201)["id"])


def assign(owner: Caller, user: str, role: str) -> Answer:
    """Give a user a role."""
    return owner.call(memberships.assign, path={"id": user, "role_id": role})


def service_account(owner: Caller, *permissions: str, **more: Any) -> dict[str, Any]:
    """A client that acts for itself."""
    new = {"name": "robot", "permissions": list(permissions), **more}
    made: dict[str, Any] = owner.call(clients.create, new).ok(201)
    return made


def application(owner: Caller, *permissions: str, **more: Any) -> dict[str, Any]:
    """A client that users sign in to."""
    new = {
        "name": "The App",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [REDIRECT],
        "permissions": list(permissions),
    } | more
    made: dict[str, Any] = owner.call(clients.create, new).ok(201)
    return made


def client_token(platform: Platform, client: Mapping[str, Any], **more: str) -> Answer:
    """Ask for a service account's token."""
    form = {
        "grant_type": "client_credentials",
        "client_id": client["id"],
        "client_secret": client["client_secret"],
    }
    return platform.call(tokens.token, form=form | more)


def acting(owner: Caller, client: Mapping[str, Any]) -> Caller:
    """A service account, signed in."""
    token = client_token(owner.platform, client).ok()["access_token"]
    return Caller(owner.platform, owner.slug, token, client["id"], owner.tenant)


@dataclass
class Browser:
    """A browser at the pages of signing in and out: keeps the cookies, fills the forms."""

    platform: Platform
    cookies: dict[str, str] = field(default_factory=dict)

    def open(self, client: Mapping[str, Any], **more: str | None) -> Answer:
        """Open the sign-in page for a client's request; None leaves a parameter out."""
        return self._send(authorize.show, query=request_of(client, **more))

    def submit(self, page: Answer, **typed: str) -> Answer:
        """Send the page's form with what was typed."""
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}
        return self._send(authorize.sign_in, form=fields | typed)

    def code(self, client: Mapping[str, Any], email: str, password: str = PASSWORD, **more: str) -> str:
        """Sign in to a client, as far as its authorization code."""
        page = self.open(client, **more)
        assert page.status == 200, page.text
        return str(returned(self.submit(page, email=email, password=password))["code"])

    def leave(self, **asked: str) -> Answer:
        """Go where a client sends who is to be signed out."""
        return self._send(end_session.show, query=asked)

    def agree(self, page: Answer) -> Answer:
        """Send the form that asks whether to sign out."""
        fields = {name: html.unescape(value) for name, value in _HIDDEN.findall(page.text)}
        return self._send(end_session.sign_out, form=fields)

    def _send(self, operation: Operation[..., Any], **options: Any) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = self.platform.call(operation, headers={"Cookie": cookie} if cookie else {}, **options)
        if (given := answer.headers.get("Set-Cookie")) is not None:
            name, _, value = given.split(";")[0].partition("=")
            self.cookies[name] = value
            if "Max-Age=0" in given:
                del self.cookies[name]
        return answer


_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def request_of(client: Mapping[str, Any], **more: str | None) -> dict[str, str]:
    """A good authorization request, but for what is said otherwise."""
    parameters = {
        "response_type": "code",
        "client_id": client["id"],
        "redirect_uri": REDIRECT,
        "scope": "openid profile email",
        "state": "the state",
        "nonce": "the nonce",
        "code_challenge": challenge(),
        "code_challenge_method": "S256",
    } | more
    return {name: value for name, value in parameters.items() if value is not None}


def returned(answer: Answer) -> dict[str, str]:
    """What a redirect to the client's URI says."""
    assert answer.status in (302, 303), f"{answer.status}: {answer.text}"
    target = urlsplit(answer.headers["Location"])
    return {name: values[0] for name, values in parse_qs(target.query).items()}


def redeem(platform: Platform, client: Mapping[str, Any], given: str, **more: str) -> Answer:
    """Exchange a code for tokens."""
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": REDIRECT,
        "code_verifier": VERIFIER,
        "client_id": client["id"],
    }
    if client.get("client_secret"):
        form["client_secret"] = client["client_secret"]
    return platform.call(tokens.token, form=form | more)


def as_token(caller: Caller, token: str) -> Caller:
    """The caller with another token."""
    return Caller(caller.platform, caller.slug, token, caller.user, caller.tenant)
