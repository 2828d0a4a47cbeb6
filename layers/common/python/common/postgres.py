"""pg8000 with the round trips it can spare: a statement takes one instead of three, so does a commit.

pg8000 waits for PostgreSQL after parsing, after describing and after executing. The protocol lets all of it
travel together (PostgreSQL documentation, 54.2.4, pipelining). Parameters are numbered once per statement
text instead of once per execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from typing import Any

from common import cold_start

with cold_start.deferred_certificates():
    import pg8000.dbapi
    from pg8000 import converters, core
    from pg8000.exceptions import Error, InterfaceError

__all__ = ["Connection", "Cursor", "Error", "InterfaceError"]

_UNNAMED = core.NULL_BYTE
_TIMESTAMPTZ = 1184
"""The type's OID."""


class Cursor(pg8000.dbapi.Cursor):  # type: ignore[misc]
    """A cursor of the connection below."""

    _input_oids: Sequence[int]
    input_types: list[Any]

    def execute(self, operation: str, args: Sequence[Any] = (), stream: Any = None) -> None:
        """Run a statement with ``%s`` parameters, beginning a transaction if none is open."""
        if stream is not None or not args:
            super().execute(operation, args, stream)
            return
        connection = self._c
        if connection is None:
            raise InterfaceError("Cursor closed")
        begins = not connection._in_transaction and not connection.autocommit
        self._context = connection.execute_unnamed(
            _numbered(operation), args, self._input_oids, begins=begins
        )
        self._row_iter = None if self._context.rows is None else iter(self._context.rows)
        self._input_oids = ()
        self.input_types = []


class Connection(pg8000.dbapi.Connection):  # type: ignore[misc]
    """A connection whose statements and transaction ends take one round trip each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_in_adapter(_TIMESTAMPTZ, _moment)

    def cursor(self) -> Cursor:
        return Cursor(self)

    def execute_unnamed(
        self,
        statement: str,
        vals: Sequence[Any] = (),
        oids: Sequence[int] = (),
        stream: Any = None,
        *,
        begins: bool = False,
    ) -> Any:
        """Parse, bind, describe, execute and sync, sent together; with ``begins``, behind a ``begin``."""
        if stream is not None:
            return super().execute_unnamed(statement, vals, oids, stream)
        if begins:
            return self.execute_within("begin", statement, vals, oids)
        self._send(statement, vals, oids)
        core._flush(self._sock)
        context = core.Context(statement)
        self.handle_messages(context)
        return context

    def execute_within(
        self, opening: str, statement: str, vals: Sequence[Any], oids: Sequence[int] = ()
    ) -> Any:
        """Run a statement behind an ``opening`` that begins its transaction, in one round trip.

        If the opening fails, so does the statement, with the opening's error.
        """
        self._query(opening)
        self._send(statement, vals, oids)
        core._flush(self._sock)
        context = core.Context(statement)
        self._handle_both(core.Context(opening), context)
        return context

    def execute_and_commit(self, statement: str, vals: Sequence[Any]) -> None:
        """Run a transaction's last statement and commit, in one round trip.

        A statement that fails leaves nothing: PostgreSQL answers the commit of a failed transaction by
        rolling it back.
        """
        self._send(statement, vals, ())
        self._query("commit")
        core._flush(self._sock)
        self._handle_both(core.Context(statement), core.Context("commit"))

    def _query(self, statement: str) -> None:
        if self._sock is None:
            raise InterfaceError("connection is closed")
        self.send_QUERY(statement)

    def _send(self, statement: str, vals: Sequence[Any], oids: Sequence[int]) -> None:
        """Parse, bind, describe, execute and sync, not yet flushed."""
        if self._sock is None:
            raise InterfaceError("connection is closed")
        self.send_PARSE(_UNNAMED, statement, oids)
        self.send_BIND(_UNNAMED, core.make_params(self.py_types, vals))
        self._send_message(core.DESCRIBE, core.PORTAL + _UNNAMED)
        self.send_EXECUTE()
        core._write(self._sock, core.SYNC_MSG)

    def _handle_both(self, first: Any, second: Any) -> None:
        """Reads two answers; the first one's error is what went wrong, whatever it made of the second."""
        try:
            self.handle_messages(first)
        except InterfaceError:
            raise
        except Error:
            with suppress(Error):
                self.handle_messages(second)
            raise
        self.handle_messages(second)

    def handle_messages(self, context: Any) -> None:
        """Read an answer whole; a connection that was reset says so as one that was closed does."""
        try:
            super().handle_messages(context)
        except OSError as error:
            raise InterfaceError("network error") from error

    def commit(self) -> None:
        if self._in_transaction:
            self.execute_simple("commit")

    def rollback(self) -> None:
        if self._in_transaction:
            self.execute_simple("rollback")


def _moment(text: str) -> Any:
    """A timestamptz as PostgreSQL writes it (ISO 8601 but for the space); what is out of range stays text."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return converters.timestamptz_in(text)


@lru_cache(maxsize=1024)
def _numbered(operation: str) -> str:
    """The statement with ``$1``, ``$2`` ... in place of ``%s``."""
    statement: str = pg8000.dbapi.convert_paramstyle("format", operation, ())[0]
    return statement
