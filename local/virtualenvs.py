"""Virtual environments of the emulators: their dependencies and ours would not fit into one."""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError, MissingError
from local.state import STATE, in_turn


@dataclass(frozen=True)
class VirtualEnvironment:
    """A virtual environment with the packages of a hash-pinned requirements file, made when first needed."""

    name: str
    requirements: Path
    interpreter: str

    @property
    def home(self) -> Path:
        """Where it is."""
        return STATE / "venvs" / self.name

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.home / "bin" / "python"

    def ensure(self) -> Path:
        """Install what the requirements file asks for, unless it is there, and give the interpreter."""
        with in_turn(f"venv-{self.name}"):
            self._install()
        return self.python

    def _install(self) -> None:
        wanted = hashlib.sha256(self.requirements.read_bytes() + self.interpreter.encode()).hexdigest()
        stamp = self.home / "installed"
        if stamp.exists() and stamp.read_text() == wanted and self.python.exists():
            return
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.parent.mkdir(parents=True, exist_ok=True)
        _uv("venv", "--quiet", "--python", self.interpreter, str(self.home))
        _uv(
            "pip", "install", "--quiet", "--require-hashes",
            "--python", str(self.python), "--requirements", str(self.requirements),
        )  # fmt: skip
        stamp.write_text(wanted)


def interpreter(version: str) -> str:
    """The path of an installed Python of this version, such as 3.13."""
    result = _run_uv("python", "find", "--no-project", "--no-python-downloads", version)
    if result.returncode == 0:
        return result.stdout.strip()
    pyenv = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}*/bin/python"))
    if pyenv:
        return str(pyenv[-1])
    raise MissingError(
        f"Python {version} is needed and was not found.",
        f"Install it (for one, `uv python install {version}`), so that it is on the PATH as python{version}.",
    )


def _uv(*arguments: str) -> None:
    result = _run_uv(*arguments)
    if result.returncode:
        raise LocalError(f"`uv {' '.join(arguments)}` failed:\n{result.stderr.strip()}")


def _run_uv(*arguments: str) -> subprocess.CompletedProcess[str]:
    # beside the interpreter that runs this: the project pins uv like any other package
    program = Path(sys.executable).with_name("uv")
    found = str(program) if program.exists() else shutil.which("uv")
    if not found:
        raise MissingError("uv is not installed.", "Run `make install`.")
    return subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
