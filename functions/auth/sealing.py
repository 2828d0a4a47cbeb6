"""The stage's key-encryption secret, and what is derived from it: encryption at rest, marks, form tokens."""

from __future__ import annotations

import hmac
import os
from functools import cache

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


@cache
def _derived(configuration: Settings, purpose: str) -> bytes:
    return hmac.digest(_secret(configuration), purpose.encode(), "sha256")


@cache
def _secret(configuration: Settings) -> bytes:
    secret = configuration.signing_secret
    if configuration.signing_secret_arn:
        import boto3

        secret = boto3.client("secretsmanager").get_secret_value(SecretId=configuration.signing_secret_arn)[
            "SecretString"
        ]
    if not secret:
        raise RuntimeError("Neither SIGNING_SECRET nor SIGNING_SECRET_ARN is set.")
    return secret.encode()
