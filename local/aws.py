"""The AWS that the local stage talks to: its address, credentials and clients."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

import boto3
import botocore.config

from local import ports
from local.process import Daemon
from local.state import STATE

REGION = "us-east-1"
ACCOUNT = "000000000000"
EMULATORS = (Daemon("ministack", STATE / "ministack"), Daemon("localstack", STATE / "localstack"))
DUMMY = "test"  # key id and secret: the emulators take any
PORT_VARIABLE = "GROUNDWORK_AWS_PORT"
DEFAULT_PORT = 4566


def external_endpoint() -> str | None:
    """The running emulator that `AWS_ENDPOINT_URL` names instead of one of ours."""
    return (os.environ.get("AWS_ENDPOINT_URL") or "").rstrip("/") or None


def port() -> int:
    """The port of our own emulator, whichever runs."""
    running = (daemon for daemon in EMULATORS if daemon.running())
    return ports.of(next(running, EMULATORS[0]), PORT_VARIABLE, DEFAULT_PORT)


def endpoint() -> str:
    """The URL of the AWS APIs."""
    return external_endpoint() or f"http://{ports.HOST}:{port()}"


def environment(url: str | None = None) -> dict[str, str]:
    """Variables by which the CDK, the AWS CLI and every SDK talk to the emulator and to nothing else.

    The credentials are dummies; profiles and files that could name real ones are shut out.
    """
    url = url or endpoint()
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_ACCESS_KEY_ID": DUMMY,
        "AWS_SECRET_ACCESS_KEY": DUMMY,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def process_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment turned to the emulator, without a session of a real account."""
    kept = {
        name: value for name, value in os.environ.items() if name not in {"AWS_PROFILE", "AWS_SESSION_TOKEN"}
    }
    return {**kept, **environment(), **(changes or {})}


@cache
def _session() -> boto3.Session:
    return boto3.Session(aws_access_key_id=DUMMY, aws_secret_access_key=DUMMY, region_name=REGION)


def client(service: Any, *, url: str | None = None, read_timeout: float = 60) -> Any:
    """A boto3 client of the emulator, by the service's name; `read_timeout` in seconds."""
    config = botocore.config.Config(
        retries={"total_max_attempts": 1},
        read_timeout=read_timeout,
        connect_timeout=5,
        s3={"addressing_style": "path"},
    )
    return _session().client(service, endpoint_url=url or endpoint(), config=config)
