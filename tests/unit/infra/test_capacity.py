"""The simulation of containers agrees with what the theory says where there is one (Little's law)."""

from __future__ import annotations

import pytest

from infra.capacity import simulate


@pytest.mark.parametrize(("rate", "mean"), [(100, 0.05), (400, 0.2)])
def test_as_many_are_busy_as_the_rate_times_the_time(rate: float, mean: float) -> None:
    load = simulate(rate, mean=mean, requests=40_000)
    assert load.mean == pytest.approx(rate * mean, rel=0.05)


def test_a_burst_takes_more_than_the_average_and_every_busy_one_is_a_container() -> None:
    load = simulate(100, requests=20_000)
    assert load.mean < load.peak <= load.containers


def test_a_container_serves_one_request_after_the_other() -> None:
    load = simulate(1, requests=2_000)
    assert load.peak <= 2
    assert load.containers <= 3
