"""The unit of work: one transaction with its tenant, its caller and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import Connection, CursorResult, Engine, Executable, RootTransaction
from sqlalchemy.exc import DBAPIError

from common import database, metrics, outbox
from common.clock import Clock
from common.errors import Unauthenticated
from common.events import Envelope, type_of
from common.identifiers import uuid7
from common.postgres import Error as DriverError
from common.principal import ANONYMOUS, Principal

T = TypeVar("T")


class Work:
    """What an operation is given to change the world with.

    It opens a transaction on first need, in one round trip that also sets the tenant (row-level security)
    and reads whether the caller's session still lives. The runtime commits it; operations never do.
    """

    def __init__(
        self,
        engine: Engine,
        service: str,
        *,
        principal: Principal = ANONYMOUS,
        clock: Clock | None = None,
        correlation: str = "",
        traceparent: str = "",
        reads_only: bool = False,
        authorization_version: int = 0,
    ) -> None:
        self._engine = engine
        self._service = service
        self.reads_only = reads_only
        """Whether the transaction is read-only."""
        self._authorization_version = authorization_version
        self._connection: Connection | None = None
        self._transaction: RootTransaction | None = None
        self._events: list[Envelope] = []
        self._versions: dict[str, int] = {}
        self.principal = principal
        self.clock = clock or Clock()
        self.correlation = correlation
        self.traceparent = traceparent
        self._tenant = principal.tenant
        self._now: datetime | None = None
        self.live_keys: frozenset[str] = frozenset()
        self.opened: Any = None
        """What the opening round trip answered to the expression that came along with it."""
        self.transaction = ""
        """The transaction's id, where a statement that writes has told it: the commit need not ask."""
        self.committing = False
        """Whether a commit was sent: if its answer is lost, nobody knows whether it happened."""

    @property
    def now(self) -> datetime:
        """The moment of this work, the same wherever it is asked."""
        if self._now is None:
            self._now = self.clock.now()
        return self._now

    @property
    def tenant(self) -> UUID:
        """The tenant whose rows are seen; a public operation enters one first."""
        if self._tenant is None:
            raise Unauthenticated("The operation needs a tenant; sign in.")
        return self._tenant

    @property
    def connection(self) -> Connection:
        """The transaction's connection."""
        if self._connection is None:
            self.begin()
        assert self._connection is not None
        return self._connection

    def rows(self, statement: str, values: Sequence[Any]) -> list[list[Any]]:
        """Run a statement of the hot path as the driver takes it, with ``$1``, ``$2`` for the ``values``.

        It spares what SQLAlchemy does around a statement; a transaction that begins here begins in the same
        round trip.
        """
        begins = self._connection is None and self.principal.session is None
        connection = self._open() if begins else self.connection
        driver: Any = connection.connection.driver_connection

        def run() -> list[list[Any]]:
            with _as_told(statement):
                if begins:
                    return driver.execute_within(self._opening(), statement, values).rows or []
                return driver.execute_unnamed(statement, values).rows or []

        if not begins:
            return run()
        found = self._guarded(connection, run)
        self._connection = connection
        return found

    def begin(self, expression: str = "") -> None:
        """Open the transaction; a session that no longer lives is refused (401).

        ``expression`` is a further SQL expression to ask in the same round trip, see :attr:`opened`.
        """
        connection = self._open()

        def enter() -> None:
            opening = self._opening(expression)
            # The driver sends a plain "begin" along with the first statement.
            driver: Any = connection.connection.driver_connection
            rows: Any = driver.execute_simple(opening).rows if opening != "begin" else None
            if self.principal.session is not None:
                self._admit(*rows[0][:3])
            if expression:
                self.opened = rows[0][-1]

        self._guarded(connection, enter)
        self._connection = connection

    def _open(self) -> Connection:
        """A connection with a transaction, which the server hears of with the first statement."""
        connection = self._engine.connect()
        self._transaction = self._guarded(connection, connection.begin)
        return connection

    def _guarded(self, connection: Connection, what: Callable[[], T]) -> T:
        """Do something with a connection that is not the work's yet; give it back if that fails."""
        try:
            return what()
        except BaseException as error:
            if database.is_disconnect(error):
                connection.invalidate()
            connection.close()
            raise

    def _opening(self, expression: str = "") -> str:
        """One simple query, hence one round trip; nothing but UUIDs and integers is written into it."""
        begin = "begin read only" if self.reads_only else "begin"
        also = f", {expression}" if expression else ""
        caller = self.principal
        if caller.session is not None:
            return (
                f"{begin}; select live, fresh, kids{also} from platform.enter("  # noqa: S608
                f"'{caller.tenant}', '{caller.session}', '{caller.id}', {self._authorization_version:d})"
            )
        if self._tenant is not None:
            return f"{begin}; select set_config('app.tenant_id', '{self._tenant}', true){also}"
        return f"{begin}; select {expression}" if expression else begin

    def _admit(self, live: bool, fresh: bool, kids: str) -> None:
        if not live:
            raise Unauthenticated("The session has ended; sign in again.")
        if not fresh:
            raise Unauthenticated("Your permissions have changed; refresh the token.")
        self.live_keys = frozenset(kids.split())

    def enter(self, tenant: UUID) -> None:
        """Take up a tenant within a public operation: sees and writes that tenant's rows from here on."""
        self.connection.exec_driver_sql("select set_config('app.tenant_id', %s, true)", (str(tenant),))
        self._tenant = tenant

    def entered(self, tenant: UUID) -> None:
        """Take up a tenant that a statement of the operation's own has just set: a round trip less."""
        self._tenant = tenant

    def act_as(self, principal: Principal) -> None:
        """Record a principal that the operation itself has authenticated as the actor of its events."""
        self.principal = principal

    def execute(
        self, statement: Executable, parameters: Mapping[str, Any] | list[dict[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a statement in the transaction."""
        return self.connection.execute(statement, parameters)

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        """Undo, if the block raises, what was done and said in it; what was before it stands."""
        nested = self.connection.begin_nested()
        events, versions = len(self._events), dict(self._versions)
        try:
            yield
        except BaseException:
            nested.rollback()
            del self._events[events:]
            self._versions = versions
            raise
        nested.commit()

    def emit(self, data: Any) -> None:
        """Store and publish an event with the commit; its declaration names its topic and its stream."""
        declared = type_of(data)
        stream = declared.stream(data)
        version = data.version if declared.versioned else self._next(stream)
        self._events.append(
            Envelope(
                id=uuid7(),
                type=declared.topic,
                source=f"/{self._service}",
                subject=stream,
                time=self.now,
                tenant=self.tenant,
                version=version,
                actor=self.principal.name,
                correlation=self.correlation,
                data=msgspec.Raw(msgspec.json.encode(data)),
                traceparent=self.traceparent,
            )
        )

    def commit(self) -> None:
        """Append the events, then commit. Without an opened transaction there is nothing to do."""
        if self._events and self._connection is None:
            self.begin()
        if self._transaction is None or self._connection is None:
            return
        records = outbox.records(self._events) if self._events else ""
        if records and metrics.pending():
            if not self.transaction:
                self.transaction, records = outbox.append(self._connection, self._service, records), ""
            # Whether what this counts happened, the collector learns from the database: a container that is
            # killed on its way from the commit to its log has counted all the same.
            metrics.flush(str(uuid7()), transaction=self.transaction, correlation_id=self.correlation)
        if records:
            self.committing = True
            with _as_told("append events and commit"):
                outbox.append_and_commit(self._connection, self._service, records)
        self.committing = True
        self._transaction.commit()
        metrics.settle()
        self._close()

    def rollback(self) -> None:
        """Undo; the events are forgotten with it."""
        self._close()

    def invalidate(self) -> None:
        """Throw the connection away: what it is attached to did not answer."""
        if self._connection is not None:
            self._connection.invalidate()
        self._close()

    def _close(self) -> None:
        connection, self._connection, self._transaction = self._connection, None, None
        self.transaction = ""
        self._events.clear()
        self._versions.clear()
        if connection is not None:
            connection.close()

    def _next(self, stream: str) -> int:
        """Versions of a stream that this work writes to more than once follow each other."""
        if stream not in self._versions:
            self._versions[stream] = (
                outbox.next_version(self.connection, self._service, self.tenant, stream) - 1
            )
        self._versions[stream] += 1
        return self._versions[stream]


@contextmanager
def _as_told(statement: str) -> Iterator[None]:
    """What fails at the driver is told as what fails elsewhere, without the values."""
    try:
        yield
    except DriverError as error:
        raise DBAPIError(statement, None, error) from error
