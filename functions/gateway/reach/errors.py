"""What can go wrong on the way."""

from __future__ import annotations

UNAVAILABLE = "SUBGRAPH_UNAVAILABLE"
TIMEOUT = "SUBGRAPH_TIMEOUT"
MALFORMED = "SUBGRAPH_RESPONSE_MALFORMED"


class Unreached(Exception):
    """No usable answer came: a sentence for the client, a code, and perhaps a reason for the operator."""

    def __init__(self, message: str, code: str = UNAVAILABLE, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
