"""Short transactions beside a request's own, so that none is held while others are waited for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from common import database
from common.settings import settings
from common.work import Work


@contextmanager
def transaction(work: Work) -> Iterator[Work]:
    """A short transaction in the name of a request whose own has ended.

    Its session is not asked for again: an operation that has just ended it is still the caller's.
    """
    own = Work(
        database.engine(),
        settings().service,
        principal=replace(work.principal, session=None),
        clock=work.clock,
        correlation=work.correlation,
        traceparent=work.traceparent,
    )
    try:
        yield own
        own.commit()
    finally:
        own.rollback()
