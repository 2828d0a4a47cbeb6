"""Codes as RFC 4226 and RFC 6238 compute them."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auth import one_time_passwords as otp

SEED = b"12345678901234567890"


COUNTED = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]

TIMED = {
    59: ("94287082", "46119246", "90693936"),
    1111111109: ("07081804", "68084774", "25091201"),
    1111111111: ("14050471", "67062674", "99943326"),
    1234567890: ("89005924", "91819424", "93441116"),
    2000000000: ("69279037", "90698825", "38618901"),
    20000000000: ("65353130", "77737706", "47863826"),
}


def test_the_vectors_of_rfc_4226_appendix_d() -> None:
    assert [otp.code(SEED, count) for count in range(10)] == COUNTED


@pytest.mark.parametrize("seconds", TIMED)
def test_the_vectors_of_rfc_6238_appendix_b(seconds: int) -> None:
    step = otp.step_of(datetime.fromtimestamp(seconds, UTC))
    sizes = {"sha1": 20, "sha256": 32, "sha512": 64}
    codes = [
        otp.code((SEED * 4)[:size], step, digits=8, algorithm=algorithm) for algorithm, size in sizes.items()
    ]
    assert tuple(codes) == TIMED[seconds]


@given(st.binary(min_size=20, max_size=20), st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))
def test_a_code_is_taken_a_step_early_or_late_and_no_further(secret: bytes, at: datetime) -> None:
    moment = at.replace(tzinfo=UTC)
    now = otp.step_of(moment)
    near = {otp.code(secret, now + away): now + away for away in (-1, 0, 1)}
    for code in near:
        assert otp.code(secret, otp.matching_step(secret, code, moment) or 0) == code
    far = otp.code(secret, otp.step_of(moment + timedelta(seconds=60)))
    assert far in near or otp.matching_step(secret, far, moment) is None
    assert otp.matching_step(secret, "", moment) is None
    assert otp.matching_step(secret, "\u0660" * 6, moment) is None


def test_the_uri_is_one_that_authenticators_read() -> None:
    uri = otp.uri(SEED, "Müller & Söhne", "a b@x.test")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert unquote(parts.path) == "/Müller & Söhne:a b@x.test"
    query = parse_qs(parts.query)
    assert base64.b32decode(query["secret"][0]) == SEED
    assert query["issuer"] == ["Müller & Söhne"]
