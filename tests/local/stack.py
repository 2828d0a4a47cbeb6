"""The platform deployed to a local AWS, as its users meet it: over HTTP, Kafka and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from local import aws
from local.ports import free_port

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Stack:
    """A deployed stage."""

    emulator: str
    api: str
    kafka: str
    database: str
    tenant: str
    admin: dict[str, str]
    state: Path
    environment: dict[str, str]

    @property
    def http(self) -> httpx.Client:
        """A client whose paths are the API's."""
        return httpx.Client(base_url=self.api, timeout=30)

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project against this stack."""
        return subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def aws(self, service: Any) -> Any:
        """A client of the emulator."""
        parts = urlsplit(self.api)
        return aws.client(service, url=f"{parts.scheme}://{parts.netloc}")

    def invoke(self, function: str, event: Any, **options: str) -> Any:
        """Call a function by its name; its answer, or its error."""
        payload = json.dumps(event).encode()
        answer = self.aws("lambda").invoke(FunctionName=function, Payload=payload, **options)
        return json.loads(answer["Payload"].read() or b"null")

    def register(self) -> Tenant:
        """A new tenant with its owner signed in."""
        slug = f"t-{uuid4().hex[:12]}"
        email = f"owner@{slug}.test"
        admin = {"email": email, "password": PASSWORD, "name": "Olive Owner"}
        with self.http as http:
            made = http.post("/auth/tenants", json={"slug": slug, "name": slug, "admin": admin})
            assert made.status_code == 201, made.text
        return Tenant(self, slug, email, self.sign_in(slug, email), made.json()["tenant"]["id"])

    def sign_in(self, tenant: str, email: str, password: str = PASSWORD) -> str:
        """An access token."""
        with self.http as http:
            answer = http.post("/auth/login", json={"tenant": tenant, "email": email, "password": password})
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


@dataclass(frozen=True)
class Tenant:
    """A tenant of the stack, and its owner's token."""

    stack: Stack
    slug: str
    email: str
    token: str
    id: str

    @property
    def http(self) -> httpx.Client:
        """A client that is signed in."""
        return httpx.Client(
            base_url=self.stack.api, timeout=30, headers={"Authorization": f"Bearer {self.token}"}
        )


@contextmanager
def deployed(emulator: str, state: Path) -> Iterator[Stack]:
    """The platform on an emulator, on free ports, apart from a developer's own; ended with the tests."""
    ports = {f"GROUNDWORK_{name}_PORT": str(free_port()) for name in ("AWS", "KAFKA", "POSTGRES")}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS", "AWS_ENDPOINT_URL")
    }
    environment = (
        kept
        | ports
        | {
            "AWS": emulator,
            "GROUNDWORK_STATE": str(state),
            "PYTHONPATH": os.pathsep.join(str(ROOT / p) for p in (".", "layers/common/python", "functions")),
        }
    )
    local = [sys.executable, "-m", "local"]
    try:
        up = subprocess.run(
            [*local, "up"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert up.returncode == 0, up.stdout + up.stderr
        outputs = json.loads((state / "outputs.json").read_text())
        yield Stack(emulator, state=state, environment=environment, **outputs)
    finally:
        subprocess.run([*local, "down"], cwd=ROOT, env=environment, check=True, capture_output=True)


def eventually(look: Callable[[], T], seconds: float = 20) -> T:
    """What `look` gives once it gives something true; its last answer ends up in the failure."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.1)
    return found


def samples(text: str) -> dict[str, float]:
    """A Prometheus page's samples by name with labels, as it writes them."""
    lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document of a refusal with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    return document
