"""Functions call each other by the alias that the stage's callers call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common import settings


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    before = list(settings._current)
    yield
    settings._current[:] = before


@pytest.mark.parametrize(
    ("alias", "called"),
    [("live", "groundwork-prod-auth-graph-query:live"), ("", "groundwork-prod-auth-graph-query")],
)
def test_a_function_is_called_by_the_alias_that_the_stage_has(alias: str, called: str) -> None:
    settings.use(settings.Settings.read({"FUNCTION_ALIAS": alias}))
    assert settings.called("groundwork-prod-auth-graph-query") == called
