"""Time and concurrency, as the tests of the identity service want them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from common import database
from common.clock import Clock
from tests.integration.platform import Platform


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move every operation's clock ahead by so many seconds, from the real time."""

    def move(seconds: float) -> None:
        monkeypatch.setattr(Clock, "now", lambda _self: datetime.now(UTC) + timedelta(seconds=seconds))

    return move


@pytest.fixture
def crowded(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let auth's operations run in many threads, each with a connection of its own."""
    engine = database.open_engine(database.url_of(platform.settings["auth"]), size=20)
    monkeypatch.setattr(database, "engine", lambda: engine)
    yield
    engine.dispose()
