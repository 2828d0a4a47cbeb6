"""Access tokens (RFC 9068: JWTs of type ``at+jwt``), verified by every operation for itself.

Only the two signature algorithms we issue exist here: ES256 and RS256, each bound to its key. A token's
header chooses nothing but the key, so algorithm confusion and ``alg=none`` have nothing to confuse.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.hashes import SHA256

from common.errors import Unauthenticated
from common.principal import Kind, Principal

TYPE = "at+jwt"
LEEWAY = 5
"""Seconds of clock difference forgiven."""
MAX_LENGTH = 8192
"""Characters; a longer token is refused unread."""
_CACHED = 512

_SHA256 = SHA256()
_ES256 = ec.ECDSA(_SHA256)
_PKCS1 = padding.PKCS1v15()


class Header(msgspec.Struct, frozen=True):
    """The JOSE header's members that matter; an unknown critical one is refused (RFC 7515, 4.1.11)."""

    alg: str
    kid: str = ""
    typ: str = ""
    crit: list[str] | None = None


class Claims(msgspec.Struct, frozen=True, omit_defaults=True):
    """The claims of an access token. Times are seconds since the epoch.

    ``tid`` is the tenant, ``sid`` the session (RFC 9068 leaves room for both), ``scope`` the grants.
    """

    iss: str
    sub: UUID
    aud: str | list[str]
    exp: int
    iat: int
    jti: str
    client_id: str
    tid: UUID
    sid: UUID
    scope: str = ""
    sub_kind: str = "user"
    ver: int = 0
    """The subject's authorization version; a change of its roles makes older tokens stale."""

    def principal(self) -> Principal:
        kind: Kind = "client" if self.sub_kind == "client" else "user"
        return Principal(kind, self.sub, self.tid, self.sid, frozenset(self.scope.split()))


@dataclass(frozen=True)
class Key:
    """A public verification key, with the one algorithm it may be used for."""

    kid: str
    alg: str
    public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey

    @classmethod
    def of(cls, jwk: Mapping[str, Any]) -> Key:
        """From a JWK (RFC 7517) of type EC P-256 or RSA."""
        if jwk["kty"] == "EC":
            numbers = ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), ec.SECP256R1())
            return cls(jwk["kid"], "ES256", numbers.public_key())
        public = rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"])).public_key()
        return cls(jwk["kid"], "RS256", public)

    def verify(self, signature: bytes, signed: bytes) -> bool:
        try:
            if isinstance(self.public, ec.EllipticCurvePublicKey):
                if len(signature) != 64:
                    return False
                r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
                self.public.verify(utils.encode_dss_signature(r, s), signed, _ES256)
            else:
                self.public.verify(signature, signed, _PKCS1, _SHA256)
        except InvalidSignature:
            return False
        return True


class Verifier:
    """Verifies tokens against keys that ``read`` fetches: at first, and whenever an unknown key id comes.

    An empty ``issuer`` accepts whatever name the keys' owner goes by.

    A verified token is remembered, so that a warm container pays for a signature once; its times are
    checked on every use, and its key against the live ones in the transaction.
    """

    def __init__(
        self, read: Callable[[], Iterable[Mapping[str, Any]]], *, issuer: str, audience: str
    ) -> None:
        self._read = read
        self._issuer = issuer
        self._audience = audience
        self._keys: dict[str, Key] = {}
        self._verified: dict[str, tuple[str, Claims]] = {}
        self._reread_at = 0.0

    def verify(self, token: str, now: datetime) -> tuple[str, Claims]:
        """The key id and claims of a good token; :class:`Unauthenticated` says what is wrong with another."""
        seconds = now.timestamp()
        found = self._verified.get(token)
        if found is None:
            found = self._check(token, seconds)
            if len(self._verified) >= _CACHED:
                self._verified.pop(next(iter(self._verified)))
            self._verified[token] = found
        claims = found[1]
        if claims.exp <= seconds - LEEWAY:
            self._verified.pop(token, None)
            raise Unauthenticated("The token has expired; refresh it or sign in again.")
        if claims.iat > seconds + LEEWAY:
            raise Unauthenticated("The token is from the future; check the issuer's clock.")
        return found

    def forget(self, kid: str) -> None:
        """Drop a key that was withdrawn, and every token it signed."""
        self._keys.pop(kid, None)
        self._verified = {t: f for t, f in self._verified.items() if f[0] != kid}

    def _check(self, token: str, seconds: float) -> tuple[str, Claims]:
        if len(token) > MAX_LENGTH or token.count(".") != 2:
            raise Unauthenticated("The token is no JWT of ours.")
        signed, _, last = token.rpartition(".")
        first, _, middle = signed.partition(".")
        try:
            header = msgspec.json.decode(decode(first), type=Header)
            signature = decode(last)
        except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
            raise Unauthenticated("The token is no JWT of ours.") from error
        if header.crit is not None or header.typ.lower().removeprefix("application/") != TYPE:
            raise Unauthenticated("The token is not an access token.")
        key = self._key(header.kid, seconds)
        if key is None or key.alg != header.alg or not key.verify(signature, signed.encode()):
            raise Unauthenticated("The token's signature is not from a key of ours.")
        try:
            claims = msgspec.json.decode(decode(middle), type=Claims)
        except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
            raise Unauthenticated("The token's claims are not those of an access token.") from error
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if (self._issuer and claims.iss != self._issuer) or self._audience not in audiences:
            raise Unauthenticated("The token was issued by, or for, somebody else.")
        return key.kid, claims

    def _key(self, kid: str, seconds: float) -> Key | None:
        if kid not in self._keys and seconds >= self._reread_at:
            self._keys = {jwk["kid"]: Key.of(jwk) for jwk in self._read()}
            if kid not in self._keys:
                self._reread_at = seconds + 1  # forged ids must not turn into a read each
        return self._keys.get(kid)


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515, section 2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """The inverse of :func:`encode`; foreign characters are an error, not skipped."""
    if not text.isascii() or "=" in text or "+" in text or "/" in text:
        raise ValueError("not base64url")
    return binascii.a2b_base64(text.translate(_STANDARD) + "=" * (-len(text) % 4), strict_mode=True)


_STANDARD = str.maketrans("-_", "+/")


def _integer(text: str) -> int:
    return int.from_bytes(urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
