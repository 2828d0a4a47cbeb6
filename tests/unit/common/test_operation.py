"""What an operation's declaration says, and what is refused in one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from common.operation import (
    INTERNAL,
    PUBLIC,
    SELF,
    SERVICES,
    Operation,
    Route,
    discover,
    discover_all,
    operation,
)

ROOT = Path(__file__).resolve().parents[3]
EVERYTHING = list(discover_all())
ROUTED = [o for o in EVERYTHING if isinstance(o.trigger, Route)]


def test_discovery_imports_the_standard_library_only() -> None:
    code = "import sys, common.operation; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": str(ROOT / "layers/common/python")},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert set(loaded) - set(sys.stdlib_module_names) <= {"common", "__main__", "sitecustomize"}


@pytest.mark.parametrize("route", ["GET", "get /x", "GET x", "FETCH /x", "GET /x?y", ""])
def test_a_malformed_route_is_refused(route: str) -> None:
    with pytest.raises(ValueError, match="is no route"):
        operation(route, permission=PUBLIC)


@pytest.mark.parametrize("permission", ["", "public", "a.b", "a.b.c.d", "A.b.c", "a.*.c"])
def test_a_malformed_permission_is_refused(permission: str) -> None:
    with pytest.raises(ValueError, match=r"service\.resource\.verb"):
        operation("GET /x", permission=permission)(lambda: None)


def test_an_operation_without_a_permission_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="permission"):
        operation("GET /x")  # type: ignore[call-arg]


@pytest.mark.parametrize("declared", EVERYTHING, ids=lambda o: o.id)
class TestEveryOperation:
    def test_has_a_docstring_that_says_what_it_does(self, declared: Operation[..., object]) -> None:
        assert declared.summary.endswith("."), declared.id
        assert len(declared.summary) > 15, declared.id

    def test_is_what_its_handler_string_names(self, declared: Operation[..., object]) -> None:
        module, _, name = declared.handler.rpartition(".")
        found = getattr(sys.modules[module], name)
        assert isinstance(found, Operation)
        assert found.function is declared.function

    def test_is_permitted_to_somebody(self, declared: Operation[..., object]) -> None:
        if isinstance(declared.trigger, Route):
            assert declared.permission in (PUBLIC, SELF) or declared.permission.startswith(
                declared.service + "."
            )
        else:
            assert declared.permission == INTERNAL


def test_ids_and_routes_are_unique() -> None:
    assert len({o.id for o in EVERYTHING}) == len(EVERYTHING)
    assert len({str(o.route) for o in ROUTED}) == len(ROUTED)


def test_routes_lie_under_their_service() -> None:
    for declared in ROUTED:
        if declared.service != "gateway":
            assert declared.route.path.startswith(f"/{declared.service}/"), declared.id


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_health_and_metrics(service: str) -> None:
    routes = {str(o.trigger) for o in discover(service)}
    for path in ("health", "health/ready", "health/live", "metrics"):
        assert f"GET /{service}/{path}" in routes


def test_an_operation_that_changes_says_what_it_emits() -> None:
    """POST, PUT, PATCH and DELETE emit an event, unless it is known why they need not."""
    silent = {o.id for o in ROUTED if o.route.unsafe and not o.emits}
    assert silent == set(SILENT)


SILENT = {
    "auth.introspection.introspect": "reads",
    "auth.totp.enrol": "nothing counts until the code is confirmed",
    "masterdata.exports.create": "reads; the job is a record of its own",
    "masterdata.imports.create": "the worker tells when it is completed",
    "rules.rule_tests.create": "a test decides nothing; the publishing that it gates is told",
    "rules.rule_tests.remove": "a test decides nothing; the publishing that it gates is told",
    "rules.rule_tests.run": "reads",
    "rules.studies.analyse": "reads",
    "rules.studies.simulate": "reads",
    "workflow.jobs.lease": "a lease is a promise of time; what comes of the job is told",
    "workflow.workflows.validate": "reads",
}
"""Unsafe operations without an event, and why."""
