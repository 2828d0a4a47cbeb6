"""Composes the services' subgraphs into the supergraph that the gateway serves; part of `make docs`.

A subgraph is a service's ``schema.graphql``, and its URL the operation that answers it. Subgraphs of the
platform's other services are put under ``subgraphs/`` as ``<name>.graphql``; where they answer is said by the
registry (``PUT /services/<name>`` with its ``graph``). What the composer reports fails the build.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from common.operation import SERVICES, Route, discover
from infra.cdk.bundling import ROOT

SUPERGRAPH = ROOT / "functions" / "gateway" / "supergraph.graphql"
COMPOSER = ROOT / "infra" / "compose.mjs"
PACKAGE = ROOT / "node_modules" / "@theguild" / "federation-composition"


class CompositionError(Exception):
    """The subgraphs make no graph; each line says why."""


@dataclass(frozen=True)
class Subgraph:
    """A subgraph as it goes into composition."""

    name: str
    url: str
    sdl: str


def subgraphs() -> list[Subgraph]:
    """The subgraphs there are: of the services that have one, then those of others."""
    own = [
        Subgraph(service, f"lambda:{_operation(service)}", path.read_text())
        for service in SERVICES
        if (path := ROOT / "functions" / service / "schema.graphql").exists()
    ]
    others = [
        Subgraph(path.stem, "", path.read_text()) for path in sorted((ROOT / "subgraphs").glob("*.graphql"))
    ]
    return [*own, *others]


def _operation(service: str) -> str:
    """The operation that answers a service's subgraph."""
    for operation in discover(service):
        if isinstance(operation.trigger, Route) and str(operation.trigger) == f"POST /{service}/graphql":
            return operation.id
    raise CompositionError(f"{service} has a schema.graphql, but no operation POST /{service}/graphql.")


def compose(parts: Iterable[Subgraph]) -> str:
    """The supergraph of some subgraphs. Raises :class:`CompositionError` with what the composer reports."""
    node = shutil.which("node")
    if node is None or not PACKAGE.exists():
        raise CompositionError("Composition needs Node and its packages; run `make setup`.")
    result = subprocess.run(  # noqa: S603 - our own script
        [node, str(COMPOSER)],
        input=json.dumps([asdict(part) for part in parts]),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if result.returncode != 0:
        raise CompositionError(result.stderr.strip())
    answer = json.loads(result.stdout)
    if answer.get("errors"):
        raise CompositionError("\n".join(answer["errors"]))
    sdl: str = answer["supergraphSdl"]
    return sdl.strip() + "\n"


def write(target: Path = SUPERGRAPH) -> bool:
    """Compose what there is; whether the file has changed by it."""
    composed = compose(subgraphs())
    if target.exists() and target.read_text() == composed:
        return False
    target.write_text(composed)
    return True


if __name__ == "__main__":
    try:
        if write():
            print(SUPERGRAPH.relative_to(ROOT))  # noqa: T201 - a command tells what it did
    except CompositionError as error:
        sys.exit(f"The subgraphs do not compose:\n{error}")
