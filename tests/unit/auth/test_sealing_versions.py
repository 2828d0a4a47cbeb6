"""Which secrets a re-encryption goes between."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from cryptography.exceptions import InvalidTag
from moto import mock_aws

from auth import sealing
from common import settings
from common.settings import Settings


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A secret that was replaced once; its ARN."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        manager = boto3.client("secretsmanager")
        arn = manager.create_secret(Name="signing", SecretString="old")["ARN"]
        manager.put_secret_value(SecretId=arn, SecretString="new")
        yield arn


def test_on_aws_the_secret_knows_its_previous_version(kept: str) -> None:
    assert sealing.versions(Settings(signing_secret_arn=kept), "") == (b"old", b"new")


def test_elsewhere_the_previous_one_is_given() -> None:
    assert sealing.versions(Settings(signing_secret="new"), "old") == (b"old", b"new")


def test_what_the_previous_secret_encrypted_opens_under_the_present_one() -> None:
    settings.use(Settings(signing_secret="old"))
    stored = sealing.encrypt(b"seed", "totp:1")
    renewed = sealing.renewed(stored, "totp:1", b"old", b"new")
    assert renewed is not None
    assert sealing.renewed(renewed, "totp:1", b"old", b"new") is None
    settings.use(Settings(signing_secret="new"))
    assert sealing.decrypt(renewed, "totp:1") == b"seed"
    with pytest.raises(InvalidTag):
        sealing.renewed(renewed, "totp:2", b"old", b"new")
