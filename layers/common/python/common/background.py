"""Invocations that no caller waits for: schedules, uploads, log subscriptions, deployments."""

from __future__ import annotations

import inspect
import time
import typing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from common import database, logs, metrics, tracing
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
        trace, correlation = tracing.continued(), str(uuid4())
        name = self._operation.id
        logs.logger().append_keys(correlation_id=correlation, trace_id=trace.trace_id, operation=name)
        work = self._work(correlation, trace)
        given: dict[Any, Any] = {
            Work: work,
            Clock: Clock(),
            Deadline: Deadline.of(context, self._operation.timeout),
        }
        status = "failed"
        try:
            arguments = {name: given.get(kind, event) for name, kind in self._parameters.items()}
            with tracing.recorded(name, trace, correlation_id=correlation):
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
            metrics.finish(name, status, time.perf_counter() - started, str(uuid4()), trace)

    def _work(self, correlation: str, trace: tracing.Trace) -> Work | None:
        if Work not in self._parameters.values():
            return None
        return Work(
            database.engine(), settings().service, correlation=correlation, traceparent=trace.traceparent
        )
