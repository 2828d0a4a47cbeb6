"""What a client is told of faults. A refusal is told as it is; of a fault's inside production is silent."""

from __future__ import annotations

from typing import Any

from common.operation import SERVICES

MESSAGE = "Something went wrong on our side."
FAULTS = frozenset({"INTERNAL_SERVER_ERROR", "SUBGRAPH_ERROR", "UNEXPECTED"})
"""Codes that say nothing a caller could act on."""
_INSIDE = ("exception", "stacktrace", "reason", "debug")


def masked(response: dict[str, Any], *, details: bool) -> dict[str, Any]:
    """A response as its client may see it."""
    errors = response.get("errors")
    if errors:
        response = {**response, "errors": [_masked(error, details=details) for error in errors]}
    if not details and "extensions" in response:
        response = {name: value for name, value in response.items() if name != "extensions"}
    return response


def _masked(error: dict[str, Any], *, details: bool) -> dict[str, Any]:
    extensions: dict[str, Any] = dict(error.get("extensions") or {})
    for name in _INSIDE[:2] if details else _INSIDE:
        extensions.pop(name, None)
    service = extensions.get("service")
    if details or service is None:
        return {**error, "extensions": extensions}
    code = str(extensions.get("code", ""))
    del extensions["service"]
    if service in SERVICES and code not in FAULTS and not code.startswith("SUBGRAPH_"):
        return {**error, "extensions": extensions}
    return {**error, "message": MESSAGE, "extensions": {"code": code or "INTERNAL_SERVER_ERROR"}}


def codes(response: dict[str, Any]) -> list[str]:
    """The codes of a response's errors, as they are counted. What services of others call theirs is one."""
    return [_code(error.get("extensions") or {}) for error in response.get("errors", ())]


def _code(extensions: dict[str, Any]) -> str:
    code, service = str(extensions.get("code", "UNKNOWN")), extensions.get("service")
    own = service is None or service in SERVICES or code.startswith("SUBGRAPH_")
    return code if own else "OTHER_SERVICE"
