"""Signing keys: made here, kept encrypted, published as JWKS."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from sqlalchemy import select, text

from auth.tables import signing_keys
from common.operation import PUBLIC, operation
from common.request import Response
from common.settings import Settings, settings
from common.tokens import TYPE, Claims, encode
from common.work import Work

_NONCE = 12
_LOCK = text("select pg_advisory_xact_lock(hashtextextended('auth.signing_keys', 0))")


class JsonWebKeySet(msgspec.Struct, frozen=True):
    """A JWK Set (RFC 7517, section 5): public keys only."""

    keys: list[dict[str, Any]]


@operation("GET /auth/.well-known/jwks.json", permission=PUBLIC)
def jwks(work: Work) -> Response[JsonWebKeySet]:
    """The keys that verify our tokens, those about to be used and those not yet done included."""
    rows = work.execute(text("select platform.verification_keys()")).scalar_one()
    return Response(JsonWebKeySet(rows), headers={"Cache-Control": "public, max-age=300"})


@dataclass(frozen=True)
class SigningKey:
    """A private key that signs tokens with ES256."""

    kid: str
    private: ec.EllipticCurvePrivateKey

    def sign(self, claims: Claims) -> str:
        """The claims as a compact JWS of type ``at+jwt``."""
        header = msgspec.json.encode({"alg": "ES256", "kid": self.kid, "typ": TYPE})
        signed = f"{encode(header)}.{encode(msgspec.json.encode(claims))}"
        r, s = utils.decode_dss_signature(self.private.sign(signed.encode(), ec.ECDSA(SHA256())))
        return f"{signed}.{encode(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


_decrypted: dict[str, SigningKey] = {}


def current(work: Work) -> SigningKey:
    """The key in use; the first one is made when it is first needed."""
    newest = (
        select(signing_keys.c.kid, signing_keys.c.private_key)
        .where(signing_keys.c.retired_at.is_(None))
        .order_by(signing_keys.c.created_at.desc())
        .limit(1)
    )
    row = work.execute(newest).one_or_none()
    if row is None:
        work.execute(_LOCK)
        row = work.execute(newest).one_or_none()
    if row is None:
        return create(work, work.now)
    if row.kid not in _decrypted:
        _decrypted.clear()
        _decrypted[row.kid] = SigningKey(row.kid, _decrypt(row.kid, row.private_key))
    return _decrypted[row.kid]


def create(work: Work, at: datetime) -> SigningKey:
    """A new ES256 key, published from this transaction's commit on."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    x, y = (encode(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
    thumbprint = sha256(f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'.encode()).digest()
    kid = encode(thumbprint)  # RFC 7638
    jwk = {"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "alg": "ES256", "use": "sig"}
    work.execute(
        signing_keys.insert().values(
            kid=kid, alg="ES256", public_jwk=jwk, private_key=_encrypt(kid, private), created_at=at
        )
    )
    return SigningKey(kid, private)


@cache
def _cipher(configuration: Settings) -> AESGCM:
    secret = configuration.signing_secret
    if configuration.signing_secret_arn:
        import boto3

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=configuration.signing_secret_arn)[
            "SecretString"
        ]
    if not secret:
        raise RuntimeError("Neither SIGNING_SECRET nor SIGNING_SECRET_ARN is set.")
    return AESGCM(sha256(secret.encode()).digest())


def _encrypt(kid: str, private: ec.EllipticCurvePrivateKey) -> bytes:
    der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    nonce = os.urandom(_NONCE)
    return nonce + _cipher(settings()).encrypt(nonce, der, kid.encode())


def _decrypt(kid: str, stored: bytes) -> ec.EllipticCurvePrivateKey:
    der = _cipher(settings()).decrypt(bytes(stored[:_NONCE]), bytes(stored[_NONCE:]), kid.encode())
    private = load_der_private_key(der, None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return private
