"""What the stage tells a function through its environment, read once per container."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

NAMESPACE = "Groundwork"
"""The CloudWatch namespace of every metric."""


@dataclass(frozen=True)
class Settings:
    """One function's configuration; every field has its environment variable, in capitals."""

    stage: str = "local"
    service: str = ""
    version: str = "0"
    database_url: str = ""
    """Full URL with credentials (stage ``local``); elsewhere host, user and an IAM token."""
    database_host: str = ""
    database_port: int = 5432
    database_name: str = "groundwork"
    database_user: str = ""
    database_secret_arn: str = ""
    """Where the login's password is kept, if it has one: AWS Secrets Manager. Empty: it signs in by IAM."""
    kafka_bootstrap_servers: str = ""
    kafka_iam: bool = False
    tracing: bool = False
    """Whether X-Ray records what the functions do."""
    migration_head: str = ""
    issuer: str = ""
    """``iss`` of the tokens accepted here, ``<API>/auth``; empty: as each request sees the API, so that a
    token's key alone says that it is ours."""
    audience: str = "groundwork"
    """``aud`` of the tokens accepted here."""
    public_url: str = ""
    """Base URL of the API as callers see it; empty: taken from each request."""
    scrape_token: str = field(default="", repr=False)
    """Bearer token that a Prometheus scraper must send; empty: none."""
    scrape_token_arn: str = ""
    """Where that token is kept, on stages that have one: AWS Secrets Manager."""
    bucket: str = ""
    function_alias: str = ""
    """The alias by which the platform's functions call each other; empty: the newest code of each."""
    evaluation_months: int = 13
    """Whole months that rule evaluations are kept: a year and the month that runs."""
    open_signup: bool = True
    """Whether anyone may register a tenant."""
    signing_secret: str = field(default="", repr=False)
    """Key-encryption secret of the token signing keys (stage ``local``)."""
    signing_secret_arn: str = ""
    """Where that secret is kept elsewhere: AWS Secrets Manager."""
    mail_from: str = "no-reply@groundwork.invalid"
    """Sender of the mail to users; an identity that SES has verified."""
    breached_passwords_url: str = ""
    """A range service for breached passwords (k-anonymity: it gets five hex digits of a SHA-1); empty: the
    shipped list alone."""
    operator_tenant: str = ""
    """Slug of the tenant whose users operate the platform; empty: none is set apart."""

    @classmethod
    def read(cls, environment: dict[str, str] | None = None) -> Settings:
        """Settings from environment variables; unknown ones are ignored."""
        source = dict(os.environ) if environment is None else environment
        values: dict[str, object] = {}
        for name, default in vars(cls()).items():
            raw = source.get(name.upper())
            if raw is None:
                continue
            if isinstance(default, bool):
                values[name] = raw.lower() in ("1", "true", "yes")
            else:
                values[name] = int(raw) if isinstance(default, int) else raw
        return cls(**values)  # type: ignore[arg-type]


_current: list[Settings] = []


def settings() -> Settings:
    """The container's settings."""
    if not _current:
        found = Settings.read()
        if found.scrape_token_arn:
            found = replace(found, scrape_token=secret(found.scrape_token_arn))
        _current.append(found)
    return _current[0]


def forget() -> None:
    """Read the settings anew when they are asked for, with secrets as they are then."""
    _current.clear()


def called(function: str) -> str:
    """One of the platform's functions, by its name, as others are to call it."""
    alias = settings().function_alias
    return f"{function}:{alias}" if alias else function


def secret(arn: str) -> str:
    """What AWS Secrets Manager keeps under ``arn``, as it is now."""
    import boto3

    kept: str = boto3.client("secretsmanager").get_secret_value(SecretId=arn)["SecretString"]
    return kept


def use(configuration: Settings) -> None:
    """Take other settings from here on, as a process does that stands for several functions."""
    _current[:] = [configuration]
