"""The local database in a file, and back: what a snapshot of Aurora is on AWS."""

import os
import subprocess
from pathlib import Path

import pg8000.native

from local import ports, postgres
from local.errors import LocalError, MissingError, NotReadyError
from local.postgres import DATABASE, SUPERUSER, Cluster

FRESH = f"{DATABASE}_restored"
"""The database that a snapshot is read into, until it takes the place of the present one."""


def save(path: Path) -> None:
    """Write the database as it is at this moment into a file."""
    cluster = _cluster()
    _run(cluster, "pg_dump", "--format=custom", f"--file={path}", DATABASE)


def restore(path: Path) -> None:
    """Put the database back to what a file holds; what was written since is gone.

    It is read into a new one first: a file that cannot be read changes nothing.
    """
    if not path.is_file():
        raise MissingError(f"There is no snapshot {path}.", "`python -m local save FILE` makes one.")
    cluster = _cluster()
    cluster.drop_database(FRESH)
    cluster.create_database(FRESH)
    try:
        _run(cluster, "pg_restore", "--exit-on-error", f"--dbname={FRESH}", str(path))
    except LocalError:
        cluster.drop_database(FRESH)
        raise
    cluster.drop_database(DATABASE)
    fresh, present = pg8000.native.identifier(FRESH), pg8000.native.identifier(DATABASE)
    cluster.run(f"alter database {fresh} rename to {present}")


def _cluster() -> Cluster:
    if postgres.external_url():
        raise LocalError("The database is another's: DATABASE_URL names it.", "Use its own tools.")
    cluster = postgres.cluster()
    if not cluster.answers():
        raise NotReadyError("PostgreSQL does not run.", "Start it with `make up`.")
    return cluster


def _run(cluster: Cluster, program: str, *arguments: str) -> None:
    place = [f"--host={ports.HOST}", f"--port={cluster.port}", f"--username={SUPERUSER}", "--no-password"]
    told = subprocess.run(
        [postgres.binaries() / program, *place, *arguments],
        env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "PGPASSWORD": cluster.password},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        raise NotReadyError(f"{program} ended with {told.returncode}.", told.stderr.strip())
