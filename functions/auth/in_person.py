"""Account matters are for the user alone: a token that an application got on their behalf does not do."""

from __future__ import annotations

from sqlalchemy import select

from auth import subjects
from auth.issuing import FIRST_PARTY
from auth.subjects import Subject
from auth.tables import sessions
from common.errors import Forbidden, NotFound
from common.principal import Principal
from common.work import Work

REFUSALS = (403, 404, 429)
"""What else an operation on account matters answers: see :func:`require`; and guessing is throttled."""


class InPersonOnly(Forbidden):
    """The token was given to an application, not to the user."""

    code, title = "in_person_only", "Sign in yourself for this"


def require(principal: Principal, work: Work) -> Subject:
    """The user who signed in to the platform itself, and calls."""
    subject = subjects.by_id(work, principal.id) if principal.kind == "user" and principal.id else None
    if subject is None:
        raise NotFound("The token speaks for no user.")
    client = select(sessions.c.client_id).where(
        sessions.c.tenant_id == work.tenant, sessions.c.id == principal.session
    )
    if work.execute(client).scalar_one_or_none() != FIRST_PARTY:
        raise InPersonOnly("An application may not do this for you; sign in to the platform itself.")
    return subject
