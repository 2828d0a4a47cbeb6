"""The statements that reach the database, by whichever way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

from common.postgres import Connection


@contextmanager
def sent() -> Iterator[list[tuple[str, Sequence[Any]]]]:
    """The statements with parameters that are sent within the block, as the driver sends them (``$1``)."""
    seen: list[tuple[str, Sequence[Any]]] = []
    send = Connection._send

    def note(self: Connection, statement: str, vals: Sequence[Any], oids: Sequence[int]) -> None:
        seen.append((statement, vals))
        send(self, statement, vals, oids)

    with mock.patch.object(Connection, "_send", note):
        yield seen
