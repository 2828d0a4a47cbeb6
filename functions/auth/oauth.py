"""What the OAuth endpoints share: the form they read and the form they refuse in."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from auth.errors import OAuthError
from common.errors import Problem


class ClientForm(Struct, frozen=True, kw_only=True):
    """A client's own part of a form; empty is absent (RFC 6749, 3.2). Other parameters are ignored."""

    client_id: str = ""
    client_secret: str = ""


def tells(problem: Problem) -> dict[str, Any]:
    """A refusal as RFC 6749, section 5.2, has it."""
    if isinstance(problem, OAuthError):
        error = problem.error
    elif problem.status >= 500:
        error = "server_error" if problem.status == 500 else "temporarily_unavailable"
    else:
        error = "invalid_request"
    return {"error": error, "error_description": _plain(problem.detail)}


def _plain(text: str) -> str:
    """The characters that ``error_description`` may have (RFC 6749, appendix A.8)."""
    return "".join(c if c in " !" or ("#" <= c <= "~" and c != "\\") else "'" for c in text)
