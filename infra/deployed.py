"""A deployed stage, as an operator reaches it: its API, its AWS account, and an account on the platform."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.cdk import stages
from infra.cdk.bundling import ROOT
from infra.cdk.stages import Stage

ACCOUNT = ("GROUNDWORK_TENANT", "GROUNDWORK_EMAIL", "GROUNDWORK_PASSWORD")
"""Environment variables that name the account to sign in with, on stages other than ``local``."""


class UnreachableError(Exception):
    """The stage, or a part of it, cannot be reached; the message says what and why."""


@dataclass(frozen=True)
class Deployed:
    """One deployed stage; ``account`` is tenant, email and password, or empty."""

    stage: Stage
    api: str
    account: tuple[str, ...] = field(repr=False)
    endpoint: str = ""
    """The emulator's address; empty on AWS."""

    @cached_property
    def http(self) -> httpx.Client:
        """A client whose paths are the API's."""
        return httpx.Client(base_url=self.api, timeout=30, trust_env=not self.stage.local)

    @cache  # noqa: B019 - a command looks at one stage and ends
    def aws(self, service: Any) -> Any:
        """A client of an AWS service."""
        config = Config(read_timeout=930, retries={"total_max_attempts": 1})
        if not self.endpoint:
            return boto3.client(service, config=config)
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - the emulators take any
            config=config,
        )

    def invoke(self, command: str, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Call one of the platform's functions and give its answer."""
        name = self.stage.name_of(command)
        try:
            answer = self.aws("lambda").invoke(FunctionName=name, Payload=json.dumps(payload).encode())
        except (BotoCoreError, ClientError) as error:
            raise UnreachableError(f"{name} cannot be invoked: {error}") from error
        text = answer["Payload"].read().decode()
        told = json.loads(text or "null")
        if answer.get("FunctionError") or not isinstance(told, dict):
            raise UnreachableError(f"{name} failed: {text[:300]}")
        return told


def find(name: str) -> Deployed:
    """The stage of that name as it is deployed."""
    stage = stages.stage(name)
    return _local(stage) if stage.local else _remote(stage)


def _local(stage: Stage) -> Deployed:
    outputs = Path(os.environ.get("GROUNDWORK_STATE", ROOT / ".local")) / "outputs.json"
    if not outputs.exists():
        raise UnreachableError("Nothing runs here; start it with `make up`.")
    told = json.loads(outputs.read_text())
    parts = urlsplit(told["api"])
    account = (told["tenant"], told["admin"]["email"], told["admin"]["password"])
    return Deployed(stage, told["api"], account, f"{parts.scheme}://{parts.netloc}")


def _remote(stage: Stage) -> Deployed:
    stack = stage.name_of("api")
    try:
        found = boto3.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
        region = boto3.session.Session().region_name
    except (BotoCoreError, ClientError) as error:
        raise UnreachableError(f"The stack {stack} cannot be described: {error}") from error
    outputs = {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}
    api = f"https://{outputs['ApiId']}.execute-api.{region}.amazonaws.com/{outputs['ApiStage']}"
    account = tuple(os.environ.get(name, "") for name in ACCOUNT)
    return Deployed(stage, outputs.get("ApiUrl", api), account if all(account) else ())
