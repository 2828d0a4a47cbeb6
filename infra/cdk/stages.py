"""The stages: what differs between a laptop, development and production, in one place."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from typing import Any, Literal

PREFIX = "groundwork"


MET_FIRST = frozenset(
    {
        "auth.sessions.login",
        "auth.refresh.refresh",
        "gateway.graph.query",
        "auth.graph.query",
        "masterdata.graph.query",
        "rules.graph.query",
        "workflow.graph.query",
    }
)
"""What a person waits for at first: to sign in, to stay so, and the graph with the subgraphs behind it."""


@dataclass(frozen=True)
class Stage:
    """One deployment of the whole platform."""

    name: str
    python: str
    """Python version of the functions, ``major.minor``."""
    architecture: Literal["arm64", "x86_64"]
    log_retention_days: int
    open_signup: bool
    metrics_to: Literal["subscription"] = "subscription"
    tracing: bool = False
    """Whether X-Ray records the requests."""
    dashboards: bool = True
    """Whether CloudWatch gets dashboards; LocalStack knows none."""
    alarm_email: str = ""
    """Who is told of alarms, after confirming the subscription; others subscribe to the topic by hand."""
    local: bool = False
    """Deployed to an emulator: PostgreSQL and Kafka are given by URL instead of made."""
    database_url: str = ""
    kafka_bootstrap_servers: str = ""

    shift: str = ""
    """How CodeDeploy takes callers over to a function's new version, by the name of its configuration. Empty:
    all at once, with nobody watching."""
    snapshots: frozenset[str] = frozenset()
    """Operations whose containers begin as copies of a ready one (SnapStart), which costs by the hour."""
    at_once: bool = False
    """Whether this deployment goes without ``shift``: a remedy, for callers who are served badly already."""
    release: str = ""
    """Names this deployment. Each publishes every function anew, also when only what it is told has changed,
    such as the address of a database that was restored."""
    protected: bool = False
    """Its data outlive a mistake: termination protection, retained resources, snapshots."""
    zones: int = 2
    nat_gateways: int = 0
    """Needed only to call out to the Internet: webhooks and external subgraphs."""
    database_capacity: tuple[float, float] = (0.5, 2.0)
    """Aurora capacity units, least and most. A least of 0 would pause an idle database, and never does here:
    the proxy keeps its connections open, and the relay looks into the outbox all the time."""
    database_readers: int = 0
    backup_days: int = 1
    pollers: int = 0
    """Event pollers that Lambda keeps for the consumers of topics, who share them. None: it polls on demand,
    and a batch that fails is tried until its records expire: only kept pollers give up after some retries."""
    metrics_protected: bool = False
    """Whether a scraper must show the stage's token."""
    requests_per_second: int = 100
    """What API Gateway lets through; the rest is told to slow down (429)."""
    requests_of_one: int = 2_000
    """Requests from one address in five minutes, beyond which the firewall blocks it."""
    operator_tenant: str = ""
    """Slug of the tenant whose users operate the platform: who may withdraw a compromised signing key."""
    budget: int = 0
    """US dollars a month, of which somebody is told before and when they are spent."""
    mail_domain: str = ""
    """The domain that users are written to from. Empty: no mail leaves the stage."""
    backup_copies: str = ""
    """ARN of a vault in another region that each backup is copied to; empty: none."""
    domain: str = ""
    """The API's own host name; its certificate's ARN is ``certificate``. Empty: API Gateway's."""
    certificate: str = ""

    def name_of(self, part: str) -> str:
        """A physical name of this stage, ``groundwork-<stage>-<part>``, within AWS' 64 characters."""
        full = f"{PREFIX}-{self.name}-{part}"
        if len(full) <= 64:
            return full
        from hashlib import sha256

        return f"{full[:55]}-{sha256(full.encode()).hexdigest()[:8]}"


def _local() -> Stage:
    return Stage(
        name="local",
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        architecture="arm64" if os.uname().machine in ("arm64", "aarch64") else "x86_64",
        log_retention_days=1,
        open_signup=True,
        dashboards=False,
        local=True,
        database_url=os.environ.get(
            "DATABASE_URL", "postgresql://postgres:postgres@127.0.0.1:5432/groundwork"
        ),
        kafka_bootstrap_servers=os.environ.get("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092"),
    )


def stage(name: str, **changed: Any) -> Stage:
    """The stage of that name, with some fields ``changed``; an unknown one is an error that lists them."""
    if name == "local":
        return replace(_local(), **changed)
    try:
        return replace(_STAGES[name], **changed)
    except KeyError:
        raise SystemExit(f"There is no stage {name!r}; there are: {', '.join(names())}.") from None


def names() -> tuple[str, ...]:
    """All stages."""
    return ("local", *_STAGES)


_STAGES: dict[str, Stage] = {
    "dev": Stage(
        name="dev",
        python="3.14",
        architecture="arm64",
        log_retention_days=30,
        open_signup=True,
        tracing=True,
        budget=1_300,
    ),
    "prod": Stage(
        name="prod",
        python="3.14",
        architecture="arm64",
        log_retention_days=90,
        open_signup=False,
        tracing=True,
        snapshots=MET_FIRST,
        shift="CodeDeployDefault.LambdaCanary10Percent10Minutes",
        protected=True,
        zones=3,
        nat_gateways=1,
        database_capacity=(0.5, 64.0),
        database_readers=1,
        backup_days=30,
        budget=2_000,
        pollers=1,
        metrics_protected=True,
        requests_per_second=5_000,
        requests_of_one=10_000,
        operator_tenant="operator",
    ),
}
