"""Password hashes that other systems made: PBKDF2 as Keycloak, Django and passlib have it, any Argon2.

A user who is moved in signs in with the old password; the first time, it is hashed anew with our parameters.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
from base64 import b64decode
from dataclasses import dataclass

from argon2 import extract_parameters
from argon2.exceptions import InvalidHashError

MAX_ITERATIONS = 2_000_000
MAX_MEMORY = 128 * 1024
"""KiB that Argon2 may take."""
MAX_PASSES = 10

_DIGESTS = {"sha1": "sha1", "": "sha1", "sha256": "sha256", "sha512": "sha512"}
# The PHC string format and passlib's differ in how the iterations are written; Django's has its salt as text.
_MODULAR = re.compile(
    r"\$pbkdf2(?:-(?P<digest>sha1|sha256|sha512))?\$(?:i=)?(?P<iterations>[1-9][0-9]{0,8})(?:,l=[0-9]{1,3})?"
    r"\$(?P<salt>[A-Za-z0-9+/.]+={0,2})\$(?P<key>[A-Za-z0-9+/.]+={0,2})"
)
_DJANGO = re.compile(
    r"pbkdf2_(?P<digest>sha1|sha256)\$(?P<iterations>[1-9][0-9]{0,8})"
    r"\$(?P<salt>[A-Za-z0-9]+)\$(?P<key>[A-Za-z0-9+/]+={0,2})"
)


@dataclass(frozen=True)
class Pbkdf2:
    """A PBKDF2 hash (RFC 8018, 5.2), taken apart."""

    digest: str
    iterations: int
    salt: bytes
    key: bytes

    def matches(self, password: str) -> bool:
        """Whether the password is the one hashed."""
        made = hashlib.pbkdf2_hmac(
            self.digest, password.encode(), self.salt, self.iterations, dklen=len(self.key)
        )
        return hmac.compare_digest(made, self.key)


def pbkdf2(stored: str) -> Pbkdf2 | None:
    """The hash, if it is of PBKDF2 in one of the forms known here."""
    if (found := _DJANGO.fullmatch(stored)) is not None:
        salt: bytes | None = found["salt"].encode()
    elif (found := _MODULAR.fullmatch(stored)) is not None:
        salt = _decoded(found["salt"])
    else:
        return None
    key = _decoded(found["key"])
    if not salt or key is None:
        return None
    return Pbkdf2(_DIGESTS[found["digest"] or ""], int(found["iterations"]), salt, key)


def fault(stored: str) -> str | None:
    """Why a hash cannot be taken over, or None."""
    if (other := pbkdf2(stored)) is not None:
        if not 16 <= len(other.key) <= 128 or other.iterations > MAX_ITERATIONS:
            return f"PBKDF2 has up to {MAX_ITERATIONS} iterations and a key of 16 to 128 bytes here"
        return None
    try:
        # Written plainly, that is: the library would overlook what comes after.
        asked = extract_parameters(stored if stored.isascii() and stored.isprintable() else "")
    except (InvalidHashError, ValueError):
        return "it is neither of Argon2 ($argon2id$...) nor of PBKDF2 ($pbkdf2-sha256$..., pbkdf2_sha256$...)"
    if asked.memory_cost > MAX_MEMORY or asked.time_cost > MAX_PASSES:
        return f"Argon2 takes up to {MAX_MEMORY} KiB and {MAX_PASSES} passes here"
    return None


def _decoded(text: str) -> bytes | None:
    """Base64, whether padded or not; passlib writes ``.`` for ``+``."""
    plain = text.rstrip("=").replace(".", "+")
    try:
        return b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
