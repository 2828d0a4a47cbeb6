"""What a stage may set of the gateway, through its functions' environment; the defaults suit the stage."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from common.settings import settings

if TYPE_CHECKING:
    from gateway.planner import Limits


@dataclass(frozen=True)
class Options:
    """Each field is read from ``GRAPH_`` and its name in capitals, such as ``GRAPH_DEPTH``."""

    introspection: bool = True
    """Whether the schema can be asked for; not in production."""
    error_details: bool = True
    """Whether a fault's own words reach the client; in production they are masked."""
    safelist: bool = False
    """Whether only documents run that an operator trusts."""
    characters: int = 100_000
    """Of one document."""
    tokens: int = 4_000
    """Lexical tokens of one document."""
    depth: int = 20
    """Fields within fields, fragments written out."""
    aliases: int = 200
    """Aliases of one operation, fragments written out."""
    fields: int = 5_000
    """Fields of one operation, fragments written out."""
    cost: int = 10_000
    """Objects that one operation may return, weighed (``@cost``, ``@listSize``)."""
    batch: int = 10
    """Operations in one HTTP request."""
    timeout_ms: int = 10_000
    """Milliseconds that one request to a subgraph may take."""
    deadline_ms: int = 25_000
    """Milliseconds after which no further subgraph is asked; API Gateway itself gives up after 29 seconds."""
    tenant_rate: int = 6_000
    """Operations a minute of one tenant."""
    user_rate: int = 1_200
    """Operations a minute of one user."""
    client_rate: int = 3_000
    """Operations a minute of one service account."""
    address_rate: int = 600
    """Operations a minute of callers without a token, by address."""
    events_percent: int = 100
    """Of how many of a hundred operations the events are published; subgraphs' failures always are."""

    @property
    def limits(self) -> Limits:
        """What one document may ask for."""
        from gateway.planner import Limits

        return Limits(
            characters=self.characters,
            tokens=self.tokens,
            depth=self.depth,
            aliases=self.aliases,
            fields=self.fields,
            cost=self.cost,
            introspection=self.introspection,
        )

    @classmethod
    def read(cls, environment: Mapping[str, str], stage: str) -> Options:
        """The stage's options, and what the environment says otherwise."""
        production = stage == "prod"
        values: dict[str, Any] = {
            "introspection": not production,
            "error_details": not production,
            "events_percent": 100 if stage == "local" else 1,
        }
        for field in fields(cls):
            raw = environment.get(f"GRAPH_{field.name.upper()}")
            if raw is not None:
                values[field.name] = raw.lower() in ("1", "true", "yes") if field.type == "bool" else int(raw)
        return cls(**values)


_chosen: list[Options] = []


def options() -> Options:
    """The container's options."""
    return _chosen[0] if _chosen else _of_stage(settings().stage)


@cache
def _of_stage(stage: str) -> Options:
    return Options.read(os.environ, stage)


def use(chosen: Options | None) -> None:
    """Take other options from here on; None: those of the environment again."""
    _chosen[:] = [] if chosen is None else [chosen]
