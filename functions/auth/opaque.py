"""Opaque tokens: random, self-locating secrets of which only a SHA-256 is kept.

256 random bits need no slow hash: nobody guesses them. A token names its tenant and its row, so that it is
found without a search, and carries a mark by which a token that was once ours is told from one made up.
"""

from __future__ import annotations

import binascii
import hmac
import os
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from auth import sealing
from common.tokens import decode, encode

_SECRET = 32
_MARK = 16
_LENGTH = 16 + 16 + _SECRET + _MARK


@dataclass(frozen=True)
class Opaque:
    """A token taken apart."""

    tenant: UUID
    id: UUID
    secret: bytes

    @classmethod
    def fresh(cls, tenant: UUID, identifier: UUID) -> Opaque:
        """A new token for a row of a tenant."""
        return cls(tenant, identifier, os.urandom(_SECRET))

    @property
    def text(self) -> str:
        """As its holder gets it: base64url, 107 characters."""
        return encode(self._body + self._mark())

    @property
    def digest(self) -> bytes:
        """What is stored."""
        return digest(self.secret)

    @property
    def _body(self) -> bytes:
        return self.tenant.bytes + self.id.bytes + self.secret

    def _mark(self) -> bytes:
        return hmac.digest(sealing.key("opaque tokens"), self._body, "sha256")[:_MARK]


def read(text: str) -> Opaque | None:
    """The token, or None for anything that was never one of ours."""
    try:
        raw = decode(text)
    except (ValueError, binascii.Error):
        return None
    if len(raw) != _LENGTH:
        return None
    token = Opaque(UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32 : 32 + _SECRET])
    return token if hmac.compare_digest(token._mark(), raw[-_MARK:]) else None


def digest(secret: bytes) -> bytes:
    """The SHA-256 of a high-entropy secret."""
    return sha256(secret).digest()


def same(stored: bytes | None, offered: bytes) -> bool:
    """Whether two digests are equal, in constant time."""
    return stored is not None and hmac.compare_digest(bytes(stored), offered)


def seal(successor: bytes, predecessor: bytes) -> bytes:
    """A token's secret, readable by who holds the one before it, and by nobody else: a one-time pad."""
    pad = hmac.digest(predecessor, b"successor", "sha256")
    return bytes(a ^ b for a, b in zip(successor, pad, strict=True))


unseal = seal
"""The inverse of :func:`seal` is itself."""
