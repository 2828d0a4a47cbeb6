"""What a caller prefers (RFC 7240): without need of what it changed, it says ``Prefer: return=minimal``."""

from __future__ import annotations

import re
from typing import Any

from common.binding import payload
from common.operation import Operation

APPLIED = "return=minimal"

_RETURN = re.compile(r'(?:^|,)\s*return\s*=\s*"?(\w+)', re.IGNORECASE)
_REPRESENTATION = frozenset({"content-type", "content-length"})


def can_be_minimal(operation: Operation[..., Any]) -> bool:
    """Whether what it answers can be read again: a thing with a version, unless it is ``shown_once``."""
    kind = payload(operation)
    return (
        operation.route.method in ("POST", "PUT", "PATCH")
        and "version" in getattr(kind, "__struct_fields__", ())
        and not getattr(kind, "shown_once", False)
    )


def wants_minimal(header: str) -> bool:
    """Whether ``return=minimal`` is preferred; of a preference told twice, the first counts (section 2)."""
    told = _RETURN.search(header)
    return told is not None and told[1].lower() == "minimal"


def minimal(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer to a change without its representation: where it is and its entity tag stay."""
    kept = {name: value for name, value in answer["headers"].items() if name.lower() not in _REPRESENTATION}
    status = 204 if answer["statusCode"] == 200 else answer["statusCode"]
    return answer | {
        "statusCode": status,
        "headers": kept | {"Preference-Applied": APPLIED},
        "body": "",
    }
