"""Execution environments: for each a process that is started when it is called for, and ended to save memory.

Loaded by both emulators in their own virtual environments: standard library alone.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping

from local.executor import Outcome, Package, RuntimeProcess, StartError


class Warm:
    """At most `limit` environments keep their process; those that were used longest ago give theirs up.

    A process takes some 50 MB, and the platform has some hundred functions.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._guard = threading.Lock()
        self._by_use: OrderedDict[Environment, None] = OrderedDict()

    def used(self, environment: "Environment") -> None:
        """Note that the environment was used just now, and let others rest if they are too many."""
        with self._guard:
            self._by_use[environment] = None
            self._by_use.move_to_end(environment)
            surplus = list(self._by_use)[: max(0, len(self._by_use) - self._limit)]
        for other in surplus:
            if other.rest():
                self.forget(other)

    def forget(self, environment: "Environment") -> None:
        """Count the environment no longer."""
        with self._guard:
            self._by_use.pop(environment, None)


class Environment:
    """One execution environment. It serves one invocation at a time; the emulator leases it for each."""

    def __init__(
        self, package: Callable[[], Package], handler: str, variables: Mapping[str, str], warm: Warm
    ) -> None:
        self._package = package
        self._handler = handler
        self._variables = variables
        self._warm = warm
        self._busy = threading.Lock()
        self._runtime: RuntimeProcess | None = None

    def invoke(
        self, payload: bytes, *, request_id: str, function_arn: str, seconds: float, trace_id: str = ""
    ) -> Outcome:
        """Run the handler, in a new process if there is none or the last one crashed or timed out."""
        with self._busy:
            try:
                runtime = self._started()
            except StartError as error:
                return Outcome(error.payload, failed=True, log=error.log)
            outcome = runtime.invoke(
                payload,
                request_id=request_id,
                function_arn=function_arn,
                seconds=seconds,
                trace_id=trace_id,
            )
        self._warm.used(self)
        return outcome

    def start(self) -> None:
        """Start the process ahead of the first invocation."""
        with self._busy:
            self._started()

    def rest(self) -> bool:
        """End the process if no invocation runs; the next one starts another. False if one runs."""
        if not self._busy.acquire(blocking=False):
            return False
        try:
            self._stop()
        finally:
            self._busy.release()
        return True

    def end(self) -> None:
        """End the process, whatever it does."""
        self._stop()
        self._warm.forget(self)

    def _started(self) -> RuntimeProcess:
        if self._runtime is None or not self._runtime.alive:
            self._stop()
            self._runtime = RuntimeProcess(self._package(), self._handler, self._variables)
            self._runtime.start()
        return self._runtime

    def _stop(self) -> None:
        if self._runtime is not None:
            self._runtime.stop()
