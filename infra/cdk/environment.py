"""What a stage tells its functions: the environment variables that ``common.settings`` reads."""

from __future__ import annotations

import tomllib
from functools import cache

from sqlalchemy.engine.url import make_url

from common.logins import login, reader, role_password
from common.operation import Operation, Route, Uses
from infra.cdk.bundling import ROOT
from infra.cdk.mail import sender
from infra.cdk.names import DATABASE, LIVE, OWNER, bucket_name
from infra.cdk.stages import Stage
from infra.cdk.told import Told
from migrations import runner

SCRAPED = ("/metrics", "/services/targets")
"""How the routes end that a Prometheus scraper or its service discovery asks."""


@cache
def version() -> str:
    """The release, as pyproject.toml says."""
    project: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["version"]


def environment(stage: Stage, operation: Operation[..., object], told: Told) -> dict[str, str]:
    """The environment of one operation's function."""
    service = operation.service
    settings = {
        "STAGE": stage.name,
        "SERVICE": service,
        "VERSION": version(),
        "MIGRATION_HEAD": runner.expand_head(),
        "OPEN_SIGNUP": "true" if stage.open_signup else "false",
        "POWERTOOLS_SERVICE_NAME": service,
    }
    if stage.release:
        settings["RELEASE"] = stage.release
    if Uses.FILES in operation.uses:
        settings["BUCKET"] = bucket_name(stage)
    if stage.operator_tenant:
        settings["OPERATOR_TENANT"] = stage.operator_tenant
    if stage.domain:
        settings["PUBLIC_URL"] = f"https://{stage.domain}"
        settings["ISSUER"] = f"https://{stage.domain}/auth"
    if stage.mail_domain and Uses.MAIL in operation.uses:
        settings["MAIL_FROM"] = sender(stage)
    if stage.tracing:
        settings["TRACING"] = "true"
    if not stage.local:
        return settings | _on_aws(stage, operation, told)
    settings["KAFKA_BOOTSTRAP_SERVERS"] = stage.kafka_bootstrap_servers
    admin = Uses.ADMIN in operation.uses
    settings["DATABASE_URL"] = stage.database_url if admin else database_url(stage, operation)
    if service == "auth":
        settings["SIGNING_SECRET"] = role_password(_admin_password(stage), "signing")
    return settings


def _on_aws(stage: Stage, operation: Operation[..., object], told: Told) -> dict[str, str]:
    """Where the database, the broker and the secrets are; never a secret itself."""
    owner = Uses.ADMIN in operation.uses
    settings = {
        "DATABASE_HOST": told.value("proxy-host"),
        "DATABASE_NAME": DATABASE,
        "DATABASE_USER": OWNER if owner else user(operation),
    }
    if Uses.INVOKE in operation.uses:
        settings["FUNCTION_ALIAS"] = LIVE
    if owner:
        settings["DATABASE_SECRET_ARN"] = told.value("database-secret")
    if Uses.KAFKA in operation.uses:
        settings |= {"KAFKA_BOOTSTRAP_SERVERS": told.value("kafka-bootstrap"), "KAFKA_IAM": "1"}
    if Uses.SIGNING in operation.uses:
        settings["SIGNING_SECRET_ARN"] = told.value("signing-secret")
    if is_scraped(stage, operation):
        settings["SCRAPE_TOKEN_ARN"] = told.value("scrape-secret")
    return settings


def user(operation: Operation[..., object]) -> str:
    """The login of an operation's function: its service's own, or the reader of that if it only reads."""
    return reader(operation.service) if operation.reads_only else login(operation.service)


def is_scraped(stage: Stage, operation: Operation[..., object]) -> bool:
    """Whether Prometheus asks it, so that it must know the scraper's token."""
    trigger = operation.trigger
    return stage.metrics_protected and isinstance(trigger, Route) and trigger.path.endswith(SCRAPED)


def database_url(stage: Stage, operation: Operation[..., object]) -> str:
    """The URL by which an operation's function reaches a database that is given to the stage."""
    url = make_url(stage.database_url)
    role = user(operation)
    secret = role_password(_admin_password(stage), role)
    return url.set(username=role, password=secret).render_as_string(hide_password=False)


def _admin_password(stage: Stage) -> str:
    return str(make_url(stage.database_url).password or "")
