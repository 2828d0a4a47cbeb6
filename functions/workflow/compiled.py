"""Definitions ready to run, kept by the container: a version never changes, so none is ever stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from uuid import UUID

import msgspec
from sqlalchemy import select

from common.work import Work
from workflow.engine.calendar import Calendar
from workflow.engine.definition_json import read_json
from workflow.engine.expressions import Environment
from workflow.engine.graph import Definition
from workflow.tables import calendars, workflows

KEPT = 256
"""Definitions that a container keeps."""

_kept: dict[UUID, Definition] = {}


def definition_of(work: Work, workflow: UUID) -> Definition:
    """The definition of a version, which exists."""
    found = _kept.get(workflow)
    if found is None:
        statement = select(workflows.c.definition).where(
            workflows.c.tenant_id == work.tenant, workflows.c.id == workflow
        )
        found = compiled(work.execute(statement).scalar_one())
        if len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        _kept[workflow] = found
    return found


@lru_cache(maxsize=8)
def compiled(document: str) -> Definition:
    """A definition from its JSON."""
    return Definition(read_json(document.encode()))


class Calendars(Mapping[str, Calendar]):
    """The tenant's calendars by name, each read when it is first asked for."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._found: dict[str, Calendar | None] = {}

    def __getitem__(self, name: str) -> Calendar:
        if name not in self._found:
            statement = select(calendars.c.calendar).where(
                calendars.c.tenant_id == self._work.tenant, calendars.c.name == name
            )
            row = self._work.execute(statement).scalar()
            self._found[name] = None if row is None else msgspec.convert(row, Calendar)
        found = self._found[name]
        if found is None:
            raise KeyError(name)
        return found

    def __bool__(self) -> bool:
        """Whether there are any is not asked of the database: most advances need none."""
        return True

    def __iter__(self) -> Iterator[str]:
        statement = select(calendars.c.name).where(calendars.c.tenant_id == self._work.tenant)
        return iter(self._work.execute(statement).scalars().all())

    def __len__(self) -> int:
        return len(list(iter(self)))


def environment(work: Work) -> Environment:
    """What an advance may ask beside its arguments."""
    return Environment(calendars=Calendars(work))
