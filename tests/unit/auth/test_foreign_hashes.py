"""Hashes of other systems: each form verified by what its own documentation or standard gives."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from argon2 import PasswordHasher, Type

from auth import foreign_hashes, passwords

PASSLIB = "$pbkdf2-sha256$6400$0ZrzXitFSGltTQnBWOsdAw$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M"
"""Of "password", from passlib's documentation."""


def django(password: str, salt: str = "seasalt2", iterations: int = 1000) -> str:
    """As Django's PBKDF2PasswordHasher encodes it."""
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2_sha256${iterations}${salt}${b64encode(key).decode()}"


def of_keycloak(credential: dict[str, Any]) -> str:
    """A credential of a Keycloak realm's export as a PHC string."""
    data, secret = json.loads(credential["credentialData"]), json.loads(credential["secretData"])
    iterations = data["hashIterations"]
    salt, value = (secret[name].rstrip("=") for name in ("salt", "value"))
    return f"${data['algorithm']}$i={iterations}${salt}${value}"


def test_passlibs_example_matches_its_password() -> None:
    assert passwords.matches(PASSLIB, "password")
    assert not passwords.matches(PASSLIB, "Password")


@pytest.mark.parametrize(
    ("iterations", "key"),
    [
        (1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"),
        (2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"),
        (4096, "4b007901b765489abead49d926f721d065a429c1"),
    ],
)
def test_the_standards_vectors_match(iterations: int, key: str) -> None:
    """RFC 6070, section 2."""
    stored = f"$pbkdf2${iterations}${b64encode(b'salt').decode()}${b64encode(bytes.fromhex(key)).decode()}"
    assert passwords.matches(stored, "password")
    assert not passwords.matches(stored, "passwor")


def test_a_keycloak_exports_credential_matches() -> None:
    salt = bytes(range(16))
    key = hashlib.pbkdf2_hmac("sha512", b"geheim", salt, 2100, dklen=64)
    stored = of_keycloak(
        {
            "credentialData": json.dumps({"hashIterations": 2100, "algorithm": "pbkdf2-sha512"}),
            "secretData": json.dumps({"value": b64encode(key).decode(), "salt": b64encode(salt).decode()}),
        }
    )
    assert foreign_hashes.fault(stored) is None
    assert passwords.matches(stored, "geheim")
    assert not passwords.matches(stored, "")


def test_djangos_form_matches() -> None:
    assert passwords.matches(django("lètmein"), "lètmein")
    assert not passwords.matches(django("lètmein"), "letmein")


def test_what_was_hashed_as_typed_matches_as_typed() -> None:
    typed = "pa\u0301ssword \ufb01ne"
    assert passwords.matches(django(typed), typed)
    assert passwords.matches(django(passwords.normal(typed)), typed)


@pytest.mark.parametrize("kind", [Type.I, Type.D, Type.ID])
def test_any_argon2_matches_and_is_outdated(kind: Type) -> None:
    stored = PasswordHasher(time_cost=1, memory_cost=64, parallelism=2, type=kind).hash("secret")
    assert foreign_hashes.fault(stored) is None
    assert passwords.matches(stored, "secret")
    assert passwords.outdated(stored)
    assert passwords.outdated(PASSLIB)
    assert not passwords.outdated(passwords.digest("secret"))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "secret",
        "5f4dcc3b5aa765d61d8327deb882cf99",
        "$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q",
        "$6$rounds=5000$salt$hash",
        "$pbkdf2-md5$1000$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$2000001$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$999999999$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$1000$c2FsdHNhbHQ$AAAA",
        "$pbkdf2-sha256$0$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$1000$$AAAAAAAAAAAAAAAAAAAAAA",
        "$pbkdf2-sha256$1000$A$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=1048576,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64,t=99,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
        "$argon2id$v=19$m=64",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA\n",
        "$argon2id$v=19$m=x,t=1,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
    ],
)
def test_what_cannot_be_verified_or_would_cost_too_much_is_not_taken_over(stored: str) -> None:
    assert foreign_hashes.fault(stored)


def test_salt_and_key_are_read_in_either_alphabet() -> None:
    assert foreign_hashes.pbkdf2("$pbkdf2-sha256$1$..//$....") == foreign_hashes.Pbkdf2(
        "sha256", 1, b64decode("++//"), b64decode("++++")
    )
