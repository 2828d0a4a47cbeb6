"""``Idempotency-Key``: a repeated POST gets the first one's answer instead of a second effect.

As the IETF's draft (draft-ietf-httpapi-idempotency-key-header): the same key with another payload is
422. The record is written in the operation's own transaction, so an answer is remembered exactly if
its effect is; a repeat that arrives meanwhile waits for the first one's outcome.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from common.errors import BadRequest, Problem
from common.work import Work

MAX_KEY = 255

_CLAIM = """
insert into {schema}.idempotency (tenant_id, operation, principal, key, fingerprint)
values (:tenant, :operation, :principal, :key, :fingerprint)
on conflict do nothing
"""
_READ = """
select fingerprint, status, headers, body from {schema}.idempotency
where tenant_id = :tenant and operation = :operation and principal = :principal and key = :key
"""
_ANSWER = """
update {schema}.idempotency set status = :status, headers = cast(:headers as jsonb), body = :body
where tenant_id = :tenant and operation = :operation and principal = :principal and key = :key
"""


class KeyReused(Problem):
    """The Idempotency-Key was used with another request."""

    status, code, title = 422, "idempotency_key_reused", "The Idempotency-Key was used before"


@dataclass(frozen=True)
class Answer:
    """A response as it was given the first time."""

    status: int
    headers: dict[str, str]
    body: str


class Record:
    """One request's place in the idempotency table."""

    def __init__(self, work: Work, schema: str, operation: str, key: str, request: bytes) -> None:
        if not 1 <= len(key) <= MAX_KEY:
            raise BadRequest(f"Idempotency-Key has 1 to {MAX_KEY} characters.")
        self._work = work
        self._schema = schema
        self._fingerprint = hashlib.sha256(request).hexdigest()
        self._place = {
            "tenant": work.tenant,
            "operation": operation,
            "principal": work.principal.name,
            "key": key,
        }

    def claim(self) -> Answer | None:
        """Claim the key, or return the answer that was given for it."""
        claimed = self._run(_CLAIM, fingerprint=self._fingerprint)
        if claimed.rowcount == 1:
            return None
        fingerprint, status, headers, body = self._run(_READ).one()
        if fingerprint != self._fingerprint:
            raise KeyReused("Send a new Idempotency-Key with a new request.")
        return Answer(status, headers, body)

    def remember(self, answer: Answer, headers: str) -> None:
        """Keep the answer; ``headers`` is ``answer.headers`` as JSON."""
        self._run(_ANSWER, status=answer.status, headers=headers, body=answer.body)

    def _run(self, statement: str, **values: Any) -> Any:
        return self._work.execute(text(statement.format(schema=self._schema)), self._place | values)
