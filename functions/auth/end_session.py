"""Signing out at an application's wish (OpenID Connect RP-Initiated Logout 1.0).

An ID token that the application was given is proof enough: its session ends, with the browser's and with all
that other applications got on the same sign-in's strength. Without one the user is asked.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from uuid import UUID

import msgspec
from msgspec import Struct
from sqlalchemy import func, select

from auth import (
    browser_sessions,
    client_authentication,
    ending,
    id_token_hints,
    redirects,
    sealing,
    sign_in_page,
)
from auth.client_authentication import Client
from auth.events import SessionRevoked
from auth.issuing import IdClaims
from auth.tables import clients, sessions
from common.binding import FORM
from common.operation import PUBLIC, Uses, operation
from common.principal import Principal
from common.request import Request, Response
from common.tokens import encode
from common.work import Work

HTML = "text/html; charset=utf-8"


class EndSessionRequest(Struct, frozen=True, kw_only=True):
    """A wish to be signed out; parameters not named here are ignored."""

    id_token_hint: str = ""
    client_id: str = ""
    post_logout_redirect_uri: str = ""
    state: str = ""


class SignOut(EndSessionRequest, frozen=True, kw_only=True):
    """The same as a form: the application's, or the page's own with the user's consent."""

    form_token: str = ""


class _Refused(Exception):
    """The request contradicts itself, or names an address that is not registered: nobody is sent there."""


@dataclass(frozen=True)
class _Asking:
    """Who asks, if that was said, and for whom, if that was proved."""

    client: Client | None
    hint: IdClaims | None


@operation(
    "GET /auth/end-session",
    permission=PUBLIC,
    emits=SessionRevoked,
    uses={Uses.SIGNING},
    produces=HTML,
    answers=(303, 400),
    writes=True,
)
def show(asked: EndSessionRequest, request: Request, work: Work) -> Response[str]:
    """Sign out of the platform and the applications signed in to with it; without an ID token, ask first."""
    return _answer(asked, request, work, consent=False)


@operation(
    "POST /auth/end-session",
    permission=PUBLIC,
    emits=SessionRevoked,
    uses={Uses.SIGNING},
    media_types=(FORM,),
    produces=HTML,
    answers=(303, 400),
)
def sign_out(sent: SignOut, request: Request, work: Work) -> Response[str]:
    """Sign out by a form: an application's own, or the page's that asked the user."""
    consent = bool(sent.form_token) and hmac.compare_digest(
        _form_token(sent, request).encode(), sent.form_token.encode()
    )
    return _answer(sent, request, work, consent=consent)


def _answer(asked: EndSessionRequest, request: Request, work: Work, *, consent: bool) -> Response[str]:
    try:
        asking = _asking(asked, request, work)
    except _Refused as refusal:
        page = sign_in_page.message("You were not signed out", str(refusal), wrong=True)
        return Response(page, status=400, headers=sign_in_page.headers(), media_type=HTML)
    tenants = [asking.client.tenant_id] if asking.client else browser_sessions.tenants(request)
    if asking.hint is not None:
        _end_hinted(asking.hint, tenants[0], request, work)
    elif consent:
        for tenant in tenants:
            work.enter(tenant)
            browser_sessions.end(request, tenant, work)
    elif _signed_in(tenants, request, work):
        return _question(asked, asking, request)
    return _signed_out(asked, tenants, request)


def _asking(asked: EndSessionRequest, request: Request, work: Work) -> _Asking:
    """The client, by its id or by its ID token, if what it wants is registered."""
    hint = id_token_hints.read(asked.id_token_hint, request, work) if asked.id_token_hint else None
    if hint is not None and asked.client_id not in ("", hint.aud):
        raise _Refused("The ID token was given to another application than the one that asks.")
    named = asked.client_id or (hint.aud if hint else "")
    client = client_authentication.find(named, work) if named else None
    if named and client is None:
        raise _Refused("The application is not registered here.")
    if asked.post_logout_redirect_uri and (
        client is None or not redirects.permitted(asked.post_logout_redirect_uri, _registered(client, work))
    ):
        raise _Refused("The application wants you to be sent to an address that it has not registered.")
    return _Asking(client, hint)


def _registered(client: Client, work: Work) -> list[str]:
    work.enter(client.tenant_id)
    own = (clients.c.tenant_id == work.tenant, clients.c.id == client.id)
    return list(work.execute(select(clients.c.post_logout_redirect_uris).where(*own)).scalar_one())


def _end_hinted(hint: IdClaims, tenant: UUID, request: Request, work: Work) -> None:
    """End the session that the ID token is of, and the browser's with which it was begun.

    A request from elsewhere brings no cookie (SameSite), so the browser's session is found by the other one.
    """
    work.enter(tenant)
    work.act_as(Principal("user", hint.sub, tenant))
    named = (sessions.c.tenant_id == tenant, sessions.c.user_id == hint.sub, sessions.c.id == hint.sid)
    whole = select(func.coalesce(sessions.c.browser_id, sessions.c.id)).where(*named).scalar_subquery()
    ending.end(work, "logout", sessions.c.user_id == hint.sub, sessions.c.id == whole)
    ending.end(work, "logout", *named)
    browser_sessions.end(request, tenant, work, of=hint.sub)


def _signed_in(tenants: list[UUID], request: Request, work: Work) -> bool:
    for tenant in tenants:
        work.enter(tenant)
        if browser_sessions.present(request, tenant, work) is not None:
            return True
    return False


def _question(asked: EndSessionRequest, asking: _Asking, request: Request) -> Response[str]:
    hidden = {name: value for name, value in _carried(asked).items() if value}
    page = sign_in_page.question(
        client=asking.client.name if asking.client else "",
        hidden=hidden | {"form_token": _form_token(asked, request)},
    )
    target = redirects.source(asked.post_logout_redirect_uri) if asked.post_logout_redirect_uri else ""
    return Response(page, headers=sign_in_page.headers(target), media_type=HTML)


def _signed_out(asked: EndSessionRequest, tenants: list[UUID], request: Request) -> Response[str]:
    headers = sign_in_page.headers()
    if len(tenants) == 1:
        headers["Set-Cookie"] = browser_sessions.no_cookie(request, tenants[0])
    if not asked.post_logout_redirect_uri:
        page = sign_in_page.message("You are signed out", "You can close this window.")
        return Response(page, headers=headers, media_type=HTML)
    target = redirects.with_query(asked.post_logout_redirect_uri, state=asked.state[:2000] or None)
    return Response("", status=303, headers=headers | {"Location": target}, media_type=HTML)


def _carried(asked: EndSessionRequest) -> dict[str, str]:
    return {name: getattr(asked, name) for name in EndSessionRequest.__struct_fields__}


def _form_token(asked: EndSessionRequest, request: Request) -> str:
    """What only a page that was shown in this browser, for this request, has."""
    bound = msgspec.json.encode([browser_sessions.cookies(request), _carried(asked)])
    return encode(hmac.digest(sealing.key("sign-out form"), bound, "sha256"))
