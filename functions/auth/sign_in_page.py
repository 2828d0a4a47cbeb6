"""The pages of signing in and out: a form at most, no script, nothing loaded from anywhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from urllib.parse import urlencode

_STYLE = (
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;background:#f3f4f6;color:#111827;"
    "font:16px/1.5 system-ui,sans-serif}"
    "main{width:min(24rem,calc(100vw - 2rem));padding:2rem;background:#fff;border-radius:.75rem;"
    "box-shadow:0 1px 3px #0002}"
    "h1{margin:0 0 .25rem;font-size:1.375rem}p{margin:0 0 1.25rem;color:#4b5563}"
    "p.error{padding:.625rem .75rem;border-radius:.375rem;background:#fef2f2;color:#991b1b}"
    "label{display:block;margin-bottom:1rem;font-weight:600}"
    "input{display:block;width:100%;margin-top:.25rem;padding:.5rem .75rem;border:1px solid #6b7280;"
    "border-radius:.375rem;font:inherit}"
    "small{font-weight:400;color:#4b5563}"
    "button{width:100%;padding:.625rem;border:0;border-radius:.375rem;background:#1d4ed8;color:#fff;"
    "font:inherit;font-weight:600;cursor:pointer}"
    "input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid #93c5fd;outline-offset:1px}"
    "a{display:block;margin-top:1rem;text-align:center;color:#1d4ed8}"
    "@media(prefers-color-scheme:dark){body{background:#111827;color:#f9fafb}main{background:#1f2937}"
    "p,small{color:#d1d5db}input{background:#111827;color:#f9fafb}a{color:#93c5fd}"
    "p.error{background:#450a0a;color:#fecaca}}"
)
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>{main}</main></body>
</html>
"""
_FORM = """
<h1>Sign in</h1>
<p>to {tenant}, to continue to {client}</p>
{message}
<form method="post" action="authorize">
{hidden}
<label>E-mail
<input name="email" type="email" value="{email}" autocomplete="username" maxlength="254" required autofocus>
</label>
<label>Password
<input name="password" type="password" autocomplete="current-password" maxlength="256" required></label>
<label>One-time code <small>if you use an authenticator</small>
<input name="otp" inputmode="numeric" autocomplete="one-time-code" maxlength="40"></label>
<button type="submit">Sign in</button>
</form>
<a href="{cancel}">Cancel</a>
"""
_KNOWN = """
<h1>Continue as {email}?</h1>
<p>You are signed in to {tenant}. {client} asks who you are.</p>
<form method="post" action="authorize">
{hidden}
<button type="submit" name="go_on" value="yes">Continue</button>
</form>
<a href="{other}">Sign in as somebody else</a>
<a href="{cancel}">Cancel</a>
"""
_QUESTION = """
<h1>Sign out</h1>
<p>{asks} You will be signed out of all applications that you use in this browser with the same account.</p>
<form method="post" action="end-session">
{hidden}
<button type="submit">Sign out</button>
</form>
"""


def form(
    *, tenant: str, client: str, email: str, message: str, cancel: str, hidden: Mapping[str, str]
) -> str:
    """The page that asks for address, password and code."""
    return _page(
        f"Sign in to {tenant}",
        _FORM.format(
            tenant=escape(tenant),
            client=escape(client),
            email=escape(email),
            message=f'<p class="error" role="alert">{escape(message)}</p>' if message else "",
            cancel=escape(cancel),
            hidden=_inputs(hidden),
        ),
    )


def known(*, tenant: str, client: str, email: str, cancel: str, hidden: Mapping[str, str]) -> str:
    """The page that asks a user who is signed in already whether to go on."""
    asked = {name: value for name, value in hidden.items() if name != "form_token"}
    return _page(
        f"Sign in to {tenant}",
        _KNOWN.format(
            tenant=escape(tenant),
            client=escape(client),
            email=escape(email),
            cancel=escape(cancel),
            other=escape(f"authorize?{urlencode(asked | {'prompt': 'login'})}"),
            hidden=_inputs(hidden),
        ),
    )


def question(*, client: str, hidden: Mapping[str, str]) -> str:
    """The page that asks whether to sign out, for a client if it has said which it is."""
    return _page(
        "Sign out",
        _QUESTION.format(
            asks=f"{escape(client)} asks you to sign out." if client else "Do you want to sign out?",
            hidden=_inputs(hidden),
        ),
    )


def message(title: str, text: str, *, wrong: bool = False) -> str:
    """A page that says something: what was done, or why nothing was."""
    kind = ' class="error"' if wrong else ""
    return _page(title, f"<h1>{escape(title)}</h1><p{kind}>{escape(text)}</p>")


def headers(form_targets: str = "") -> dict[str, str]:
    """Nothing but the page's own style may run or load, and the form goes to us and on to the client only."""
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self' {form_targets}".rstrip()
        + "; frame-ancestors 'none'; base-uri 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }


def _inputs(hidden: Mapping[str, str]) -> str:
    return "\n".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in hidden.items()
    )


def _page(title: str, main: str) -> str:
    return _PAGE.format(title=escape(title), style=_STYLE, main=main)
