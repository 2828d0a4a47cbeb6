"""Passwords known from breaches.

The shipped list holds the commonest passwords of eight and more characters, in lower case: the first eight
bytes of each one's SHA-1, sorted, so that it is searched where it lies. A range service (k-anonymity, as Have
I Been Pwned offers it) can be configured on top: it gets five hex digits of the SHA-1, never the password.
"""

from __future__ import annotations

import hmac
import http.client
import urllib.error
import urllib.request
from bisect import bisect_left
from functools import cache
from hashlib import sha1
from pathlib import Path

from common import logs
from common.settings import settings

WIDTH = 8
"""Bytes of each digest."""
_TIMEOUT = 2.0
"""Seconds that the range service may take; a password is not refused because it does not answer."""
_LIST = Path(__file__).with_name("breached.sha1")

RANGE_SERVICE_SILENT = logs.Line("GW100", 30, "The range service for breached passwords did not answer")


def known(password: str) -> bool:
    """Whether the password is known from a breach."""
    folded = sha1(password.lower().encode(), usedforsecurity=False).digest()
    return _listed(folded) or _in_range(sha1(password.encode(), usedforsecurity=False).hexdigest().upper())


def _listed(digest: bytes) -> bool:
    entries = _entries()
    place = bisect_left(range(len(entries) // WIDTH), digest[:WIDTH], key=lambda n: _entry(entries, n))
    return place < len(entries) // WIDTH and _entry(entries, place) == digest[:WIDTH]


def _entry(entries: bytes, place: int) -> bytes:
    return entries[place * WIDTH : (place + 1) * WIDTH]


@cache
def _entries() -> bytes:
    return _LIST.read_bytes()


def _in_range(digest: str) -> bool:
    """Ask the range service, where the stage has one, for the suffixes that follow five digits."""
    service = settings().breached_passwords_url
    if not service:
        return False
    if not service.startswith("https://") and settings().stage != "local":
        raise RuntimeError("BREACHED_PASSWORDS_URL must be https.")
    prefix, suffix = digest[:5], digest[5:]
    asked = urllib.request.Request(service + prefix, headers={"Add-Padding": "true"})  # noqa: S310 - see above
    try:
        with urllib.request.urlopen(asked, timeout=_TIMEOUT) as answer:  # noqa: S310
            lines = answer.read().decode("ascii", "replace").splitlines()
    except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
        RANGE_SERVICE_SILENT(exc_info=error)
        return False
    found = False
    for line in lines:
        known_suffix, _, count = line.partition(":")
        if hmac.compare_digest(known_suffix.strip().upper().encode(), suffix.encode()):
            found = count.strip() not in ("", "0")  # a padding line counts zero
    return found
