"""Invocations that no caller waits for: schedules, uploads, log subscriptions, deployments."""

from __future__ import annotations

import inspect
import time
import typing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from common import database, logs, metrics
from common.clock import Clock
from common.operation import Operation
from common.settings import settings
from common.work import Work


@dataclass(frozen=True)
class Deadline:
    """When an invocation must have ended."""

    at: float
    """On the monotonic clock, in seconds."""

    @classmethod
    def of(cls, context: Any, timeout: int) -> Deadline:
        """From Lambda's context; without one, the operation's own timeout from now."""
        left = getattr(context, "get_remaining_time_in_millis", None)
        return cls(time.monotonic() + (left() / 1000 if left else timeout))

    @property
    def remaining(self) -> float:
        """Seconds left."""
        return self.at - time.monotonic()


class BackgroundPipeline:
    """The handler of an operation without a caller: one transaction if it takes a ``Work``.

    ``event`` is handed over as it came, ``Work``, ``Clock`` and ``Deadline`` by type. Errors end the
    invocation, so that its source tries again or its failure destination gets it.
    """

    def __init__(self, operation: Operation[..., Any]) -> None:
        self._operation = operation
        hints = typing.get_type_hints(operation.function)
        self._parameters = {name: hints[name] for name in inspect.signature(operation.function).parameters}

    def __call__(self, event: Any, context: Any) -> Any:
        started = time.perf_counter()
        logs.logger().append_keys(operation=self._operation.id)
        work = Work(database.engine(), settings().service) if Work in self._parameters.values() else None
        given: dict[Any, Any] = {
            Work: work,
            Clock: Clock(),
            Deadline: Deadline.of(context, self._operation.timeout),
        }
        status = "failed"
        try:
            arguments = {name: given.get(kind, event) for name, kind in self._parameters.items()}
            result = self._operation.function(**arguments)
            if work is not None:
                work.commit()
            status = "ok"
            return result
        except Exception as error:
            metrics.discard()
            if work is not None and database.is_disconnect(error):
                work.invalidate()
            logs.OPERATION_FAILED(exc_info=error)
            raise
        finally:
            if work is not None:
                work.rollback()
            labels = {"operation": self._operation.id, "status": status}
            metrics.requests_total.inc(1, **labels)
            metrics.request_duration_seconds.observe(time.perf_counter() - started, **labels)
            metrics.flush(str(uuid4()))
