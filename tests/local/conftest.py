"""One deploy for each emulator serves all tests here; tests keep apart by tenant."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local import localstack
from local.errors import MissingError
from local.virtualenvs import interpreter
from tests.local.stack import Stack, Tenant, deployed

HERE = Path(__file__).parent
ON_LOCALSTACK = {"test_health", "test_metrics", "test_start", "test_events", "test_sign_in"}
"""What both emulators are held to. LocalStack takes minutes between two attempts at an invocation, and many
times as long for each: the rest is held to on ministack."""


def _emulator(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.xdist_group(name), id=name)


@pytest.fixture(scope="session", params=[_emulator("ministack"), _emulator("localstack")])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The deployed platform."""
    if request.param == "localstack":
        try:
            interpreter(localstack.PYTHON)
        except MissingError as missing:
            pytest.skip(str(missing))
    with deployed(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture
def owner(stack: Stack) -> Tenant:
    """The owner of a new tenant."""
    return stack.register()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of an emulator waits for the whole platform to be deployed."""
    elsewhere = pytest.mark.skip(reason="held to on ministack")
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(1200))
            if "localstack" in item.name and item.path.stem not in ON_LOCALSTACK:
                item.add_marker(elsewhere)
