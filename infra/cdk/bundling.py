"""The code that goes to Lambda, bundled without Docker: wheels for the stage's Python and CPU, and bytecode.

CDK's zips reset modification times, which makes ordinary .pyc files stale and every cold start compile
them anew; bytecode with unchecked hashes stays valid.
"""

from __future__ import annotations

import compileall
import hashlib
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from common.events import declared as declared_events
from common.manifest import FILE, Manifest, Permission
from common.operation import Operation, discover_all
from common.topics import TopicSpec
from infra.cdk.stages import Stage

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
COMMON = ROOT / "layers" / "common"
_PLATFORM = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}


def dependencies(stage: Stage) -> Path:
    """The layer with the third-party packages; rebuilt when the pinned requirements change."""
    requirements = COMMON / "requirements.txt"
    target = "this machine" if stage.local else _PLATFORM[stage.architecture]
    digest = hashlib.sha256(f"{requirements.read_text()}{stage.python}{target}".encode()).hexdigest()[:16]
    layer = BUILD / f"dependencies-{digest}"
    if layer.exists():
        return layer
    partial = layer.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = [_uv(), "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target"]
    command += [str(partial / "python"), "--requirement", str(requirements)]
    if stage.local:
        command += ["--python", sys.executable]
    else:
        command += ["--python-version", stage.python, "--python-platform", target]
        command += ["--only-binary", ":all:"]
    subprocess.run(command, check=True)  # noqa: S603 - our own command
    _slim(partial / "python")
    _compile(partial, stage)
    partial.rename(layer)
    return layer


def common(stage: Stage) -> Path:
    """The layer with the package ``common``."""
    return _staged(stage, "common", {"python/common": COMMON / "python" / "common"})


def service(stage: Stage, name: str) -> Path:
    """The code of one service's functions; the gateway's with what its pages load."""
    files = {}
    if name == "gateway":
        from infra.pages import vendor

        files = {f"{name}/web/vendor/{file}": content for file, content in vendor().items()}
    return _staged(stage, name, {name: ROOT / "functions" / name}, files)


def platform(stage: Stage) -> Path:
    """The code of the platform's functions: the migrations, and the manifest of what is declared."""
    operations = list(discover_all())
    topics = [TopicSpec(e.topic, e.partitions, e.retention_days) for e in declared_events.values()]
    manifest = Manifest(sorted(topics, key=lambda topic: topic.name), permissions(operations))
    return _staged(
        stage, "platform", {"migrations": ROOT / "migrations"}, {FILE: msgspec.json.encode(manifest)}
    )


def permissions(operations: list[Operation[..., object]]) -> list[Permission]:
    """The permission catalogue: each permission once, described by the operations that ask for it."""
    described: dict[str, list[str]] = {}
    for operation in operations:
        if "." in operation.permission:
            described.setdefault(operation.permission, []).append(operation.summary)
    return [
        Permission(name, name.split(".", 1)[0], " ".join(dict.fromkeys(summaries)))
        for name, summaries in sorted(described.items())
    ]


def _staged(stage: Stage, name: str, sources: dict[str, Path], files: dict[str, bytes] | None = None) -> Path:
    target = BUILD / stage.name / name
    shutil.rmtree(target, ignore_errors=True)
    for place, source in sources.items():
        shutil.copytree(source, target / place, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    for place, content in (files or {}).items():
        (target / place).parent.mkdir(parents=True, exist_ok=True)
        (target / place).write_bytes(content)
    _compile(target, stage)
    return target


def _slim(root: Path) -> None:
    """Leave out what no function imports: launchers, tests, caches."""
    for place in ("bin", ".lock"):
        path = root / place
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for tests in [*root.glob("*/tests"), *root.glob("*/testing"), *root.glob("*/test")]:
        if tests.is_dir():
            shutil.rmtree(tests)


def _compile(root: Path, stage: Stage) -> None:
    """Bytecode beside the source, if this Python is the stage's; another one cannot write it."""
    if stage.python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return
    compileall.compile_dir(
        str(root),
        quiet=2,
        stripdir=str(root),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def _uv() -> str:
    beside = Path(sys.executable).with_name("uv")
    found = str(beside) if beside.exists() else shutil.which("uv")
    if found is None:
        raise SystemExit("uv is missing; `make setup` installs it into .venv.")
    return found
