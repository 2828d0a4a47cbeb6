"""The workers that are built in: jobs of type ``http`` send a request, those of type ``lambda`` invoke one.

``http``: settings ``url``, ``method`` (POST), ``headers``, ``body`` (the variables), ``timeout`` (10
seconds). The result is ``status`` and ``body``, which the task's outputs pick from. 408, 429 and 5xx are
tried again, other refusals are incidents at once. Each request carries the job's id as ``Idempotency-Key``.

``lambda``: settings ``function`` and ``payload`` (the variables). Only functions named
``groundwork-<stage>-task-...`` are invoked, so that a model reaches none of the platform's own. The result is
the answer, an object, or ``result``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common import database, logs, metrics, outbound
from common.background import Deadline
from common.clock import Clock
from common.errors import Problem
from common.operation import Uses, every
from common.postgres import Error as DriverError
from common.principal import Principal
from common.settings import settings
from common.work import Work
from workflow import jobs
from workflow.engine import triggers as on
from workflow.events import ADVANCING
from workflow.moving import Mover

BATCH = 8
"""Jobs done at the same time."""
ATTEMPTS = 3
"""How often it is tried to hand in a result that collides with another transaction."""
LEASE = timedelta(seconds=60)
IDLE = 0.5
SPAN = 60.0
MARGIN = 25.0
"""Seconds before the deadline at which no new jobs are taken: the longest that one may take."""
MAX_SECONDS = 20.0

_TAKE = text("select tenant_id, id, lease from workflow.take_jobs(:types, :now, :until, :limit)")


@dataclass(frozen=True)
class Taken:
    """A job that this worker has leased."""

    tenant: UUID
    id: UUID
    lease: UUID


class Failed(Exception):
    """The job failed; ``final`` if trying again is of no use."""

    def __init__(self, reason: str, *, final: bool) -> None:
        super().__init__(reason)
        self.final = final


@every(minutes=1, uses={Uses.INVOKE}, emits=ADVANCING, timeout=90, memory=512, database=False)
def work_off(deadline: Deadline, clock: Clock) -> dict[str, int]:
    """Do the HTTP and Lambda jobs that are due, for a minute; answers how many."""
    ends = time.monotonic() + min(SPAN, deadline.remaining - MARGIN)
    done = 0
    while True:
        some = round_(clock)
        done += some
        left = ends - time.monotonic()
        if left <= 0:
            return {"done": done}
        if not some:
            time.sleep(min(IDLE, left))


def round_(clock: Clock) -> int:
    """Lease some jobs, do them side by side, and hand in what they gave; how many."""
    work = _work(clock)
    try:
        given = {"types": list(jobs.BUILT_IN), "now": work.now, "until": work.now + LEASE, "limit": BATCH}
        taken = [Taken(row.tenant_id, row.id, row.lease) for row in work.execute(_TAKE, given)]
        rows = [_row(work, job) for job in taken]
        work.commit()
    finally:
        work.rollback()
    if not taken:
        return 0
    with ThreadPoolExecutor(len(taken)) as pool:
        results = list(pool.map(_attempt, rows))
    for job, row, result in zip(taken, rows, results, strict=True):
        _hand_in(clock, job, row.process_id, result(row.ref))
    return len(taken)


def _work(clock: Clock) -> Work:
    return Work(database.engine(), settings().service, principal=Principal("system"), clock=clock)


def _row(work: Work, job: Taken) -> Any:
    work.enter(job.tenant)
    return jobs.row_of(work, job.id)


def _hand_in(clock: Clock, job: Taken, process: UUID, trigger: Callable[[Any], on.AnyTrigger]) -> None:
    """Tells the process. What keeps failing is left to the lease, which ends, and the job is done again."""
    for attempt in range(1, ATTEMPTS + 1):
        work = _work(clock)
        try:
            work.enter(job.tenant)
            if jobs.row_of(work, job.id).lease == job.lease:
                Mover(work).deliver(process, trigger(work.now))
            work.commit()
        except Problem as problem:
            metrics.discard()
            logs.OPERATION_REFUSED(problem=problem.code, status=problem.status, detail=problem.detail)
        except (DBAPIError, DriverError) as error:
            metrics.discard()
            if database.is_disconnect(error):
                work.invalidate()
            if attempt == ATTEMPTS:
                logs.OPERATION_FAILED(exc_info=error, job=str(job.id))
            else:
                logs.TRANSACTION_RETRIED(attempt=attempt)
                continue
        finally:
            work.rollback()
        return


def _attempt(row: Any) -> Callable[[str], Callable[[Any], on.AnyTrigger]]:
    """Does a job; a function that makes its trigger."""
    try:
        variables = _http(row) if row.type == "http" else _lambda(row)
    except Failed as failed:
        message, final = str(failed), failed.final
        return lambda ref: lambda at: on.JobFailed(at=at, job=ref, message=message, final=final)
    return lambda ref: lambda at: on.JobCompleted(at=at, job=ref, variables=variables)


def _http(row: Any) -> dict[str, Any]:
    given = row.settings
    url, headers = given.get("url"), given.get("headers", {})
    if not isinstance(url, str) or not isinstance(headers, dict):
        raise Failed("The task's settings need a url, and headers that are an object.", final=True)
    method = str(given.get("method", "POST")).upper()
    body = None if method in ("GET", "DELETE") else msgspec.json.encode(given.get("body", row.variables))
    sent = {"Content-Type": "application/json", "Accept": "application/json", "Idempotency-Key": str(row.id)}
    sent |= {str(name): str(value) for name, value in headers.items()}
    try:
        answer = outbound.request(method, url, sent, body, _seconds(given))
    except outbound.Unreachable as error:
        raise Failed(str(error), final=error.final) from error
    if answer.status >= 300:
        again = answer.status in (408, 429) or answer.status >= 500
        raise Failed(f"{url} answered {answer.status}.", final=not again)
    return {"status": answer.status, "body": _content(answer)}


def _content(answer: outbound.Answer) -> Any:
    if not answer.body:
        return None
    if answer.media_type.endswith("json"):
        try:
            return msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Failed("The answer is not the JSON that it claims to be.", final=True) from error
    return answer.body.decode("utf-8", "replace")


def _seconds(given: dict[str, Any]) -> float:
    asked = given.get("timeout", 10)
    return min(MAX_SECONDS, max(0.1, asked)) if isinstance(asked, (int, float)) else 10.0


def _lambda(row: Any) -> dict[str, Any]:
    function = str(row.settings.get("function", ""))
    prefix = f"groundwork-{settings().stage}-task-"
    if not function.startswith(prefix):
        raise Failed(f"The function {function!r} is not named {prefix}...; no other is invoked.", final=True)
    payload = msgspec.json.encode(row.settings.get("payload", row.variables))
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = _client().invoke(FunctionName=function, Payload=payload)
        content = answer["Payload"].read()
    except ClientError as error:
        missing = error.response["Error"]["Code"] == "ResourceNotFoundException"
        raise Failed(f"{function} could not be invoked: {error}", final=missing) from error
    except BotoCoreError as error:
        raise Failed(f"{function} could not be invoked: {error}", final=False) from error
    if "FunctionError" in answer:
        raise Failed(f"{function} failed: {content[:500].decode('utf-8', 'replace')}", final=False)
    try:
        result = msgspec.json.decode(content) if content else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failed(f"{function} answered with something that is not JSON.", final=True) from error
    return result if isinstance(result, dict) else {"result": result}


@cache
def _client() -> Any:
    import boto3
    from botocore.config import Config

    # A job is tried again by its process, which counts; the SDK's own retries would not be seen.
    limits = Config(connect_timeout=3, read_timeout=MAX_SECONDS, retries={"max_attempts": 0})
    return boto3.client("lambda", config=limits)
