"""Grants as sets of patterns: which are well formed, what two sets have in common, what nobody may give away.

A permission is ``service.resource.verb``; in a pattern a segment may be ``*``, and a last ``*`` stands for
all the rest: ``masterdata.*``, ``*.*.read``, ``*``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from auth.errors import Exceeds, UnknownPermission
from common.principal import Principal, covers, missing

SEGMENTS = 3
_PATTERN = re.compile(r"\*|[a-z]+(\.\*|(\.([a-z_]+|\*)){2})|\*(\.([a-z_]+|\*)){2}")
OPENID_SCOPES = ("openid", "profile", "email")
"""Scopes that grant claims about the user, no permissions."""


def well_formed(pattern: str) -> bool:
    """Whether it is a permission or a pattern of permissions."""
    return _PATTERN.fullmatch(pattern) is not None


def meet(left: Iterable[str], right: Iterable[str]) -> list[str]:
    """The patterns that cover what both sets cover, none of them within another."""
    right = list(right)
    found = {common for a in left for b in right if (common := _meet(a, b)) is not None}
    return minimal(found)


def minimal(patterns: Iterable[str]) -> list[str]:
    """The patterns without those that another one covers, sorted."""
    distinct = sorted(set(patterns))
    return [p for p in distinct if not any(q != p and covers(q, p) for q in distinct)]


def check_held(principal: Principal, wanted: Iterable[str]) -> None:
    """Refuse what the caller does not hold: nobody can grant, directly or through another, more than that."""
    beyond = missing(principal.grants, wanted)
    if beyond:
        raise Exceeds(f"You do not hold {', '.join(beyond)}, so you cannot give it.", permissions=beyond)


def check_outranks(principal: Principal, held: Iterable[str], what: str) -> None:
    """Refuse to take over, or take from, somebody who may do more than the caller."""
    beyond = missing(principal.grants, held)
    if beyond:
        raise Exceeds(f"{what} may do what you may not: {', '.join(beyond)}.", permissions=beyond)


def check_known(patterns: Iterable[str], catalogue: Iterable[str]) -> None:
    """Refuse patterns that are malformed or stand for no permission there is."""
    known = list(catalogue)
    wrong = [
        pattern
        for pattern in patterns
        if not well_formed(pattern) or (known and not any(covers(pattern, one) for one in known))
    ]
    if wrong:
        raise UnknownPermission(
            f"No permission is meant by {', '.join(wrong)}; GET /auth/permissions lists them.",
            permissions=wrong,
        )


def _meet(left: str, right: str) -> str | None:
    if covers(left, right):
        return right
    if covers(right, left):
        return left
    segments = []
    for a, b in zip(_whole(left), _whole(right), strict=True):
        if a != b and "*" not in (a, b):
            return None
        segments.append(b if a == "*" else a)
    while len(segments) > 1 and segments[-2:] == ["*", "*"]:
        segments.pop()
    return ".".join(segments)


def _whole(pattern: str) -> list[str]:
    segments = pattern.split(".")
    return segments + ["*"] * (SEGMENTS - len(segments))
