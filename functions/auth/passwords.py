"""Passwords, hashed with Argon2id at OWASP's parameters: 19 MiB, two passes, one lane."""

from __future__ import annotations

import unicodedata
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 10
MAX_LENGTH = 256
"""Characters."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def digest(password: str) -> str:
    """The hash to store, in PHC string format."""
    return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one stored. Takes as long where there is none to compare with."""
    try:
        return _hasher.verify(stored or _nobody(), _normal(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(stored: str) -> bool:
    """Whether the hash was made with weaker parameters than today's."""
    return _hasher.check_needs_rehash(stored)


@cache
def _nobody() -> str:
    return _hasher.hash("nobody's password")


def _normal(password: str) -> str:
    # NIST SP 800-63B, 3.1.1.2: the same characters typed on another keyboard are the same password.
    return unicodedata.normalize("NFKC", password)
