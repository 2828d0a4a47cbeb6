"""Domain errors, and their one form on the wire: ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

from typing import Any, ClassVar

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An expected refusal: a status, a stable ``code``, and a sentence that says what to do.

    ``members`` are extension members of the problem document, ``headers`` go on the response.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "bad_request"
    title: ClassVar[str] = "Bad request"
    keep: ClassVar[bool] = False
    """Commit what the function did before it refused, such as a failed sign-in's count."""

    def __init__(self, detail: str = "", *, headers: dict[str, str] | None = None, **members: Any) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.headers = headers or {}
        self.members = members

    def document(self, instance: str = "") -> dict[str, Any]:
        """The problem document; ``type`` is a URN made of the code."""
        document: dict[str, Any] = {
            "type": f"urn:groundwork:problem:{self.code}",
            "title": self.title,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        if instance:
            document["instance"] = instance
        return document | self.members


class BadRequest(Problem):
    """The request cannot be understood."""


class Invalid(Problem):
    """The request is understood and breaks a rule; ``errors`` names each place (JSON pointer) and why."""

    status, code, title = 422, "invalid", "The request breaks a rule"

    @classmethod
    def at(cls, pointer: str, detail: str) -> Invalid:
        return cls(detail, errors=[{"pointer": pointer, "detail": detail}])


class Unauthenticated(Problem):
    """No valid token (RFC 6750, section 3)."""

    status, code, title = 401, "unauthenticated", "Sign in first"

    def __init__(self, detail: str = "", *, error: str = "invalid_token", **members: Any) -> None:
        challenge = f'Bearer error="{error}", error_description="{detail}"' if detail else "Bearer"
        super().__init__(detail, headers={"WWW-Authenticate": challenge}, **members)


class Forbidden(Problem):
    """Signed in, without the permission."""

    status, code, title = 403, "forbidden", "Not permitted"


class NotFound(Problem):
    """No such thing in this tenant."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(Problem):
    """The change collides with the present state."""

    status, code, title = 409, "conflict", "Conflict"


class Gone(Problem):
    """It was there and is no more."""

    status, code, title = 410, "gone", "Gone"


class PreconditionFailed(Problem):
    """``If-Match`` names another version than the present one (RFC 9110, 13.1.1)."""

    status, code, title = 412, "precondition_failed", "It has changed since you read it"


class TooLarge(Problem):
    """The body exceeds the operation's limit."""

    status, code, title = 413, "content_too_large", "Content too large"


class UnsupportedMediaType(Problem):
    """The body's media type is none that the operation reads."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class PreconditionRequired(Problem):
    """The change needs ``If-Match`` (RFC 6585, section 3)."""

    status, code, title = 428, "precondition_required", "Say which version you change"


class TooManyRequests(Problem):
    """Slow down (RFC 6585, section 4)."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after: int, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(max(1, retry_after))}, **members)


class Unavailable(Problem):
    """Something this operation needs does not answer; nothing was changed."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str = "", *, retry_after: int = 1, **members: Any) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after)}, **members)
