"""Unit tests do no I/O: a socket opened is a failure."""

from __future__ import annotations

import pytest
from pytest_socket import disable_socket


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> None:
    if "local" not in request.path.parts[:-1]:
        disable_socket(allow_unix_socket=True)
