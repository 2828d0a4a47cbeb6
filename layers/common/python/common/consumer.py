"""The way of one event: from a Kafka batch to a call in a transaction, once for each event id."""

from __future__ import annotations

import base64
import inspect
import time
import typing
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import text

from common import database, logs, metrics, tracing
from common.events import Envelope
from common.operation import Operation
from common.principal import Principal
from common.settings import settings
from common.work import Work

_RECEIVE = "insert into {schema}.inbox (consumer, event_id) values (:consumer, :event) on conflict do nothing"


class TopicPipeline:
    """The handler of an operation on a topic.

    An event that fails ends the invocation with its error: the event source delivers the batch again, and
    what was already dealt with is recognised by its id. After its retries the source hands the batch to
    the failure destination.
    """

    def __init__(self, operation: Operation[..., Any]) -> None:
        self._operation = operation
        hints = typing.get_type_hints(operation.function)
        self._parameters = {name: hints[name] for name in inspect.signature(operation.function).parameters}

    def __call__(self, event: Any, _context: Any) -> None:
        started = time.perf_counter()
        status = "failed"
        try:
            for partition in event["records"].values():
                for record in partition:
                    self._receive(record)
            status = "ok"
        finally:
            seconds, line = time.perf_counter() - started, str(uuid4())
            metrics.finish(self._operation.id, status, seconds, line, tracing.continued())

    def _receive(self, record: dict[str, Any]) -> None:
        envelope = envelope_of(record)
        trace = tracing.continued(envelope.traceparent)
        logs.logger().append_keys(
            correlation_id=envelope.correlation,
            trace_id=trace.trace_id,
            operation=self._operation.id,
            event_id=str(envelope.id),
        )
        with tracing.recorded(self._operation.id, trace, correlation_id=envelope.correlation):
            self._deal_with(envelope, trace)

    def _deal_with(self, envelope: Envelope, trace: tracing.Trace) -> None:
        principal = Principal("system", None, envelope.tenant)
        work = Work(
            database.engine(),
            settings().service,
            principal=principal,
            correlation=envelope.correlation,
            traceparent=trace.traceparent,
        )
        try:
            if self._is_new(work, envelope.id):
                self._operation.function(**self._arguments(envelope, work))
                work.commit()
            else:
                logs.EVENT_DUPLICATE()
        except Exception as error:
            metrics.discard()
            logs.EVENT_FAILED(exc_info=error, topic=envelope.type)
            if database.is_disconnect(error):
                work.invalidate()
            raise
        finally:
            work.rollback()

    def _is_new(self, work: Work, event: UUID) -> bool:
        statement = text(_RECEIVE.format(schema=settings().service))
        consumer = self._operation.id
        return work.execute(statement, {"consumer": consumer, "event": event}).rowcount == 1

    def _arguments(self, envelope: Envelope, work: Work) -> dict[str, Any]:
        given: dict[Any, Any] = {Work: work, Envelope: envelope}
        return {
            name: given[kind] if kind in given else msgspec.json.decode(envelope.data, type=kind)
            for name, kind in self._parameters.items()
        }


def envelope_of(record: dict[str, Any]) -> Envelope:
    """The envelope of one record of a Lambda Kafka event (values base64, headers as lists of bytes)."""
    headers = {
        name: bytes(byte & 0xFF for byte in value).decode()
        for header in record["headers"]
        for name, value in header.items()
    }
    return Envelope.of_record(headers, base64.b64decode(record["value"]))
