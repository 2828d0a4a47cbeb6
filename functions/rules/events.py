"""What the rules service says has happened; requests and answers of decisions are in ``common.decisions``."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

import msgspec

from common.events import event


class RuleEvent(msgspec.Struct, frozen=True):
    """A rule of a draft, after the event."""

    id: UUID
    set_id: UUID
    key: str
    name: str
    priority: int
    enabled: bool
    version: int


@event("rules.rule.created")
class RuleCreated(RuleEvent, frozen=True):
    """A rule was added to a rule set's draft."""


@event("rules.rule.updated")
class RuleUpdated(RuleEvent, frozen=True):
    """A rule of a rule set's draft was changed."""


@event("rules.rule.deleted")
class RuleDeleted(RuleEvent, frozen=True):
    """A rule was taken out of a rule set's draft."""


class SetEvent(msgspec.Struct, frozen=True):
    """A rule set, after the event."""

    id: UUID
    key: str
    name: str
    published: int | None
    version: int


@event("rules.set.created")
class SetCreated(SetEvent, frozen=True):
    """A rule set was created, with an empty draft."""


@event("rules.set.updated")
class SetUpdated(SetEvent, frozen=True):
    """A rule set's name or declarations were changed."""


@event("rules.set.published")
class SetPublished(SetEvent, frozen=True):
    """A rule set's draft became its current version, ``published``."""


@event("rules.set.archived")
class SetArchived(SetEvent, frozen=True):
    """A rule set was archived: it evaluates no more."""


@event("rules.action.requested", entity="evaluation", key="evaluation_id")
class ActionRequested(msgspec.Struct, frozen=True):
    """A rule that fired asks for something outside: an event told on, a webhook or a Lambda called."""

    evaluation_id: UUID
    rule_set: str
    rule: str
    type: Literal["emit", "call"]
    name: str
    payload: dict[str, Any]
    via: Literal["", "webhook", "lambda"] = ""
