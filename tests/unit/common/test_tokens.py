"""Tokens that PyJWT signs are read; everything that is not quite right is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from common.errors import Unauthenticated
from common.tokens import Key, Verifier, decode, encode

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
JWKS = [
    json.loads(ECAlgorithm.to_jwk(EC_KEY.public_key())) | {"kid": "ec"},
    json.loads(RSAAlgorithm.to_jwk(RSA_KEY.public_key())) | {"kid": "rsa"},
]


def claims(**changes: Any) -> dict[str, Any]:
    stamp = int(NOW.timestamp())
    return {
        "iss": "us",
        "sub": str(uuid4()),
        "aud": "groundwork",
        "exp": stamp + 900,
        "iat": stamp,
        "jti": "1",
        "client_id": "c",
        "tid": str(uuid4()),
        "sid": str(uuid4()),
        "scope": "a.b.c x.*",
    } | changes


def signed(body: dict[str, Any], kid: str = "ec", typ: str = "at+jwt", **header: Any) -> str:
    key, algorithm = (EC_KEY, "ES256") if kid == "ec" else (RSA_KEY, "RS256")
    return jwt.encode(body, key, algorithm, headers={"kid": kid, "typ": typ} | header)


@pytest.fixture
def verifier() -> Verifier:
    return Verifier(lambda: JWKS, issuer="us", audience="groundwork")


@pytest.mark.parametrize("kid", ["ec", "rsa"])
def test_a_good_token_tells_its_principal(verifier: Verifier, kid: str) -> None:
    body = claims()
    found, read = verifier.verify(signed(body, kid), NOW)
    assert found == kid
    principal = read.principal()
    assert str(principal.id) == body["sub"]
    assert str(principal.tenant) == body["tid"]
    assert principal.may("a.b.c")
    assert principal.may("x.y.z")
    assert not principal.may("a.b.d")


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "them"},
        {"aud": "other"},
        {"aud": ["other"]},
        {"exp": int(NOW.timestamp()) - 60},
        {"iat": int(NOW.timestamp()) + 60},
        {"sub": "nobody"},
        {"tid": None},
        {"exp": "soon"},
    ],
)
def test_wrong_claims_are_refused(verifier: Verifier, changes: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(signed(claims(**changes)), NOW)


def test_a_missing_claim_is_refused(verifier: Verifier) -> None:
    body = claims()
    del body["sid"]
    with pytest.raises(Unauthenticated):
        verifier.verify(signed(body), NOW)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"crit": ["b64"]}, {"kid": "other"}])
def test_wrong_headers_are_refused(verifier: Verifier, header: dict[str, Any]) -> None:
    with pytest.raises(Unauthenticated):
        verifier.verify(signed(claims(), **header) if "kid" not in header else _other_kid(), NOW)


def _other_kid() -> str:
    return jwt.encode(claims(), EC_KEY, "ES256", headers={"kid": "other", "typ": "at+jwt"})


def test_a_public_key_as_hmac_secret_opens_nothing(verifier: Verifier) -> None:
    """Algorithm confusion (CVE-2015-9235): the header says HS256, the secret is our public key."""
    import hashlib
    import hmac

    header = encode(json.dumps({"alg": "HS256", "kid": "rsa", "typ": "at+jwt"}).encode())
    body = f"{header}.{encode(json.dumps(claims()).encode())}"
    secret = json.dumps(JWKS[1]).encode()
    forged = encode(hmac.new(secret, body.encode(), hashlib.sha256).digest())
    with pytest.raises(Unauthenticated):
        verifier.verify(f"{body}.{forged}", NOW)


def test_a_key_is_good_for_its_own_algorithm_only(verifier: Verifier) -> None:
    header = encode(json.dumps({"alg": "RS256", "kid": "ec", "typ": "at+jwt"}).encode())
    _, body, signature = signed(claims()).split(".")
    with pytest.raises(Unauthenticated):
        verifier.verify(f"{header}.{body}.{signature}", NOW)


@given(st.text(max_size=60) | st.tuples(st.text(max_size=20), st.text(max_size=20)).map(".x.".join))
def test_any_text_is_refused_without_a_fault(text: str) -> None:
    with pytest.raises(Unauthenticated):
        Verifier(lambda: JWKS, issuer="us", audience="groundwork").verify(text, NOW)


@given(st.integers(0, 63), st.integers(1, 255))
def test_no_flipped_bit_of_a_signature_passes(place: int, flip: int) -> None:
    head, body, signature = _GOOD.split(".")
    raw = bytearray(decode(signature))
    raw[place] ^= flip
    with pytest.raises(Unauthenticated):
        Verifier(lambda: JWKS, issuer="us", audience="groundwork").verify(
            f"{head}.{body}.{encode(bytes(raw))}", NOW
        )


_GOOD = signed(claims())


def test_a_remembered_token_still_expires(verifier: Verifier) -> None:
    token = signed(claims())
    verifier.verify(token, NOW)
    with pytest.raises(Unauthenticated, match="expired"):
        verifier.verify(token, NOW + timedelta(minutes=16))


def test_an_unknown_key_rereads_the_keys_once_a_second() -> None:
    reads = []

    def read() -> list[dict[str, Any]]:
        reads.append(1)
        return JWKS

    verifier = Verifier(read, issuer="us", audience="groundwork")
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            verifier.verify(_other_kid(), NOW)
    assert len(reads) == 1
    with pytest.raises(Unauthenticated):
        verifier.verify(_other_kid(), NOW + timedelta(seconds=2))
    assert len(reads) == 2


def test_a_forgotten_key_verifies_no_remembered_token(verifier: Verifier) -> None:
    token = signed(claims())
    verifier.verify(token, NOW)
    verifier.forget("ec")
    assert "ec" not in verifier._keys
    assert not verifier._verified


@given(st.binary(max_size=64))
def test_base64url_round_trips(data: bytes) -> None:
    assert decode(encode(data)) == data


@pytest.mark.parametrize("text", ["a", "ab=", "a+b/", "é", "a b", "ab\n"])
def test_what_is_not_base64url_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(text)


def test_a_key_of_a_short_signature_refuses() -> None:
    assert not Key.of(JWKS[0]).verify(b"short", b"signed")
