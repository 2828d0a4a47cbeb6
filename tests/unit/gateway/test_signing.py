"""Requests are signed as AWS' own SDK signs them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SdkCredentials
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reach import signing
from gateway.reach.signing import Credentials, signed

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_", min_size=1, max_size=20)
SECRETS = st.text("abcABC123+/=", min_size=1, max_size=40)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60), NAMES, SECRETS, st.sampled_from(["", "session/token+=="]))
def test_the_signature_is_the_sdks(body: bytes, name: str, secret: str, token: str) -> None:
    url = f"https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/{name}/invocations"
    request = AWSRequest("POST", url, headers={"Content-Type": "application/json"}, data=body)
    SigV4Auth(SdkCredentials("AKID", secret, token or None), "lambda", "eu-central-1").add_auth(request)
    at = datetime.strptime(request.headers["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    by = Credentials("AKID", secret, token)
    ours = signed(url, body, service="lambda", region="eu-central-1", by=by, at=at)
    assert ours["authorization"] == request.headers["Authorization"]
    assert ours.get("x-amz-security-token", "") == token


def test_credentials_of_the_environment_are_read_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("first", "second"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
        assert signing.credentials() == Credentials(key, "s", "t")


def test_credentials_of_the_container_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.0.1/creds")
    given_out = [Credentials("a", "s", "t", until=0), Credentials("b", "s", "t")]
    monkeypatch.setattr(signing, "_of_container", lambda _url: given_out.pop(0))
    monkeypatch.setattr(signing, "_held", [])
    assert [signing.credentials().key_id for _ in range(4)] == ["a", "b", "b", "b"]
