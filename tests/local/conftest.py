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
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(1200))
