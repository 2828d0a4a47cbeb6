"""What an operation imports before its first request: a cold start pays for it every time.

Counted in what is loaded, which is the same on every machine; benchmarks/cold_imports.py has the time.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from functools import cache

import pytest

from common.operation import PLATFORM, SERVICES, CustomResource, discover

BUDGET = 1.25
"""Source bytes loaded, as a multiple of what Powertools, pg8000 and SQLAlchemy Core load alone."""

BASELINE = """
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
import pg8000.dbapi, sqlalchemy
from sqlalchemy.dialects.postgresql import JSONB
sqlalchemy.create_engine("postgresql+pg8000://")
"""

LATE = {"boto3", "kafka", "requests", "httpx", "jwt", "aws_xray_sdk", "stdnum", "re2", "alembic"}
"""Packages that no operation imports ahead of their use."""

_REPORT = """
import sys, json, os
loaded = {}
for name, module in list(sys.modules.items()):
    path = getattr(module, "__file__", None)
    if path and path.endswith(".py"):
        loaded[name] = os.path.getsize(path)
print(json.dumps(loaded))
"""


@cache
def loaded(code: str, service: str = "") -> dict[str, int]:
    """Modules that some code loads, with the bytes of their source."""
    program = f"import os; os.environ['SERVICE'] = {service!r}\n{code}\n{_REPORT}"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=True,
    )
    found: dict[str, int] = json.loads(ran.stdout.splitlines()[-1])
    return found


def subjects() -> list[tuple[str, str]]:
    """Each module that holds operations, with one service that it is deployed in.

    Deployments wait for nobody: what they run is not counted.
    """
    counted = (
        operation
        for service in (*SERVICES, PLATFORM)
        for operation in discover(service)
        if not isinstance(operation.trigger, CustomResource)
    )
    return sorted({operation.function.__module__: operation.service for operation in counted}.items())


@pytest.mark.parametrize(("module", "service"), subjects(), ids=str)
def test_an_operation_imports_little_beyond_its_foundations(module: str, service: str) -> None:
    found = loaded(f"import {module}; from common import http, background", service)
    assert not {name.split(".", 1)[0] for name in found} & LATE
    ratio = sum(found.values()) / sum(loaded(BASELINE).values())
    assert ratio <= BUDGET, f"{ratio:.2f}"


_COLLECTOR = """
import os
os.environ |= {"_HANDLER": "auth.me.read", "SERVICE": "auth"}
import gc
from auth import me
at_import = gc.isenabled()
me.read.prepare()
print(at_import, gc.isenabled(), gc.get_freeze_count() > 10_000)
"""


def test_a_lambda_is_imported_without_garbage_collection_and_collects_from_its_first_call() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _COLLECTOR],
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == ["False", "True", "True"]


def test_nobody_else_loses_the_collector() -> None:
    assert gc.isenabled()
