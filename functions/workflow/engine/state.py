"""The state of a running process as plain data, each collection a table of rows by id.

Its size follows what the process is doing now, never what it has done: a completed activity leaves a row only
while something could still undo it. Ids are counted within the process, so (process, id) names a row in any
store. A state round-trips through JSON with ``msgspec.json`` and ``State``.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from .model import ROOT
from .triggers import AnyTrigger

ROOT_SCOPE: Final = "0"
"""The id of the process's own scope."""


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row of the state: never changed, only replaced."""


class Scope(Row, frozen=True):
    """The inside of the process or of a sub-process, with its own variables.

    ``node`` is the sub-process, ``token`` the one waiting at it in ``parent``. A ``kept`` scope has completed
    and is there to be undone. ``queue`` are the activities that a sequential ad-hoc sub-process still owes.
    """

    id: str
    node: str = ROOT
    parent: str = ""
    token: str = ""
    variables: dict[str, Any] = {}
    kept: bool = False
    queue: list[str] = []


class Loop(Row, frozen=True):
    """How far a repeated activity is. ``total`` is -1 while a standard loop decides each round anew."""

    total: int = -1
    started: int = 0
    completed: int = 0
    terminated: int = 0
    items: list[Any] = []
    outputs: list[Any] = []

    @property
    def active(self) -> int:
        """The instances that run now."""
        return self.started - self.completed - self.terminated


class Undo(Row, frozen=True):
    """What a compensating token has still to undo (rows of ``done``), and the event it then goes on with.

    The last row is undone first; ``running`` if that is going on now.
    """

    pending: list[str]
    event: int = 0
    detached: bool = False
    running: bool = False


class Token(Row, frozen=True):
    """A token at a node. ``waits`` says for what; it is empty only while the engine moves it.

    ``instance_of`` is the token of the repeated activity that this is instance number ``counter`` of;
    ``undoes`` is the compensating token that waits for this handler.
    """

    id: str
    scope: str
    node: str
    waits: str = ""
    variables: dict[str, Any] = {}
    instance_of: str = ""
    counter: int = 0
    loop: Loop | None = None
    attempts: int = 0
    undo: Undo | None = None
    undoes: str = ""


class Arrival(Row, frozen=True):
    """A token that came to a join by ``flow`` and waits for the others: a row of its own for every branch."""

    id: str
    scope: str
    node: str
    flow: str


class Wait(Row, frozen=True):
    """An event that may happen: ``node`` is the event it happens to, ``event`` its place among its events.

    It belongs to ``token``, or to ``scope`` when it starts an event sub-process. A timer is next due at
    ``due``, was set at ``armed`` and has happened ``fired`` times; ``true`` is a condition's last value.
    """

    id: str
    kind: str
    scope: str
    node: str = ""
    token: str = ""
    event: int = 0
    name: str = ""
    key: str = ""
    due: datetime | None = None
    armed: datetime | None = None
    cycle: str = ""
    fired: int = 0
    true: bool = False


class Done(Row, frozen=True):
    """A completed activity that can be undone; ``inner`` is the kept scope of a sub-process."""

    id: str
    scope: str
    node: str
    inner: str = ""
    variables: dict[str, Any] = {}


class Work(Row, frozen=True):
    """A step of the engine: what it does (``op``) and to which token or wait; ``data`` is its argument."""

    op: str
    token: str = ""
    wait: str = ""
    data: Any = None


class Incident(Row, frozen=True):
    """Work that failed and waits to be retried; nothing of it has happened.

    A join that can never fire (``stuck_join``) is an incident of its ``scope``, without a token.
    """

    id: str
    kind: str
    message: str
    node: str
    token: str = ""
    scope: str = ""
    work: Work | None = None


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """A process. ``status`` is active, suspended or ended; ``outcome`` how it ended: completed, terminated,
    error (with ``error`` its code) or cancelled.

    ``gateways`` are the complex gateways that have fired and wait to be reset, with the flows already used;
    ``held`` are triggers that came while the process was suspended.
    """

    process: str
    definition: str
    started: datetime
    business_key: str = ""
    status: str = "active"
    outcome: str = ""
    error: str = ""
    counter: int = 0
    scopes: dict[str, Scope] = {}
    tokens: dict[str, Token] = {}
    arrivals: dict[str, Arrival] = {}
    waits: dict[str, Wait] = {}
    done: dict[str, Done] = {}
    incidents: dict[str, Incident] = {}
    gateways: dict[str, list[str]] = {}
    held: list[AnyTrigger] = []

    @property
    def variables(self) -> dict[str, Any]:
        """The process's own variables."""
        root = self.scopes.get(ROOT_SCOPE)
        return root.variables if root else {}
