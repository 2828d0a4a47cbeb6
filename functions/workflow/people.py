"""Who the caller is to the tasks: a user's id, address and roles."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, text

from common.errors import Invalid
from common.work import Work
from workflow.tables import tasks

_MEMBER = text("select email, roles from workflow.member(:user)")


@dataclass(frozen=True)
class Person:
    """By what a model may mean somebody: ``names`` are id and address, ``roles`` names of roles."""

    id: str
    names: list[str]
    roles: list[str]

    def holds(self, assignee: str) -> bool:
        """Whether a task with this assignee is the person's."""
        return assignee in self.names

    def is_candidate(self, users: list[str], roles: list[str]) -> bool:
        """Whether the person may claim a task; one without candidates is for everybody."""
        if not users and not roles:
            return True
        return bool(set(users) & set(self.names) or set(roles) & set(self.roles))


def caller(work: Work) -> Person:
    """The caller: a user by id, address and roles; a service account by its id alone."""
    identifier = work.principal.id
    if identifier is None:
        return Person(work.principal.name, [work.principal.name], [])
    return member(work, identifier) or Person(str(identifier), [str(identifier)], [])


def member(work: Work, user: UUID) -> Person | None:
    """A user of the tenant, if there is one of that id."""
    row = work.execute(_MEMBER, {"user": user}).one_or_none()
    return None if row is None else Person(str(user), [str(user), row.email], list(row.roles))


def somebody(work: Work, identifier: UUID, pointer: str) -> Person:
    """A user of the tenant, to whom a task is given."""
    found = member(work, identifier)
    if found is None:
        raise Invalid.at(pointer, f"There is no user {identifier} in this tenant.")
    return found


def mine(person: Person) -> ColumnElement[bool]:
    """The tasks that the person has."""
    held: ColumnElement[bool] = tasks.c.assignee.in_(person.names)
    return held


def claimable(person: Person) -> ColumnElement[bool]:
    """The tasks that nobody has and the person may claim."""
    nobody_named = and_(tasks.c.candidate_users == [], tasks.c.candidate_roles == [])
    return and_(
        tasks.c.assignee == "",
        or_(
            tasks.c.candidate_users.overlap(person.names),
            tasks.c.candidate_roles.overlap(person.roles),
            nobody_named,
        ),
    )
