"""Copies of one container share neither seeds nor connections, nor secrets of when the picture was taken."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common import database, settings, snapshots
from common.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
INITIALIZE = """
import importlib, sys
from snapshot_restore_py import get_after_restore, get_before_snapshot
module, _, name = "masterdata.customers.create".rpartition(".")
handler = getattr(importlib.import_module(module), name)
assert not handler._prepared
for hook, arguments, named in get_before_snapshot():
    hook(*arguments, **named)
assert len(get_before_snapshot()) == len(get_after_restore()) == 1
assert handler._prepared
modules = set(sys.modules)
for hook, arguments, named in get_after_restore():
    hook(*arguments, **named)
print(sorted(set(sys.modules) - modules))
"""


@pytest.fixture(autouse=True)
def apart() -> Iterator[None]:
    before = list(settings._current)
    yield
    settings._current[:] = before


def test_random_numbers_differ_from_copy_to_copy() -> None:
    state = random.getstate()
    drawn = []
    for _ in range(2):
        random.setstate(state)  # as the picture has it
        snapshots.renew()
        drawn.append(random.random())
    assert drawn[0] != drawn[1]


def test_a_copy_opens_connections_of_its_own() -> None:
    configuration = Settings(database_url="postgresql://groundwork_auth:x@127.0.0.1:1/none", service="auth")
    engines = database.engine_for(configuration), database.reader_for(configuration)
    snapshots.renew()
    assert database.engine_for(configuration) is not engines[0]
    assert database.reader_for(configuration) is not engines[1]


def test_a_copy_reads_secrets_as_they_are_when_it_begins() -> None:
    settings.use(Settings(scrape_token="of last month"))
    snapshots.renew()
    assert settings.settings().scrape_token != "of last month"


def test_the_picture_is_of_a_container_that_need_import_nothing_more() -> None:
    environment = os.environ | {
        "AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start",
        "_HANDLER": "masterdata.customers.create",
        "SERVICE": "masterdata",
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("layers/common/python", "functions")),
    }
    command = [sys.executable, "-c", INITIALIZE]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.strip() == "[]"
