"""`make status`: what runs, where, and whether it answers."""

from rich.console import Console
from rich.table import Table

from local import aws, emulator, kafka, poller_process, postgres
from local.aws_server import healthy
from local.localstack import localstack
from local.ministack import ministack
from local.process import Daemon
from local.state import EVENT_SOURCES, OUTPUTS, read_json


def status(console: Console) -> bool:
    """Print a table; True if all that should run answers."""
    rows = [_database(), _broker(), _aws(), *_poller()]
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("part", "state", "address", "pid", "log"):
        table.add_column(heading, overflow="fold")
    for name, well, address, daemon in rows:
        running = daemon.running() if daemon else None
        table.add_row(
            name,
            "[green]answers[/]" if well else "[red]down[/]",
            address,
            str(running.pid) if running else "",
            str(daemon.log) if daemon and daemon.log.exists() else "",
        )
    console.print(table)
    outputs = read_json(OUTPUTS)
    well = all(row[1] for row in rows)
    if outputs and well:
        console.print(f"\nAPI  {outputs['api']}")
    return well


Row = tuple[str, bool, str, Daemon | None]


def _database() -> Row:
    if url := postgres.external_url():
        return "PostgreSQL", True, url.rsplit("@", 1)[-1] + " (yours, not asked)", None
    cluster = postgres.cluster()
    well = cluster.daemon.running() is not None and cluster.answers()
    return "PostgreSQL", well, f"127.0.0.1:{cluster.port}", cluster.daemon


def _broker() -> Row:
    if bootstrap := kafka.external_bootstrap():
        return "Kafka", kafka.answers(bootstrap), bootstrap, None
    broker = kafka.broker()
    well = broker.daemon.running() is not None and broker.answers()
    return "Kafka", well, broker.bootstrap, broker.daemon


def _aws() -> Row:
    if endpoint := aws.external_endpoint():
        return "AWS", healthy(endpoint), endpoint, None
    running = [each for each in (ministack(), localstack()) if each.daemon.running()]
    shown = running[0] if running else emulator.chosen() or ministack()
    return f"AWS ({shown.daemon.name})", bool(running) and shown.answers(), shown.endpoint, shown.daemon


def _poller() -> list[Row]:
    sources = read_json(EVENT_SOURCES) or []
    if not sources:
        return []
    daemon = poller_process.DAEMON
    return [("Event sources", daemon.running() is not None, f"functions: {len(sources)}", daemon)]
