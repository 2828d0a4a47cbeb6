"""Real PostgreSQL and a real Kafka broker; operations called as Lambda calls them, by their handlers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.kafka import Broker
from local.postgres import Cluster
from tests.integration.platform import Platform, migrated

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share a platform, thus a worker."""
    for item in items:
        if item.path.is_relative_to(HERE) and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(HERE))))


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One PostgreSQL cluster for this worker, with a migrated template database."""
    with Cluster.temporary() as running:
        migrated(running)
        yield running


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    """One Kafka broker for this worker."""
    with Broker.temporary() as running:
        yield running


@pytest.fixture(scope="module")
def platform(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The platform on a database of the module's own; tests keep apart by tenant."""
    with Platform.on(cluster, request.module.__name__) as made:
        yield made


@pytest.fixture
def fresh_platform(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Platform]:
    """The platform on a database of the test's own, for tests that break it or count everything."""
    with Platform.on(cluster, request.node.name) as made:
        yield made


@pytest.fixture
def platform_with_kafka(
    cluster: Cluster, broker: Broker, request: pytest.FixtureRequest
) -> Iterator[Platform]:
    """The platform on a database of the test's own, with the broker."""
    with Platform.on(cluster, request.node.name, kafka=broker.bootstrap) as made:
        yield made
