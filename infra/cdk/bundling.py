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
import tempfile
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
    BUILD.mkdir(exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=BUILD, prefix=".dependencies-"))
    partial.chmod(0o755)
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
    _publish(partial, layer)
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
    """A bundle named by its content: what has not changed is not made again, nor twice at once."""
    contents = dict(sorted(_contents(sources).items())) | (files or {})
    digest = hashlib.sha256(stage.python.encode())
    for place, content in contents.items():
        digest.update(f"{place}\0{len(content)}\0".encode() + content)
    target = BUILD / stage.name / f"{name}-{digest.hexdigest()[:16]}"
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{name}-"))
    partial.chmod(0o755)
    for place, content in contents.items():
        path = partial / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _compile(partial, stage)
    _publish(partial, target)
    return target


def _contents(sources: dict[str, Path]) -> dict[str, bytes]:
    """The files to bundle, by their place in the bundle."""
    return {
        f"{place}/{path.relative_to(source)}": path.read_bytes()
        for place, source in sources.items()
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def _publish(partial: Path, target: Path) -> None:
    """Give a finished bundle its name; another process may have been first."""
    try:
        partial.rename(target)
    except OSError:
        if not target.exists():
            raise
        shutil.rmtree(partial)


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
