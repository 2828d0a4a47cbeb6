"""After the signing secret was replaced: what it encrypted is encrypted anew, and serves as before."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from rich.console import Console

from auth import keys, me, resealing
from infra import reencrypt
from infra.deployed import Deployed
from tests.integration.auth.people import log_in
from tests.integration.auth.test_second_factor import code_at, enrolled
from tests.integration.platform import Caller, Platform

OLD, NEW = "a secret of the tests", "the one that replaces it"


@pytest.fixture
def platform(fresh_platform: Platform) -> Platform:
    return fresh_platform


@pytest.fixture(autouse=True)
def _cold(monkeypatch: pytest.MonkeyPatch) -> None:
    """No container remembers a key that it has decrypted."""
    monkeypatch.setattr(keys, "_decrypted", {})


class Stage:
    """The platform as the command reaches a deployed stage."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.answers: list[dict[str, Any]] = []

    def invoke(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert command == "reencrypt"
        answer = self.platform.invoke(resealing.reencrypt, json.loads(json.dumps(payload)))
        self.answers.append(answer)
        return cast("dict[str, Any]", json.loads(json.dumps(answer)))

    def run(self, previous: str) -> int:
        return reencrypt.reencrypt(cast("Deployed", self), previous, Console(quiet=True))


def _replace_secret(platform: Platform) -> None:
    platform.configure("auth", signing_secret=NEW)
    keys._decrypted.clear()


def test_who_has_a_second_factor_signs_in_again(
    platform: Platform, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    owners = [platform.register() for _ in range(5)]
    secrets = [enrolled(owner)[0] for owner in owners]
    monkeypatch.setattr(resealing, "BATCH", 2)
    _replace_secret(platform)
    stage = Stage(platform)
    assert stage.run(OLD) == 0
    (told,) = stage.answers
    assert (told["resealed"], told["already"], told["unreadable"]) == (5 + 1, 0, [])
    later(60)
    for owner, secret in zip(owners, secrets, strict=True):
        email = f"owner@{owner.slug}.test"
        answer = log_in(platform, owner.slug, email, otp=code_at(secret, 60)).ok()
        signed_in = Caller(platform, owner.slug, answer["access_token"], owner.user, owner.tenant)
        assert signed_in.call(me.read).ok()["email"] == email


def test_it_may_be_repeated(platform: Platform) -> None:
    enrolled(platform.register())
    _replace_secret(platform)
    stage = Stage(platform)
    assert [stage.run(OLD), stage.run(OLD)] == [0, 0]
    assert [(told["resealed"], told["already"]) for told in stage.answers] == [(2, 0), (0, 2)]


def test_what_neither_secret_opens_is_told_and_left(platform: Platform) -> None:
    owner = platform.register()
    enrolled(owner)
    stored = platform.rows("select secret from auth.totp")
    _replace_secret(platform)
    stage = Stage(platform)
    assert stage.run("another") == 1
    (kid,) = platform.rows("select kid from auth.signing_keys")
    assert stage.answers[0]["unreadable"] == [kid.kid, f"totp:{owner.user}"]
    assert platform.rows("select secret from auth.totp") == stored


def test_it_goes_on_from_a_place(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    owners = sorted((platform.register() for _ in range(3)), key=lambda owner: owner.user)
    for owner in owners:
        enrolled(owner)
    _replace_secret(platform)
    asked = {"previous": OLD, "after": owners[0].user}
    assert platform.invoke(resealing.reencrypt, asked)["resealed"] == 2
    monkeypatch.setattr(resealing, "MARGIN", float("inf"))
    told = platform.invoke(resealing.reencrypt, {"previous": OLD, "after": owners[0].user})
    assert told["after"] == owners[0].user
