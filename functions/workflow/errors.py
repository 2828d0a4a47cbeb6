"""What workflow refuses, beside what the engine does."""

from __future__ import annotations

from typing import Any

import msgspec

from common.errors import Conflict, Forbidden, Invalid, Problem
from workflow.engine.faults import Fault


class DefinitionFaulty(Problem):
    """The definition cannot run: ``errors`` names each fault, its element and what to do."""

    status, code, title = 422, "definition_faulty", "The definition has faults"

    def __init__(self, faults: list[Fault]) -> None:
        first = faults[0]
        where = f"{first.element}: " if first.element else ""
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{where}{first.message}{more}", errors=msgspec.to_builtins(faults))


class Taken(Conflict):
    """Somebody else has the task; ``assignee`` says who."""

    code, title = "task_taken", "Somebody else has the task"

    def __init__(self, assignee: str) -> None:
        super().__init__(f"The task is {assignee}'s.", assignee=assignee)


class Over(Conflict):
    """The task, job or incident is over; ``state`` says how."""

    code, title = "over", "It is over"

    def __init__(self, what: str, state: str) -> None:
        super().__init__(f"The {what} is {state}.", state=state)


class LeaseLost(Conflict):
    """The lease on the job ended, and the job may be somebody else's now."""

    code, title = "lease_lost", "The lease has ended"

    def __init__(self) -> None:
        super().__init__("Lease jobs again, and work on what you get.")


class NotYours(Forbidden):
    """The task is for other people."""

    code, title = "not_a_candidate", "The task is for others"


class FormInvalid(Invalid):
    """The variables do not fit the task's form; ``errors`` names each place and why."""

    code, title = "form_invalid", "The variables do not fit the form"

    def __init__(self, errors: list[tuple[str, str]]) -> None:
        told: list[dict[str, Any]] = [{"pointer": pointer, "detail": detail} for pointer, detail in errors]
        super().__init__(errors[0][1], errors=told)
