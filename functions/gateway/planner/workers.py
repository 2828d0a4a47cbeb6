"""Threads that wait for subgraphs. They are kept between requests: starting one costs more than a plan's
overhead.

A worker that is given up on (its subgraph did not answer in time) is busy until its job returns; meanwhile
others are started. Workers are daemons and hold nothing back at exit.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

Job = Callable[[], None]


class Workers:
    """As many threads as there have been jobs at once."""

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Job]] = []

    def run(self, job: Job) -> None:
        """Run a job in another thread. The job must not raise."""
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=self._work, args=(inbox,), daemon=True, name="subgraph request").start()
        inbox.put(job)

    def _work(self, inbox: SimpleQueue[Job]) -> None:
        while True:
            inbox.get()()
            self._idle.append(inbox)
