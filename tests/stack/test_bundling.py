"""The bundles: complete, and with bytecode that stays valid when the zip resets its times."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from common.events import declared
from common.manifest import FILE, Manifest
from common.operation import SERVICES, discover_all
from infra.cdk import bundling
from infra.cdk.stages import stage

pytestmark = pytest.mark.xdist_group("synthesis")
LOCAL = stage("local")
UNCHECKED_HASH = 0b01


def test_a_function_imports_from_its_bundle_and_the_layers_alone() -> None:
    layers = [bundling.dependencies(LOCAL), bundling.common(LOCAL)]
    for service in SERVICES:
        handlers = [o.function.__module__ for o in discover_all([service])]
        path = [str(bundling.service(LOCAL, service)), *(str(layer / "python") for layer in layers)]
        code = f"import sys; sys.path[:0] = {path!r}\nimport {', '.join(sorted(set(handlers)))}"
        subprocess.run([sys.executable, "-S", "-c", code], check=True, cwd="/")


@pytest.mark.parametrize("part", ["dependencies", "common"])
def test_bytecode_is_never_stale(part: str) -> None:
    root: Path = getattr(bundling, part)(LOCAL)
    compiled = list(root.rglob("*.pyc"))
    assert len(compiled) > 20
    for path in compiled[:200]:
        header = path.read_bytes()[:16]
        assert header[:4] == importlib.util.MAGIC_NUMBER
        assert int.from_bytes(header[4:8], "little") == UNCHECKED_HASH


def test_the_manifest_names_every_topic_and_permission() -> None:
    manifest = msgspec.json.decode((bundling.platform(LOCAL) / FILE).read_bytes(), type=Manifest)
    assert {topic.name for topic in manifest.topics} == set(declared)
    wanted = {o.permission for o in discover_all() if "." in o.permission}
    assert {permission.name for permission in manifest.permissions} == wanted
