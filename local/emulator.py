"""Which AWS emulator the local stage runs on: ministack, LocalStack, or one that somebody else runs."""

import os

from local import aws
from local.aws_server import healthy
from local.errors import LocalError, NotReadyError
from local.localstack import LocalStack, localstack
from local.ministack import Ministack, ministack

CHOICE = "AWS"


def chosen() -> Ministack | LocalStack | None:
    """The emulator that `AWS` names, ministack if it names none; None when `AWS_ENDPOINT_URL` is set."""
    if aws.external_endpoint():
        return None
    name = os.environ.get(CHOICE) or "ministack"
    if name == "ministack":
        return ministack()
    if name == "localstack":
        return localstack()
    raise LocalError(f"{CHOICE} is {name!r}.", "Choose ministack or localstack, or set AWS_ENDPOINT_URL.")


def up() -> str:
    """Make sure that the chosen emulator runs, and alone; a name for this run of it."""
    emulator = chosen()
    if emulator is None:
        endpoint = aws.endpoint()
        if not healthy(endpoint):
            raise NotReadyError(
                f"No AWS emulator answers at {endpoint}.", "Start it, or unset AWS_ENDPOINT_URL."
            )
        return endpoint
    for other in (ministack(), localstack()):
        if other.daemon.name != emulator.daemon.name:
            other.stop()
    emulator.start()
    running = emulator.daemon.running()
    if running is None:
        raise NotReadyError(
            f"{emulator.daemon.name} ended right after it started.", emulator.daemon.log_tail()
        )
    return f"{emulator.daemon.name} {running.identity}"


def down() -> list[str]:
    """Stop our emulators; the names of those that ran."""
    return [emulator.daemon.name for emulator in (ministack(), localstack()) if emulator.stop()]
