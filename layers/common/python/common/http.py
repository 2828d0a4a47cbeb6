"""The way of one HTTP request: authenticate, permit, validate, call in a transaction, answer."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from common import authentication, constraints, database, logs, metrics, tracing
from common.binding import Binder
from common.clock import Clock
from common.errors import MEDIA_TYPE, Forbidden, Problem, Unavailable
from common.etag import etag, none_match
from common.idempotency import Answer, Record
from common.operation import PUBLIC, SELF, Operation
from common.postgres import Error as DriverError
from common.principal import ANONYMOUS, Principal
from common.request import Request, Response
from common.settings import settings
from common.work import Work

ATTEMPTS = 3
"""How often a transaction is tried that collides with another one (serialization, deadlock)."""

_encode = msgspec.json.Encoder(decimal_format="string").encode
_RETRIED = ("40001", "40P01")


class HttpPipeline:
    """The handler of an operation with a route."""

    def __init__(self, operation: Operation[..., Any], clock: Clock | None = None) -> None:
        self._operation = operation
        self._reads_only = operation.reads_only
        self._binder = Binder(operation)
        self._clock = clock or Clock()

    def __call__(self, event: Any, _context: Any) -> dict[str, Any]:
        started = time.perf_counter()
        request = Request.of(event)
        correlation = _correlation(request)
        trace = tracing.continued(request.headers.get("traceparent", ""))
        name = self._operation.id
        logs.logger().append_keys(correlation_id=correlation, trace_id=trace.trace_id, operation=name)
        with tracing.recorded(name, trace, correlation_id=correlation) as told:
            answer = self._answer(request, correlation, trace)
            told(answer["statusCode"])
        answer["headers"]["X-Correlation-Id"] = correlation
        metrics.finish(
            name,
            str(answer["statusCode"]),
            time.perf_counter() - started,
            str(uuid4()),
            trace,
            correlation_id=correlation,
            request_id=request.request_id,
        )
        return answer

    def _answer(self, request: Request, correlation: str, trace: tracing.Trace) -> dict[str, Any]:
        try:
            return self._handle(request, correlation, trace)
        except Problem as problem:
            metrics.discard()
            logs.OPERATION_REFUSED(problem=problem.code, status=problem.status, detail=problem.detail)
            return self._refusal(problem, request.path)
        except (DBAPIError, DriverError, PoolTimeout, OSError) as error:
            metrics.discard()
            logs.OPERATION_FAILED(exc_info=error)
            if isinstance(error, PoolTimeout) or database.is_disconnect(error):
                return self._refusal(
                    Unavailable("The database does not answer; nothing was changed."), request.path
                )
            if database.sqlstate(error) == "57014":
                return self._refusal(
                    Unavailable("It took too long and was given up; nothing was changed."), request.path
                )
            return self._refusal(_Unexpected(correlation), request.path)
        except Exception as error:
            # The last line of defence: a fault of ours is logged whole and told without its inside.
            metrics.discard()
            logs.OPERATION_FAILED(exc_info=error)
            return self._refusal(_Unexpected(correlation), request.path)

    def _handle(self, request: Request, correlation: str, trace: tracing.Trace) -> dict[str, Any]:
        token = None
        if self._operation.permission != PUBLIC or self._identified(request):
            token = authentication.authenticate(request, self._clock.now(), reads_only=self._reads_only)
        principal = token.principal if token else ANONYMOUS
        self._permit(principal)
        attempt = 1
        while True:
            work = self._work(principal, token, correlation, trace)
            try:
                return self._preferred(self._transact(request, work, token), request)
            except (DBAPIError, DriverError) as error:
                lost = database.is_disconnect(error)
                if lost:
                    work.invalidate()
                problem = constraints.problem_of(error)
                if problem is not None:
                    raise problem from error
                # A commit whose answer was lost may have happened: only what surely did not is repeated.
                if lost and work.committing:
                    raise Unavailable(
                        "The connection broke during the commit; see whether it was done before repeating."
                    ) from error
                if attempt >= ATTEMPTS or (lost and attempt > 1):
                    raise
                if not lost and database.sqlstate(error) not in _RETRIED:
                    raise
                (logs.DATABASE_LOST if lost else logs.TRANSACTION_RETRIED)(attempt=attempt)
                metrics.discard()
                attempt += 1
            finally:
                work.rollback()

    def _identified(self, request: Request) -> bool:
        return self._operation.identifies and "authorization" in request.headers

    def _permit(self, principal: Principal) -> None:
        permission = self._operation.permission
        if permission not in (PUBLIC, SELF) and not principal.may(permission):
            raise Forbidden(f"This needs the permission {permission}.", permission=permission)

    def _work(
        self,
        principal: Principal,
        token: authentication.Token | None,
        correlation: str,
        trace: tracing.Trace,
    ) -> Work:
        return Work(
            database.reader() if self._reads_only else database.engine(),
            settings().service,
            principal=principal,
            clock=self._clock,
            correlation=correlation,
            traceparent=trace.traceparent,
            reads_only=self._reads_only,
            authorization_version=token.claims.ver if token else 0,
        )

    def _transact(self, request: Request, work: Work, token: authentication.Token | None) -> dict[str, Any]:
        operation = self._operation
        if operation.database:
            work.begin(operation.opening(work.principal, request) if operation.opening else "")
            if token is not None:
                authentication.confirm(token, work)
        arguments = self._binder.bind(request, work)
        record = None
        key = request.headers.get("idempotency-key")
        if operation.idempotent and key is not None:
            record = Record(
                work, settings().service, operation.id, key, request.path.encode() + b"\0" + request.body
            )
            if (earlier := record.claim()) is not None:
                return _response(
                    earlier.status, earlier.headers | {"Idempotency-Replayed": "true"}, earlier.body
                )
        try:
            answer = self._respond(operation.function(**arguments), request)
        except Problem as problem:
            if not problem.keep:
                raise
            answer = self._refusal(problem, request.path)
            logs.OPERATION_REFUSED(problem=problem.code, status=problem.status, detail=problem.detail)
        if record is not None:
            given = Answer(answer["statusCode"], answer["headers"], answer["body"])
            record.remember(given, msgspec.json.encode(given.headers).decode())
        work.commit()
        return answer

    def _respond(self, result: Any, request: Request) -> dict[str, Any]:
        status, headers, media_type = self._operation.status, {}, self._operation.produces
        if isinstance(result, Response):
            status, headers = result.status or status, dict(result.headers)
            media_type, result = result.media_type or media_type, result.body
        if result is None:
            return _response(status if status != 200 or headers else 204, headers, "")
        version = getattr(result, "version", None)
        if isinstance(version, int) and "ETag" not in headers:
            headers["ETag"] = etag(version)
        tag = headers.get("ETag")
        if tag and request.method == "GET" and none_match(request.headers.get("if-none-match"), tag):
            return _response(304, headers, "")
        if next_cursor := getattr(result, "next", None):
            headers["Link"] = _next_link(request, next_cursor)
        headers.setdefault("Content-Type", media_type)
        headers.setdefault("Cache-Control", "no-store" if request.method != "GET" else "private, no-cache")
        if isinstance(result, bytes):
            import base64

            return _response(status, headers, base64.b64encode(result).decode()) | {"isBase64Encoded": True}
        return _response(status, headers, result if isinstance(result, str) else _encode(result).decode())

    def _preferred(self, answer: dict[str, Any], request: Request) -> dict[str, Any]:
        header = request.headers.get("prefer")
        if header is None or answer["statusCode"] >= 300:
            return answer
        from common import preference

        if preference.wants_minimal(header) and preference.can_be_minimal(self._operation):
            return preference.minimal(answer)
        return answer

    def _refusal(self, problem: Problem, path: str) -> dict[str, Any]:
        tells = self._operation.tells
        body = problem.document(path) if tells is None else tells(problem)
        media_type = MEDIA_TYPE if tells is None else "application/json"
        headers = {"Content-Type": media_type, "Cache-Control": "no-store", **problem.headers}
        return _response(problem.status, headers, _encode(body).decode())


class _Unexpected(Problem):
    status, code, title = 500, "unexpected", "Something went wrong on our side"

    def __init__(self, correlation: str) -> None:
        super().__init__(
            f"Nothing was changed. Tell us the correlation id {correlation} if it happens again."
        )


def _correlation(request: Request) -> str:
    """The caller's ``X-Correlation-Id`` where it is sane, else the request's own id."""
    given = request.headers.get("x-correlation-id", "")
    return given if 0 < len(given) <= 128 and given.isascii() and given.isprintable() else request.request_id


def _next_link(request: Request, cursor: str) -> str:
    from urllib.parse import urlencode

    query = urlencode({**request.query, "cursor": cursor})
    return f'<{request.base_url}{request.path}?{query}>; rel="next"'


def _response(status: int, headers: dict[str, str], body: str) -> dict[str, Any]:
    return {"statusCode": status, "headers": headers, "body": body, "isBase64Encoded": False}
