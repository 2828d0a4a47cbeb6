"""Secrets that AWS Secrets Manager keeps are read when they are needed, and as they are then."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from common import database, settings
from common.settings import Settings


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws():
        yield boto3.client("secretsmanager")


def test_a_rotated_password_is_used_by_the_next_connection(
    kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = kept.create_secret(Name="owner", SecretString=json.dumps({"password": "first"}))["ARN"]
    used: list[str] = []

    class Refused(Exception):
        pass

    def connect(**options: Any) -> None:
        used.append(options["password"])
        raise Refused

    monkeypatch.setattr(database, "Connection", connect)
    configuration = Settings(database_host="db", database_user="groundwork_owner", database_secret_arn=arn)
    engine = database.engine_for(configuration)
    for password in ("first", "second"):
        kept.put_secret_value(SecretId=arn, SecretString=json.dumps({"password": password}))
        with pytest.raises(Refused):
            engine.connect()
    assert used == ["first", "second"]


def test_the_scrape_token_comes_from_its_secret(kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = kept.create_secret(Name="scrape", SecretString="token")["ARN"]
    monkeypatch.setenv("SCRAPE_TOKEN_ARN", arn)
    monkeypatch.setattr(settings, "_current", [])
    assert settings.settings().scrape_token == "token"
