"""What a stage tells its functions: the environment variables that ``common.settings`` reads."""

from __future__ import annotations

import tomllib
from functools import cache

from sqlalchemy.engine.url import make_url

from common.operation import Operation, Uses
from infra.cdk.bundling import ROOT
from infra.cdk.names import bucket_name
from infra.cdk.stages import Stage
from migrations import runner
from migrations.security import login, role_password


@cache
def version() -> str:
    """The release, as pyproject.toml says."""
    project: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["version"]


def environment(stage: Stage, operation: Operation[..., object]) -> dict[str, str]:
    """The environment of one operation's function."""
    service = operation.service
    settings = {
        "STAGE": stage.name,
        "SERVICE": service,
        "VERSION": version(),
        "MIGRATION_HEAD": runner.head(),
        "OPEN_SIGNUP": "true" if stage.open_signup else "false",
        "ISSUER": f"urn:groundwork:{stage.name}",
        "KAFKA_BOOTSTRAP_SERVERS": stage.kafka_bootstrap_servers,
        "POWERTOOLS_SERVICE_NAME": service,
    }
    if Uses.FILES in operation.uses:
        settings["BUCKET"] = bucket_name(stage)
    if stage.tracing:
        settings["TRACING"] = "true"
    if stage.local:
        admin = Uses.ADMIN in operation.uses
        settings["DATABASE_URL"] = stage.database_url if admin else database_url(stage, service)
        if service == "auth":
            settings["SIGNING_SECRET"] = role_password(_admin_password(stage), "signing")
    return settings


def database_url(stage: Stage, service: str) -> str:
    """The URL by which a service's functions reach a database that is given to the stage."""
    url = make_url(stage.database_url)
    role = login(service)
    secret = role_password(_admin_password(stage), role)
    return url.set(username=role, password=secret).render_as_string(hide_password=False)


def _admin_password(stage: Stage) -> str:
    return str(make_url(stage.database_url).password or "")
