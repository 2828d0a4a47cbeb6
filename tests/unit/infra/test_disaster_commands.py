"""What the commands for disasters ask a stage, and how they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from common.logins import role_password
from infra import reencrypt, replay
from infra.deployed import UnreachableError


class Stage:
    """A stage whose function gives the answers in turn; an exception is raised."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def invoke(self, _command: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(json.loads(json.dumps(payload)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


PLACE = {"service": "auth", "tenant": "t", "stream": "user:1", "version": 3}


def _replayed(after: dict[str, Any] | None, *, ok: bool = True, **published: int) -> dict[str, Any]:
    return {"ok": ok, "published": published, "unknown": {}, "after": after, "detail": "full"}


def _resealed(after: str | None, unreadable: list[str] | None = None) -> dict[str, Any]:
    return {"ok": not unreadable, "resealed": 2, "already": 0, "unreadable": unreadable or [], "after": after}


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(replay, "BUILD", tmp_path)
    return tmp_path / "dev" / "replay.json"


def _replay(monkeypatch: pytest.MonkeyPatch, stage: Stage, *arguments: str) -> int:
    monkeypatch.setattr(replay, "find", lambda _: stage)
    return replay.main(["dev", *arguments])


def test_a_replay_asks_until_all_is_published(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(_replayed(PLACE, a=500), _replayed(None, a=3))
    assert _replay(monkeypatch, stage, "--service", "auth", "--since", "2030-01-31T12:00:00Z") == 0
    wanted = {"services": ["auth"], "since": "2030-01-31T12:00:00+00:00"}
    assert stage.asked == [wanted, wanted | {"after": PLACE}]
    assert not build.exists()


@pytest.mark.parametrize("second", [_replayed(PLACE, ok=False), UnreachableError("gone")])
def test_a_replay_that_stops_says_so_and_goes_on_from_there(
    build: Path, monkeypatch: pytest.MonkeyPatch, second: Any
) -> None:
    assert _replay(monkeypatch, Stage(_replayed(PLACE, a=500), second)) == 1
    assert build.exists()
    again = Stage(_replayed(None))
    assert _replay(monkeypatch, again) == 0
    assert again.asked[0]["after"] == PLACE


@pytest.mark.parametrize("arguments", [["--from-start"], ["--service", "rules"]])
def test_another_replay_begins_at_the_start(
    build: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    assert _replay(monkeypatch, Stage(_replayed(PLACE, ok=False))) == 1
    other = Stage(_replayed(None))
    assert _replay(monkeypatch, other, *arguments) == 0
    assert "after" not in other.asked[0]


def test_the_former_secret_comes_from_the_former_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "former").write_text("secret\n")
    stage = Stage(_resealed("u"), _resealed(None))
    monkeypatch.setattr(reencrypt, "find", lambda _: stage)
    assert reencrypt.main(["local", "--former-password", str(tmp_path / "former")]) == 0
    previous = role_password("secret", "signing")
    assert stage.asked == [{"previous": previous}, {"previous": previous, "after": "u"}]


def test_a_reencryption_that_left_something_ends_with_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reencrypt, "find", lambda _: Stage(_resealed("u", ["totp:1"]), _resealed(None)))
    assert reencrypt.main(["dev"]) == 1
    monkeypatch.setattr(reencrypt, "find", lambda _: Stage(UnreachableError("gone")))
    assert reencrypt.main(["dev"]) == 1
    assert reencrypt.main(["dev", "--former-password", "/absent"]) == 1
