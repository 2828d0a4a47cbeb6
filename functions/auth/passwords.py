"""Passwords, hashed with Argon2id at OWASP's parameters: 19 MiB, two passes, one lane."""

from __future__ import annotations

import os
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from auth import foreign_hashes
from auth.errors import Busy

MIN_LENGTH = 8
MAX_LENGTH = 256
"""Characters."""

_PATIENCE = 5.0
"""Seconds that a sign-in waits for its turn to hash."""

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_slots = threading.BoundedSemaphore(os.cpu_count() or 1)
# Compared with where there is no user, so that it takes as long. Of today's parameters; no password matches:
# its digest was drawn at random.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$n0V8OWAQKlEzpQmEIEtNxQ$rh3P79wECYSjW3BREcbYe5arrJWfFord0ITAidWo6T4"


def digest(password: str) -> str:
    """The hash to store, in PHC string format."""
    with _turn():
        return _hasher.hash(normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one stored. Takes as long where there is none to compare with."""
    text = normal(password)
    with _turn():
        if _matches(stored, text):
            return True
        # Elsewhere it may have been hashed as it was typed.
        return text != password and stored is not None and outdated(stored) and _matches(stored, password)


def outdated(stored: str) -> bool:
    """Whether the hash was made with other parameters than today's, or in another way."""
    return foreign_hashes.pbkdf2(stored) is not None or _hasher.check_needs_rehash(stored)


def _matches(stored: str | None, text: str) -> bool:
    if stored is not None and (foreign := foreign_hashes.pbkdf2(stored)) is not None:
        return foreign.matches(text)
    try:
        return _hasher.verify(stored or _NOBODY, text) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def normal(password: str) -> str:
    """The same characters typed on another keyboard are the same password (NIST SP 800-63B, 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)


@contextmanager
def _turn() -> Iterator[None]:
    """Hash no more at once than there are CPUs: each takes 19 MiB, and more of them would only wait."""
    if not _slots.acquire(timeout=_PATIENCE):
        raise Busy("Too many sign-ins at once; try again in a moment.")
    try:
        yield
    finally:
        _slots.release()
