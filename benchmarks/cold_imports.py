"""What importing an operation costs, against what it stands on: Powertools, pg8000 and SQLAlchemy Core alone.

CPU time of a fresh interpreter, from the bundles as they are deployed (bytecode with unchecked hashes),
interleaved, median of nine. Target: under 1.15 times.
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

from common.operation import PLATFORM, SERVICES, discover
from infra.cdk import bundling
from infra.cdk.stages import stage

ROUNDS = 9
BASELINE = """
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider
import pg8000.dbapi, sqlalchemy
from sqlalchemy.dialects.postgresql import JSONB
sqlalchemy.create_engine("postgresql+pg8000://")
"""


def cpu_seconds(code: str, path: list[str], service: str, handler: str) -> float:
    """CPU time of running some code in a fresh interpreter with nothing but that path, as in a Lambda."""
    program = (
        f"import sys; sys.path[:0] = {path!r}\nimport time; started = time.process_time()\n{code}\n"
        "print(time.process_time() - started)"
    )
    environment = {"SERVICE": service, "_HANDLER": handler, "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, "-S", "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return float(ran.stdout.split()[-1])


def main() -> None:
    """Print each operation's ratio, the dearest first."""
    local = stage("local")
    layers = [str(layer(local) / "python") for layer in (bundling.dependencies, bundling.common)]
    subjects: dict[str, tuple[str, list[str], str, str]] = {"baseline": (BASELINE, layers, "", "")}
    for service in (*SERVICES, PLATFORM):
        source = bundling.platform(local) if service == PLATFORM else bundling.service(local, service)
        for operation in discover(service):
            module, name = operation.handler.rsplit(".", 1)
            code = f"import {module}; {module}.{name}.prepare()"
            # Operations of one module import the same; the first speaks for them.
            key = f"{service}: {module}"
            subjects.setdefault(key, (code, [str(source), *layers], service, operation.handler))
    measured: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, subject in subjects.items():
            measured[name].append(cpu_seconds(*subject))
    base = median(measured["baseline"])
    print(f"{'module':<44} {'ms':>7} {'ratio':>6}")
    for name, values in sorted(measured.items(), key=lambda item: -median(item[1])):
        print(f"{name:<44} {median(values) * 1000:7.0f} {median(values) / base:6.2f}")


if __name__ == "__main__":
    main()
