"""Time-based one-time passwords (RFC 6238 over RFC 4226): six digits of HMAC-SHA-1, new each 30 seconds."""

from __future__ import annotations

import base64
import hmac
import os
from datetime import datetime
from urllib.parse import quote, urlencode

STEP = 30
"""Seconds."""
DIGITS = 6
WINDOW = 1
"""Steps of clock difference forgiven, either way (RFC 6238, 5.2)."""


def new_secret() -> bytes:
    """160 random bits, as RFC 4226 recommends (section 4, R6)."""
    return os.urandom(20)


def readable(secret: bytes) -> str:
    """The secret as an authenticator app takes it: base32."""
    return base64.b32encode(secret).decode()


def code(secret: bytes, step: int, *, digits: int = DIGITS, algorithm: str = "sha1") -> str:
    """The code of a time step (RFC 4226, 5.3)."""
    mac = hmac.digest(secret, step.to_bytes(8, "big"), algorithm)
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def step_of(moment: datetime) -> int:
    """The time step that a moment lies in."""
    return int(moment.timestamp()) // STEP


def matching_step(secret: bytes, offered: str, moment: datetime) -> int | None:
    """The step around ``moment`` whose code is the one offered; compared in constant time."""
    now = step_of(moment)
    found = None
    for step in range(now - WINDOW, now + WINDOW + 1):
        if hmac.compare_digest(code(secret, step).encode(), offered.encode()):
            found = step
    return found


def uri(secret: bytes, issuer: str, account: str) -> str:
    """The ``otpauth://`` URI for a QR code (Google Authenticator's key URI format)."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='')}"
    query = urlencode({"secret": readable(secret), "issuer": issuer, "digits": DIGITS, "period": STEP})
    return f"otpauth://totp/{label}?{query}"
