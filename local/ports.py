"""Ports on loopback: which one a service gets, and who holds it when it cannot have it."""

import os
import socket

import psutil

from local.errors import LocalError, PortTakenError
from local.process import Daemon

HOST = "127.0.0.1"


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def preferred(variable: str, default: int) -> int:
    """The port named by the environment variable, or the default."""
    text = os.environ.get(variable, "")
    if not text:
        return default
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise LocalError(f"{variable} is {text!r}, which is not a port.", "Give a number from 1 to 65535.")
    return int(text)


def of(daemon: Daemon, variable: str, default: int) -> int:
    """The port that the variable names, else the one that the daemon runs on, else the default."""
    running = daemon.running()
    return preferred(variable, running.notes["port"] if running else default)


def is_listening(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def holder(port: int) -> str:
    """The program that listens on the port, as "name (pid 123)"; "another program" if that is not told."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells only root
        return "another program"
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
            try:
                return f"{_program(psutil.Process(connection.pid))} (pid {connection.pid})"
            except psutil.NoSuchProcess:
                continue
    return "another program"


def _program(process: psutil.Process) -> str:
    """An interpreter is told with what it runs: "python -m local.poller"."""
    name, words = process.name(), process.cmdline()
    return " ".join([name, *words[1:3]]) if name.startswith(("python", "node", "java")) else name


def demand(port: int, service: str, variable: str) -> None:
    """Refuse to go on when the port that `service` is about to listen on is taken."""
    with socket.socket() as probe:
        # as the servers do it: a connection that lingers after a restart does not make the port taken
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise PortTakenError(
                f"{service} needs port {port}, which is held by {holder(port)}.",
                f"Stop that program, or choose another port with {variable}=PORT.",
            ) from None
