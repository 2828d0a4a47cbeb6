"""The stage's key-encryption secret, and what is derived from it: encryption at rest, marks, form tokens."""

from __future__ import annotations

import hmac
import os
from functools import cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.settings import Settings, settings

_NONCE = 12


def key(purpose: str) -> bytes:
    """A 256-bit key of its own for each purpose."""
    return _derived(settings(), purpose)


def encrypt(plain: bytes, label: str) -> bytes:
    """AES-256-GCM; ``label`` says whose secret it is and must be the same to decrypt."""
    nonce = os.urandom(_NONCE)
    return nonce + AESGCM(key("at rest")).encrypt(nonce, plain, label.encode())


def decrypt(stored: bytes, label: str) -> bytes:
    """The inverse of :func:`encrypt`."""
    return AESGCM(key("at rest")).decrypt(bytes(stored[:_NONCE]), bytes(stored[_NONCE:]), label.encode())


def renewed(stored: bytes, label: str, previous: bytes, present: bytes) -> bytes | None:
    """What the previous secret encrypted, encrypted under the present one; None if it is already.

    :class:`cryptography.exceptions.InvalidTag` if it is under neither.
    """
    nonce, sealed = bytes(stored[:_NONCE]), bytes(stored[_NONCE:])
    new = AESGCM(_key_of(present, "at rest"))
    try:
        new.decrypt(nonce, sealed, label.encode())
    except InvalidTag:
        plain = AESGCM(_key_of(previous, "at rest")).decrypt(nonce, sealed, label.encode())
        fresh = os.urandom(_NONCE)
        return fresh + new.encrypt(fresh, plain, label.encode())
    return None


def versions(configuration: Settings, previous: str) -> tuple[bytes, bytes]:
    """The previous secret and the present one, as Secrets Manager keeps them now.

    Stages without it know the present one only, and are given the other.
    """
    arn = configuration.signing_secret_arn
    if not arn:
        return previous.encode(), _secret(configuration)
    return _kept(arn, "AWSPREVIOUS").encode(), _kept(arn, "AWSCURRENT").encode()


@cache
def _derived(configuration: Settings, purpose: str) -> bytes:
    return _key_of(_secret(configuration), purpose)


def _key_of(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, purpose.encode(), "sha256")


@cache
def _secret(configuration: Settings) -> bytes:
    secret = configuration.signing_secret
    if configuration.signing_secret_arn:
        secret = _kept(configuration.signing_secret_arn, "AWSCURRENT")
    if not secret:
        raise RuntimeError("Neither SIGNING_SECRET nor SIGNING_SECRET_ARN is set.")
    return secret.encode()


def _kept(arn: str, version: str) -> str:
    import boto3

    manager = boto3.client("secretsmanager")
    kept: str = manager.get_secret_value(SecretId=arn, VersionStage=version)["SecretString"]
    return kept
