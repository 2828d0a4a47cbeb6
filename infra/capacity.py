"""`python -m infra.capacity`: simulate how many containers, and so connections, a rate of requests takes.

Requests come independently of each other (Poisson), take an exponentially distributed time, and have a
container each: an M/G/inf queue, whose occupancy is what Lambda calls concurrency. A container stays for a
while after its last request, with its connection to the proxy, and serves one function alone.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass

MEAN = 0.05
"""Seconds that a request takes."""
RATES = (1, 100, 10_000)
REQUESTS = 300_000
"""How many are simulated at most, after as many seconds as make the first ones typical."""
KEPT = 600.0
"""Seconds that a container is kept without a request; AWS promises none."""
SPREAD = 50
"""Over how many functions the requests are spread."""


@dataclass(frozen=True)
class Load:
    """What a rate of requests came to: containers busy at once, and containers there were."""

    rate: float
    mean: float
    peak: int
    containers: int


def simulate(rate: float, *, mean: float = MEAN, requests: int = REQUESTS, seed: int = 1) -> Load:
    """Serve ``requests`` at ``rate`` a second, each by the container that was busy last, or by a new one."""
    chance = random.Random(seed)
    now = 0.0
    busy: list[float] = []
    idle: list[float] = []
    peak, occupied, most = 0, 0.0, 0
    for _ in range(requests):
        now += chance.expovariate(rate)
        while busy and busy[0] <= now:
            idle.append(heapq.heappop(busy))
        while idle and idle[0] < now - KEPT:
            idle.pop(0)
        if idle:
            idle.pop()
        heapq.heappush(busy, now + chance.expovariate(1 / mean))
        peak = max(peak, len(busy))
        most = max(most, len(busy) + len(idle))
        occupied += len(busy) - 1  # what a new request finds is what there is on average
    return Load(rate, occupied / requests, peak, most)


def main() -> int:
    """Print a line for each rate."""
    for rate in RATES:
        load, share = simulate(rate), simulate(rate / SPREAD)
        print(  # noqa: T201 - a command tells what it found
            f"{rate:>7,} a second: {load.mean:8.2f} busy on average, {load.peak:5} at most; "
            f"spread over {SPREAD} functions {SPREAD * share.containers:5} containers"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
