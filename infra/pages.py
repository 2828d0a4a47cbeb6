"""What the gateway's pages load, put beside its code when that is bundled: no page asks a CDN."""

from __future__ import annotations

from common import asyncapi, events, openapi
from common.operation import discover_all
from infra.cdk.bundling import ROOT
from infra.cdk.environment import version
from infra.docs import as_json

PACKAGES = ROOT / "node_modules"
VENDORED = (
    "graphiql/graphiql.min.css",
    "graphiql/graphiql.min.js",
    "react/umd/react.production.min.js",
    "react-dom/umd/react-dom.production.min.js",
    "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js",
)


def vendor() -> dict[str, bytes]:
    """The files by name: scripts and style sheets of packages, their licences, and the API's documents."""
    operations = list(discover_all())
    return {
        **{place.rsplit("/", 1)[1]: _package_file(place) for place in VENDORED},
        "licences.txt": _licences(),
        "openapi.json": as_json(openapi.document(operations, version())).encode(),
        "asyncapi.json": as_json(asyncapi.document(events.declared.values(), version())).encode(),
    }


def _package_file(place: str) -> bytes:
    path = PACKAGES / place
    if not path.exists():
        raise SystemExit(f"node_modules has no {place}: run `make setup`.")
    return path.read_bytes()


def _licences() -> bytes:
    """The licence texts of the packages, which each of them asks to travel with it."""
    names = dict.fromkeys(place.split("/", 1)[0] for place in VENDORED)
    return b"\n\n".join(f"{name}\n\n".encode() + _package_file(f"{name}/LICENSE") for name in names)
