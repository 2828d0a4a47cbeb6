"""The contract of the generated OpenAPI document, held against operations by schemathesis.

``probe`` sends what the document allows and what it forbids: its examples, the corners of each schema, random
data good and bad, and chains of requests along the document's links (OpenAPI 3.1, section 4.8.20).

    findings = contract.probe(platform, ["masterdata"], "/masterdata/customers", contract.RANDOM)
    assert findings.breaches == []
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from tests.integration.asgi import Api
from tests.integration.platform import Platform

EXAMPLES = 8
"""Random requests for each operation; chains are five times as many."""

SYSTEMATIC = ("examples", "coverage")
"""The phases that go through each schema in order: same requests, whatever the seed."""

RANDOM = ("fuzzing", "stateful")
"""The phases that draw requests, and chains of them."""

REFUSALS = ("2xx", "304", "308", "400", "401", "403", "404", "409", "412", "422", "428")
"""What may answer a request that keeps the schema: it cannot say which codes are taken, what the check digits
are, which version is current, what a principal may do."""


@dataclass
class Findings:
    """What came of the requests."""

    breaches: list[str] = field(default_factory=list)
    """What was not as the document says, each once, with its operation."""

    answers: dict[str, Counter[int]] = field(default_factory=dict)
    """How often each operation ("GET /x/{id}") answered with each status."""

    links: Counter[str] = field(default_factory=Counter)
    """How often each operation was reached with what the answer before it led to."""

    @property
    def requests(self) -> int:
        """How many were made."""
        return sum(statuses.total() for statuses in self.answers.values())

    @property
    def fruitless(self) -> list[str]:
        """The operations that never answered with a success: their refusals are all that was tried."""
        return [name for name, seen in self.answers.items() if not any(200 <= s < 400 for s in seen)]


def probe(
    platform: Platform,
    services: Iterable[str],
    path: str,
    phases: Iterable[str] = SYSTEMATIC + RANDOM,
    *,
    token: str | None = None,
    examples: int = EXAMPLES,
    refusals: Iterable[str] = REFUSALS,
    without: Iterable[str] = (),
    document: Callable[[dict[str, Any]], None] | None = None,
    prepare: Callable[[Any], None] | None = None,
    checks: Mapping[str, Mapping[str, Any]] | None = None,
) -> Findings:
    """Hold the services' operations whose path begins with the expression ``path`` to their document.

    ``token`` is whose requests they are, by default the owner's of a new tenant. ``refusals`` are the
    statuses that good data may get. ``without`` are expressions of paths to leave out, such as what signs the
    prober out. ``document`` may narrow the document in place, for example to an id that exists. ``prepare``
    may change each request (schemathesis' ``Case``) before it is sent, for example to a code that is not
    taken. ``checks`` are settings laid over the ones here.
    """
    schemathesis = pytest.importorskip("schemathesis")
    from schemathesis.engine import events, from_schema

    api = Api(platform, services)
    if document is not None:
        document(api.document)
    config = _configuration(
        token or platform.register().token, set(phases), examples, list(refusals), checks or {}
    )
    schema = schemathesis.openapi.from_asgi("/openapi.json", api, config=config)
    schema = schema.include(path_regex=f"^({path})")
    for expression in without:
        schema = schema.exclude(path_regex=expression)
    findings = Findings()
    breaches: dict[str, None] = {}
    with _prepared(prepare):
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                breaches.update(dict.fromkeys(_read(event.recorder, findings)))
            elif isinstance(event, events.NonFatalError):
                breaches[f"schemathesis failed on {event.label}: {event.value}"] = None
            elif isinstance(event, events.FatalError):
                breaches[f"schemathesis failed: {event.exception}"] = None
    findings.breaches = list(breaches)
    return findings


@contextmanager
def _prepared(prepare: Callable[[Any], None] | None) -> Iterator[None]:
    """Let each request be changed before it is sent; schemathesis asks a hook that is everybody's.

    Idempotency keys are drawn alike for different requests, which would be all that is seen of them.
    """
    import schemathesis
    from schemathesis import hooks

    numbers = count()

    def before_call(_context: Any, case: Any, _options: Any) -> None:
        headers = case.headers or {}
        if 1 <= len(headers.get("Idempotency-Key", "")) < 200:
            headers["Idempotency-Key"] += f"-{next(numbers)}"
        if prepare is not None:
            prepare(case)

    schemathesis.hook(before_call)
    try:
        yield
    finally:
        hooks.unregister(before_call)


def _configuration(
    token: str,
    phases: set[str],
    examples: int,
    refusals: list[str],
    checks: Mapping[str, Mapping[str, Any]],
) -> Any:
    from schemathesis.config import SchemathesisConfig

    stateful = {
        "enabled": "stateful" in phases,
        "max-steps": 8,
        # The document's own links, not guesses from names.
        "inference": {"algorithms": []},
        "generation": {"mode": "positive", "max-examples": 5 * examples},
    }
    return SchemathesisConfig.from_dict(
        {
            "seed": 7,
            "auth": {"openapi": {"bearer": {"bearer": token}}},
            "phases": {p: {"enabled": p in phases} for p in ("examples", "coverage", "fuzzing")}
            | {"stateful": stateful},
            "generation": {"max-examples": examples, "deterministic": True},
            "checks": {
                "positive_data_acceptance": {"expected-statuses": refusals},
                # A missing If-Match is 428 (RFC 6585, section 3).
                "missing_required_header": {"expected-statuses": [400, 401, 403, 422, 428]},
                **checks,
            },
        }
    )


def _read(recorder: Any, findings: Findings) -> Iterable[str]:
    """Count a scenario's requests; its breaches."""
    for identity, interaction in recorder.interactions.items():
        node = recorder.cases[identity]
        operation = node.value.operation.label
        if interaction.response is not None:
            findings.answers.setdefault(operation, Counter())[interaction.response.status_code] += 1
        if node.transition is not None and node.is_transition_applied:
            findings.links[operation] += 1
    for made in recorder.checks.values():
        for check in made:
            if check.failure_info is not None:
                failure = check.failure_info.failure
                yield f"{failure.operation}: {failure.title}: {_brief(failure.message)}"


def _brief(message: str) -> str:
    return re.sub(r"\s+", " ", message)[:300]
