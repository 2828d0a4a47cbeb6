"""The poller's process: started with the mappings of the stage, and anew when they or the brokers change."""

import hashlib
import sys

from local import aws, emulator, kafka
from local.process import Daemon
from local.state import EVENT_SOURCES, ROOT, STATE, read_json

DAEMON = Daemon("poller", STATE / "poller")


def up(bootstrap: str) -> bool:
    """Make sure that the poller serves the mappings of now; True if it had to be started."""
    if not read_json(EVENT_SOURCES):
        DAEMON.stop()
        return False
    serves = hashlib.sha256(f"{EVENT_SOURCES.read_text()}{bootstrap}{_brokers()}{_functions()}".encode())
    running = DAEMON.running()
    if running and running.notes["serves"] == serves.hexdigest():
        return False
    DAEMON.stop()
    DAEMON.start(
        [sys.executable, "-m", "local.poller", EVENT_SOURCES, bootstrap],
        env={**aws.process_environment(), "PYTHONPATH": str(ROOT)},
        notes={"serves": serves.hexdigest()},
    )
    return True


def down() -> bool:
    """End the poller after the batch that it delivers; False if it did not run."""
    return DAEMON.stop(seconds=20)


def _brokers() -> str:
    # a broker that was started again counts its offsets from nothing
    running = kafka.broker().daemon.running()
    return running.identity if running and not kafka.external_bootstrap() else ""


def _functions() -> str:
    chosen = emulator.chosen()
    running = chosen.daemon.running() if chosen else None
    return running.identity if running else aws.endpoint()
