"""The authorization endpoint: code flow with PKCE (RFC 6749, 7636, 9207), and its sign-in page."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select

from auth import (
    browser_sessions,
    client_authentication,
    credentials,
    id_token_hints,
    issuing,
    one_time_tokens,
    redirects,
    sealing,
    sign_in_page,
)
from auth.browser_sessions import BrowserSession
from auth.client_authentication import Client
from auth.credentials import Presented
from auth.errors import BadCredentials, Busy, OneTimeCodeRequired, Throttled
from auth.events import LoginFailed, SessionRefreshed, SessionRevoked, SessionStarted, UserLocked
from auth.issuer import issuer
from auth.tables import tenants
from common.binding import FORM
from common.operation import PUBLIC, Uses, operation
from common.request import Request, Response
from common.tokens import encode
from common.work import Work

CODE_LIFETIME = timedelta(seconds=60)
HTML = "text/html; charset=utf-8"
ASKING = {"consent", "select_account"}
"""Prompts that want the user asked who is signed in. A tenant's administrators register its applications and
bound what these may do, so there is no more to consent to than which application it is."""
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")  # RFC 7636, 4.2: a SHA-256 in base64url
_COOKIE_LIFETIME = 3600
"""Seconds in which a form must be sent."""


class AuthorizationRequest(Struct, frozen=True, kw_only=True):
    """An authorization request; parameters not named here are ignored (RFC 6749, 3.1)."""

    response_type: str = ""
    client_id: str = ""
    redirect_uri: str = ""
    scope: str = ""
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    code_challenge_method: str = ""
    response_mode: str = ""
    prompt: str = ""
    max_age: str = ""
    login_hint: str = ""
    id_token_hint: str = ""
    request: str = ""
    request_uri: str = ""


class SignIn(AuthorizationRequest, frozen=True, kw_only=True):
    """The sign-in form: the request it was shown for, and what the user typed."""

    email: str = ""
    password: str = ""
    otp: str = ""
    form_token: str = ""
    go_on: str = ""
    """Anything, from the page that asks who is signed in already."""


class _Unreturnable(Exception):
    """The request names no client, or none that may be returned to: the user is told, nobody else."""


class _Returned(Exception):
    """The client is told of an error by a redirect (RFC 6749, 4.1.2.1)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


@dataclass(frozen=True)
class _Asking:
    """A request that was found good so far: who asks, for users of which tenant."""

    client: Client
    slug: str
    tenant: str


@operation(
    "GET /auth/authorize",
    permission=PUBLIC,
    emits=SessionRefreshed,
    uses={Uses.SIGNING},
    produces=HTML,
    writes=True,
    answers=(302, 400),
)
def show(asked: AuthorizationRequest, request: Request, work: Work) -> Response[Any]:
    """Answer an authorization request (code flow; PKCE with S256 is required).

    Who is signed in to the tenant in this browser goes back to the client with a code; others get the sign-in
    page. ``prompt``, ``max_age``, ``login_hint`` and ``id_token_hint`` are heeded.
    """
    try:
        asking = _asking(asked, work)
        _check(asked)
        signed_in = _signed_in(asked, asking, request, work)
    except _Unreturnable as error:
        return _refused(str(error))
    except _Returned as error:
        return _back(asked, request, 302, error=error.error, error_description=str(error))
    if signed_in is not None and _asks(asked, asking):
        return _form(
            asked, asking, request, email=signed_in.subject.email, message="", status=200, known=True
        )
    if signed_in is not None:
        return _known(asked, asking, signed_in, request, work, status=302)
    return _form(asked, asking, request, email=asked.login_hint, message="", status=200)


@operation(
    "POST /auth/authorize",
    permission=PUBLIC,
    status=303,
    emits=(LoginFailed, UserLocked, SessionStarted, SessionRefreshed, SessionRevoked),
    uses={Uses.SIGNING},
    media_types=(FORM,),
    produces=HTML,
    memory=1024,
    concurrency=40,
    answers=(400, 401, 403, 429, 503),
)
def sign_in(sent: SignIn, request: Request, work: Work) -> Response[Any]:
    """Take the sign-in form: back to the client with a code, or the form again with what is wrong."""
    try:
        asking = _asking(sent, work)
        _check(sent)
    except _Unreturnable as error:
        return _refused(str(error))
    except _Returned as error:
        return _back(sent, request, 303, error=error.error, error_description=str(error))

    def again(message: str, status: int, more: dict[str, str] | None = None) -> Response[Any]:
        return _form(sent, asking, request, email=sent.email, message=message, status=status, more=more)

    if not _same_browser(sent, request):
        return again("The form had expired; sign in once more.", 403)
    if sent.go_on:
        known = _signed_in(sent, asking, request, work)
        if known is None:
            return again("You are no longer signed in; sign in once more.", 401)
        return _known(sent, asking, known, request, work, status=303)
    presented = Presented(asking.slug, sent.email, sent.password, sent.otp)
    try:
        subject, methods = credentials.verify(presented, request, work)
    except OneTimeCodeRequired:
        return again("Enter the code of your authenticator, too, or a recovery code.", 401)
    except BadCredentials:
        return again("Address or password is wrong. After several tries, wait a moment.", 401)
    except (Throttled, Busy) as error:
        return again(error.detail, error.status, error.headers)
    signed_in, cookie = browser_sessions.start(subject, methods, request, work)
    told = (
        {"code": _code(sent, asking, signed_in, work)}
        if _is_meant(sent, signed_in, request, work)
        else {"error": "login_required", "error_description": "Somebody else has signed in than was meant."}
    )
    return _back(sent, request, 303, {"Set-Cookie": cookie}, **told)


def _asking(asked: AuthorizationRequest, work: Work) -> _Asking:
    """The client, if the redirect URI is its own: until then nothing is redirected (RFC 9700, 4.11)."""
    client = client_authentication.find(asked.client_id, work)
    if client is None or "authorization_code" not in client.grant_types:
        raise _Unreturnable("The application is not registered here for signing in.")
    if not redirects.permitted(asked.redirect_uri, client.redirect_uris):
        raise _Unreturnable("The application wants to be returned to an address that it has not registered.")
    work.enter(client.tenant_id)
    row = work.execute(select(tenants.c.slug, tenants.c.name).where(tenants.c.id == client.tenant_id)).one()
    return _Asking(client, row.slug, row.name)


def _check(asked: AuthorizationRequest) -> None:
    if asked.request:
        raise _Returned("request_not_supported", "Request objects are not supported.")
    if asked.request_uri:
        raise _Returned("request_uri_not_supported", "Request objects are not supported.")
    if asked.response_type != "code":
        raise _Returned("unsupported_response_type", "response_type is code.")
    if asked.response_mode not in ("", "query"):
        raise _Returned("invalid_request", "response_mode is query.")
    if asked.code_challenge_method != "S256" or not _CHALLENGE.fullmatch(asked.code_challenge):
        raise _Returned("invalid_request", "Send code_challenge with code_challenge_method=S256 (RFC 7636).")
    if "none" in (prompts := asked.prompt.split()) and len(prompts) > 1:
        raise _Returned("invalid_request", "prompt=none goes with no other.")
    if asked.max_age and not (
        asked.max_age.isascii() and asked.max_age.isdigit() and len(asked.max_age) < 10
    ):
        raise _Returned("invalid_request", "max_age is a number of seconds.")
    if len(asked.state) > 2000 or len(asked.nonce) > 500 or len(asked.scope) > 2000:
        raise _Returned("invalid_request", "A parameter is too long.")


def _asks(asked: AuthorizationRequest, asking: _Asking) -> bool:
    """Whether the user is to agree to be known to the client.

    Any program on a device can pass for a public client that is returned to there (RFC 8252, 8.6).
    """
    anybody = asking.client.public and not asked.redirect_uri.startswith("https:")
    return anybody or bool(ASKING & set(asked.prompt.split()))


def _signed_in(
    asked: AuthorizationRequest, asking: _Asking, request: Request, work: Work
) -> BrowserSession | None:
    """The browser's session if it will do, else None: sign in (OpenID Connect Core 1.0, 3.1.2.1)."""
    prompts = set(asked.prompt.split())
    found = browser_sessions.present(request, work.tenant, work)
    if (
        found is not None
        and "login" not in prompts
        and asked.login_hint.strip().lower() in ("", found.subject.email)
        and not (asked.max_age and work.now - found.authenticated_at > timedelta(seconds=int(asked.max_age)))
        and _is_meant(asked, found, request, work)
    ):
        if "none" in prompts and _asks(asked, asking):
            raise _Returned(
                "interaction_required", "The user has to agree; nobody else knows the application."
            )
        return found
    if "none" in prompts:
        raise _Returned("login_required", "There is no session to go on with; the user has to sign in.")
    return None


def _is_meant(asked: AuthorizationRequest, found: BrowserSession, request: Request, work: Work) -> bool:
    """Whether the user is the one of the ID token that the client sent along, if it did."""
    hint = id_token_hints.read(asked.id_token_hint, request, work) if asked.id_token_hint else None
    return hint is None or hint.sub == found.subject.id


def _known(
    asked: AuthorizationRequest,
    asking: _Asking,
    signed_in: BrowserSession,
    request: Request,
    work: Work,
    *,
    status: int,
) -> Response[Any]:
    """Back to the client with a code on the strength of an earlier sign-in."""
    browser_sessions.keep(signed_in, request, work)
    return _back(asked, request, status, code=_code(asked, asking, signed_in, work))


def _code(asked: AuthorizationRequest, asking: _Asking, signed_in: BrowserSession, work: Work) -> str:
    return one_time_tokens.make(
        work,
        signed_in.subject.id,
        "code",
        CODE_LIFETIME,
        {
            "client_id": str(asking.client.id),
            "redirect_uri": asked.redirect_uri,
            "code_challenge": asked.code_challenge,
            "scope": issuing.narrowed(asked.scope, asking.client.permissions),
            "nonce": asked.nonce or None,
            "methods": list(signed_in.methods),
            "browser_id": str(signed_in.id),
            "authenticated_at": signed_in.authenticated_at.isoformat(),
        },
    )


def _back(
    asked: AuthorizationRequest,
    request: Request,
    status: int,
    more: Mapping[str, str] | None = None,
    **told: str,
) -> Response[Any]:
    """To the client's redirect URI, with ``state`` and, against mix-up, ``iss`` (RFC 9207)."""
    target = redirects.with_query(
        asked.redirect_uri, **told, state=asked.state[:2000] or None, iss=issuer(request)
    )
    headers = sign_in_page.headers() | {"Location": target} | dict(more or {})
    return Response("", status=status, headers=headers, media_type=HTML)


def _refused(message: str) -> Response[Any]:
    page = sign_in_page.message("Sign-in is not possible", message, wrong=True)
    return Response(page, status=400, headers=sign_in_page.headers(), media_type=HTML)


def _form(
    asked: AuthorizationRequest,
    asking: _Asking,
    request: Request,
    *,
    email: str,
    message: str,
    status: int,
    more: dict[str, str] | None = None,
    known: bool = False,
) -> Response[Any]:
    cookie = request.cookies.get(_cookie_name(request)) or encode(os.urandom(32))
    hidden = {name: value for name, value in _carried(asked).items() if value}
    cancel = redirects.with_query(
        asked.redirect_uri, error="access_denied", state=asked.state or None, iss=issuer(request)
    )
    shown: dict[str, Any] = {
        "tenant": asking.tenant,
        "client": asking.client.name,
        "email": email[:254],
        "cancel": cancel,
        "hidden": hidden | {"form_token": _form_token(cookie, asked)},
    }
    page = sign_in_page.known(**shown) if known else sign_in_page.form(**shown, message=message)
    headers = sign_in_page.headers(redirects.source(asked.redirect_uri)) | (more or {})
    headers["Set-Cookie"] = _set_cookie(request, cookie)
    return Response(page, status=status, headers=headers, media_type=HTML)


def _carried(asked: AuthorizationRequest) -> dict[str, str]:
    """The request's own parameters, whichever form they came in."""
    return {name: getattr(asked, name) for name in AuthorizationRequest.__struct_fields__}


def _same_browser(sent: SignIn, request: Request) -> bool:
    """Whether the form was shown to this browser, for this request: cookie and form token belong together."""
    cookie = request.cookies.get(_cookie_name(request))
    if not cookie or request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    return hmac.compare_digest(_form_token(cookie, sent).encode(), sent.form_token.encode())


def _form_token(cookie: str, asked: AuthorizationRequest) -> str:
    bound = msgspec.json.encode([cookie, _carried(asked)])
    return encode(hmac.digest(sealing.key("sign-in form"), bound, "sha256"))


def _cookie_name(request: Request) -> str:
    return "__Host-sign-in" if request.base_url.startswith("https:") else "sign-in"


def _set_cookie(request: Request, value: str) -> str:
    secure = "; Secure" if request.base_url.startswith("https:") else ""
    name = _cookie_name(request)
    return f"{name}={value}; Path=/; Max-Age={_COOKIE_LIFETIME}; HttpOnly; SameSite=Lax{secure}"
