"""Operations are declared here: a function, its trigger, its permission. Everything else is derived from it.

Only the standard library is imported, so that discovery costs nothing beyond the services' own modules.
"""

from __future__ import annotations

import gc
import importlib
import os
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

PUBLIC = "PUBLIC"
"""Anyone may call it, without a token."""
SELF = "SELF"
"""Any signed-in principal may call it: it touches only the caller's own affairs."""
INTERNAL = "INTERNAL"
"""Not a route: only AWS itself (a schedule, a topic, a log subscription, a deployment) invokes it."""

SERVICES = ("auth", "masterdata", "workflow", "rules", "gateway")
EVERY_SERVICE = "{service}"
"""As an operation's ``service``: declared once, deployed in each service."""
PLATFORM = "platform"
"""As an operation's ``service``: belongs to none of the five (relay, collector, migrations, topics)."""

_ROUTE = re.compile(r"^(GET|POST|PUT|PATCH|DELETE) (/[A-Za-z0-9._~{}/-]*)$")
_PERMISSION = re.compile(r"^[a-z]+(\.[a-z_]+){2}$")


class Uses(StrEnum):
    """What an operation reaches besides its own service's schema; its role gets exactly these rights."""

    KAFKA = "kafka"
    MAIL = "mail"
    FILES = "files"
    SIGNING = "signing"
    OUTBOX = "outbox"
    METRICS = "metrics"
    ADMIN = "admin"
    INVOKE = "invoke"
    DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True)
class Route:
    """An HTTP route; ``path`` is an OpenAPI template such as ``/masterdata/customers/{id}``."""

    method: str
    path: str

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        return tuple(re.findall(r"{(\w+)\+?}", self.path))

    @property
    def unsafe(self) -> bool:
        return self.method != "GET"

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class Topic:
    """A Kafka topic consumed in batches, once per event id."""

    name: str
    batch_size: int = 100


@dataclass(frozen=True)
class Schedule:
    """A schedule in whole minutes."""

    minutes: int


@dataclass(frozen=True)
class Upload:
    """An object created under a prefix of the stage's bucket."""

    prefix: str


@dataclass(frozen=True)
class LogSubscription:
    """The metric lines (EMF) of every operation's log group."""


@dataclass(frozen=True)
class CustomResource:
    """Invoked by a deployment, on every stage; idempotent."""

    name: str


@dataclass(frozen=True)
class Command:
    """Invoked by an operator, with a command of the project."""

    name: str


Trigger = Route | Topic | Schedule | Upload | LogSubscription | CustomResource | Command


@dataclass(frozen=True)
class Operation(Generic[P, R]):
    """One Lambda: calling it as ``operation(event, context)`` is its handler."""

    function: Callable[P, R]
    service: str
    trigger: Trigger
    permission: str
    status: int = 200
    emits: tuple[type[Any], ...] = ()
    idempotent: bool = False
    uses: frozenset[Uses] = frozenset()
    timeout: int = 15
    """Seconds."""
    memory: int = 512
    """MiB."""
    body_limit: int = 262_144
    """Bytes of request body accepted."""
    media_types: tuple[str, ...] = ("application/json",)
    """Request media types accepted."""
    produces: str = "application/json"
    database: bool = True
    """Whether it opens a transaction before the function is called."""
    identifies: bool = False
    """Public, and yet it knows its caller: a token that comes along is verified as anywhere."""
    writes: bool = False
    """A GET that writes all the same, such as one that counts its callers."""
    opening: Callable[[Any, Any], str] | None = None
    """Given the principal and the request, an SQL expression that the transaction's first round trip answers
    beside its own: ``work.opened``. Only numbers, UUIDs and constants may be written into it."""
    reads: Any = None
    """The type of the body, for the reference, where the function reads it from the request itself."""
    answers: tuple[int, ...] = ()
    """Statuses it answers besides those that follow from its declaration and signature: a 4xx with a problem,
    or a page where it produces pages; any other with the body that it has for 200."""
    concurrency: int | None = None
    """Reserved concurrency: at most so many at once."""
    tells: Callable[[Any], dict[str, Any]] | None = None
    """What a refusal is told as, given the Problem, where a standard asks for other JSON than RFC 9457's."""
    exists_in: Callable[[str], bool] = SERVICES.__contains__
    """Which services have it, of those operations that are declared for every service."""
    _prepared: list[Any] = field(default_factory=list, repr=False, compare=False)

    @property
    def handler(self) -> str:
        """Lambda's handler string, ``module.function``."""
        return f"{self.function.__module__}.{self.function.__name__}"

    @property
    def id(self) -> str:
        """Stable and unique, ``service.module.function``: operationId, function name, metric label."""
        module, name = self.function.__module__.split(".", 1)[-1], self.function.__name__.rstrip("_")
        return f"{self.service}.{module}.{name}"

    @property
    def summary(self) -> str:
        return self.description.split("\n", 1)[0].strip()

    @property
    def description(self) -> str:
        doc = self.function.__doc__ or ""
        return "\n".join(line.strip() for line in doc.strip().splitlines()).replace("``", "`")

    @property
    def route(self) -> Route:
        if not isinstance(self.trigger, Route):
            raise TypeError(f"{self.id} has no route")
        return self.trigger

    @property
    def reads_only(self) -> bool:
        """A GET runs in a read-only transaction, and in AWS connects as a login that can only read."""
        return isinstance(self.trigger, Route) and self.trigger.method == "GET" and not self.writes

    def __call__(self, event: Any, context: Any = None) -> Any:
        """Handle one invocation, in the shape its trigger delivers."""
        if not self._prepared:
            self.prepare()
        return self._prepared[0](event, context)

    def prepare(self) -> None:
        """Build the invocation pipeline; Lambda's init phase does it ahead of the first request."""
        from common import runtime

        self._prepared[:] = [runtime.pipeline(self)]
        if not gc.isenabled():
            # What an import has made stays: the collector need not look at it ever again.
            gc.freeze()
            gc.enable()

    def for_service(self, service: str) -> Operation[P, R]:
        """The operation as it exists in one service, for those declared once for every service."""
        trigger = self.trigger
        if isinstance(trigger, Route):
            trigger = replace(trigger, path=trigger.path.replace(EVERY_SERVICE, service))
        return replace(self, service=service, trigger=trigger, _prepared=[])


_declared: dict[str, Operation[..., Any]] = {}


def _declare(function: Callable[P, R], trigger: Trigger, permission: str, **options: Any) -> Operation[P, R]:
    service = options.pop("service", None) or function.__module__.split(".", 1)[0]
    if permission not in (PUBLIC, SELF, INTERNAL) and not _PERMISSION.match(permission):
        raise ValueError(
            f"{function.__qualname__}: {permission!r} is no permission; say service.resource.verb"
        )
    emits = options.pop("emits", ())
    if isinstance(emits, type):
        emits = (emits,)
    uses = frozenset(options.pop("uses", ()))
    made = Operation(function, service, trigger, permission, emits=tuple(emits), uses=uses, **options)
    if service == EVERY_SERVICE and (deployed_in := os.environ.get("SERVICE")):
        made = made.for_service(deployed_in)
    _declared[made.handler] = made
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        _arrange_for_snapshot(made)
    return made


def _arrange_for_snapshot(declared: Operation[..., Any]) -> None:
    if declared.handler == os.environ.get("_HANDLER"):
        from common import snapshots

        snapshots.arrange(declared)


def operation(route: str, *, permission: str, **options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare an HTTP operation: ``@operation("POST /masterdata/customers", permission="...")``.

    Options are the fields of :class:`Operation`. The function's parameters are injected by type and name:
    one body struct, path and query parameters, ``Work``, ``Principal``, ``Page``, ``IfMatch``, ``Request``.
    """
    match = _ROUTE.match(route)
    if match is None:
        raise ValueError(f"{route!r} is no route; say 'METHOD /path'")
    trigger = Route(match[1], match[2])
    return lambda function: _declare(function, trigger, permission, **options)


def on_topic(
    topic: str, *, batch_size: int = 100, **options: Any
) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare a consumer: called once per event (deduplicated by its id), in the stream's order."""
    return lambda function: _declare(function, Topic(topic, batch_size), INTERNAL, **options)


def every(*, minutes: int, **options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare a scheduled operation."""
    return lambda function: _declare(function, Schedule(minutes), INTERNAL, **options)


def on_upload(prefix: str, **options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare a worker for objects uploaded under ``prefix`` of the stage's bucket."""
    return lambda function: _declare(function, Upload(prefix), INTERNAL, **options)


def on_metric_lines(**options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare the collector of all operations' metric lines."""
    return lambda function: _declare(function, LogSubscription(), INTERNAL, **options)


def custom_resource(name: str, **options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare work that a deployment does, idempotently, on every stage."""
    return lambda function: _declare(function, CustomResource(name), INTERNAL, **options)


def on_command(name: str, **options: Any) -> Callable[[Callable[P, R]], Operation[P, R]]:
    """Declare work that an operator asks for."""
    return lambda function: _declare(function, Command(name), INTERNAL, **options)


STANDARD_MODULES = ("common.health", "common.exposition", "common.gauges")
PLATFORM_MODULES = (
    "common.relay",
    "common.collector",
    "common.topics",
    "common.redriving",
    "common.replaying",
    "common.inspection",
    "migrations.handler",
)


def discover(service: str) -> tuple[Operation[..., Any], ...]:
    """Every operation of a service, in the order of its route: its own and those of every service."""
    for name in (*_modules(service), *STANDARD_MODULES):
        importlib.import_module(name)
    own = (o for o in _declared.values() if o.service == service)
    shared = (o for o in _declared.values() if o.service == EVERY_SERVICE and o.exists_in(service))
    return tuple(sorted((*own, *(o.for_service(service) for o in shared)), key=_order))


def _modules(service: str) -> Iterator[str]:
    if service == PLATFORM:
        yield from PLATFORM_MODULES
        return
    root = Path(next(iter(importlib.import_module(service).__path__)))
    for module in pkgutil.iter_modules([str(root)]):
        if not module.ispkg and not module.name.startswith("_"):
            yield f"{service}.{module.name}"


def discover_all(services: Iterable[str] = (*SERVICES, PLATFORM)) -> Iterator[Operation[..., Any]]:
    """Every operation of every service."""
    for service in services:
        yield from discover(service)


def _order(operation: Operation[..., Any]) -> tuple[str, str, str]:
    if isinstance(operation.trigger, Route):
        return ("route", operation.trigger.path, operation.trigger.method)
    return ("other", type(operation.trigger).__name__, operation.id)
