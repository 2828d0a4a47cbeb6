"""pg8000 with the round trips it can spare: a statement takes one instead of three, so does a commit.

pg8000 waits for PostgreSQL after parsing, after describing and after executing. The protocol lets all of it
travel together (PostgreSQL documentation, 54.2.4, pipelining). Parameters are numbered once per statement
text instead of once per execution.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from common import cold_start

with cold_start.deferred_certificates():
    import pg8000.dbapi
    from pg8000 import core
    from pg8000.exceptions import Error, InterfaceError

__all__ = ["Connection", "Cursor", "Error", "InterfaceError"]

_UNNAMED = core.NULL_BYTE


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
        if self._sock is None:
            raise InterfaceError("connection is closed")
        context = core.Context(statement)
        if begins:
            self._send_message(core.QUERY, b"begin" + core.NULL_BYTE)
        self.send_PARSE(_UNNAMED, statement, oids)
        self.send_BIND(_UNNAMED, core.make_params(self.py_types, vals))
        self._send_message(core.DESCRIBE, core.PORTAL + _UNNAMED)
        self.send_EXECUTE()
        core._write(self._sock, core.SYNC_MSG)
        core._flush(self._sock)
        if begins:
            self.handle_messages(core.Context("begin"))
        self.handle_messages(context)
        return context

    def handle_messages(self, context: Any) -> None:
        """Read an answer whole; a connection that was reset says so as one that was closed does."""
        try:
            super().handle_messages(context)
        except OSError as error:
            raise InterfaceError("network error") from error

    def commit(self) -> None:
        self.execute_simple("commit")

    def rollback(self) -> None:
        if self._in_transaction:
            self.execute_simple("rollback")


@lru_cache(maxsize=1024)
def _numbered(operation: str) -> str:
    """The statement with ``$1``, ``$2`` ... in place of ``%s``."""
    statement: str = pg8000.dbapi.convert_paramstyle("format", operation, ())[0]
    return statement
