"""What somebody must look at: each alarm once, with CloudWatch's alarm, Prometheus' rule, the remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from common import metrics
from common.dead_letters import OWNERS, queue_name
from common.operation import PLATFORM, SERVICES, Topic, discover_all
from common.settings import NAMESPACE
from infra.cdk.names import function_name
from infra.cdk.stages import Stage

FAILURES = 5
"""Failures of a service in five minutes."""
LATENCY = 2.5
"""Seconds: the slowest hundredth of a service's requests."""
OUTBOX_AGE = 60
"""Seconds that an event waits for the relay."""
OUTBOX_DEPTH = 10_000
"""Events that wait."""
BOUNCES = 0.05
"""Of the mail sent, beyond which SES reviews an account."""
COMPLAINTS = 0.001
"""Likewise."""
CONSUMER_LAG = 10_000
"""Records of a topic that a consumer has not dealt with."""

Missing = Literal["notBreaching", "breaching"]


@dataclass(frozen=True)
class Watch:
    """A CloudWatch metric and when it is too much; ``statistic`` may be a percentile such as ``p99``."""

    namespace: str
    metric: str
    dimensions: dict[str, str]
    statistic: str
    threshold: float
    comparison: Literal["GreaterThanThreshold", "LessThanThreshold"] = "GreaterThanThreshold"
    period: int = 300
    """Seconds."""
    periods: int = 1
    missing: Missing = "notBreaching"


@dataclass(frozen=True)
class Rule:
    """A PromQL expression that gives something while the alarm is due."""

    expression: str
    lasting: str = "0m"


@dataclass(frozen=True)
class Alarm:
    """One alarm; ``remedy`` says what to look at and what to do."""

    name: str
    summary: str
    remedy: str
    severity: Literal["page", "ticket"]
    watch: Watch | None = None
    rule: Rule | None = None
    labels: dict[str, str] = field(default_factory=dict)


def alarms(stage: Stage) -> tuple[Alarm, ...]:
    """Every alarm of a stage."""
    return (
        *_of_services(),
        *_of_dead_letters(stage),
        *_of_the_relay(stage),
        *_of_the_collector(stage),
        *_of_the_account(stage),
        *_of_mail(stage),
        *_of_consumers(stage),
        *_of_the_business(),
    )


def _of_services() -> Iterator[Alarm]:
    for service in OWNERS:
        yield Alarm(
            f"{service}-failures",
            f"{service} fails",
            "Find the operation on the service's dashboard (Failures by operation), then its log lines of "
            "code GW001 or GW013 by their correlation id.",
            "page",
            Watch(NAMESPACE, metrics.failures_total.name, {"service": service}, "Sum", FAILURES),
            Rule(f'sum(increase(failures_total{{service="{service}"}}[5m])) > {FAILURES}'),
            {"service": service},
        )
    for service in SERVICES:
        buckets = f'rate(request_duration_seconds_bucket{{service="{service}"}}[5m])'
        yield Alarm(
            f"{service}-latency",
            f"{service} is slow",
            "See which operation is slow (Latency by operation) and whether cold starts, the database or a "
            "called service take the time: X-Ray's trace of a slow request tells.",
            "ticket",
            Watch(
                NAMESPACE,
                metrics.request_duration_seconds.name,
                {"service": service},
                "p99",
                LATENCY,
                periods=3,
            ),
            Rule(f"histogram_quantile(0.99, sum by (le) ({buckets})) > {LATENCY}", "15m"),
            {"service": service},
        )
        yield Alarm(
            f"{service}-down",
            f"{service} does not answer its scrapes",
            "Ask GET /<service>/health, which names the part that fails.",
            "page",
            rule=Rule(f'max(up{{service="{service}"}}) < 1', "2m"),
            labels={"service": service},
        )


def _of_dead_letters(stage: Stage) -> Iterator[Alarm]:
    for owner in OWNERS:
        yield Alarm(
            f"{owner}-dead-letters",
            f"{owner} has dead letters",
            "Look at them (make redrive STAGE=... LOOK=1), mend what made them fail, then redrive them: "
            "make redrive STAGE=.... Metric lines are counted when redriven within four days.",
            "ticket",
            Watch(
                "AWS/SQS",
                "ApproximateNumberOfMessagesVisible",
                {"QueueName": queue_name(stage.name, owner)},
                "Maximum",
                0,
            ),
            Rule(f'dead_letters{{queue="{owner}"}} > 0'),
            {"service": owner},
        )


def _of_the_relay(stage: Stage) -> Iterator[Alarm]:
    yield Alarm(
        "relay-lag",
        "Events wait too long for Kafka",
        "See whether the relay runs (relay-stopped), whether Kafka answers (GET /<service>/health) and what "
        "the relay logs: GW010 names the failure. Nothing is lost: the events are in the outbox.",
        "page",
        Watch(
            NAMESPACE,
            "outbox_oldest_age_seconds",
            {"service": PLATFORM},
            "Maximum",
            OUTBOX_AGE,
            period=60,
            periods=3,
            missing="breaching",
        ),
        Rule(f"outbox_oldest_age_seconds > {OUTBOX_AGE} or absent(outbox_oldest_age_seconds)", lasting="3m"),
    )
    yield Alarm(
        "outbox-depth",
        "Many events wait for Kafka",
        "More is written than one relay publishes, or it is held up: see relay-lag. Several relays share the "
        "shards; invoke the relay a second time to catch up.",
        "ticket",
        Watch(
            NAMESPACE, "outbox_depth", {"service": PLATFORM}, "Maximum", OUTBOX_DEPTH, period=60, periods=5
        ),
        Rule(f"outbox_depth > {OUTBOX_DEPTH}", "5m"),
    )
    yield _stopped("relay", "platform.relay.relay", "events stay in the outbox", stage)


def _of_the_collector(stage: Stage) -> Iterator[Alarm]:
    yield _stopped("collect", "platform.collector.collect", "Prometheus' counters stand still", stage)


def _stopped(function: str, operation: str, effect: str, stage: Stage) -> Alarm:
    series = f'requests_total{{operation="{operation}"}}'
    name = "relay" if function == "relay" else "collector"
    return Alarm(
        f"{name}-stopped",
        f"The {name} does not run: {effect}",
        "See whether its schedule or log subscription is there and enabled, and whether Lambda throttles it.",
        "page",
        Watch(
            "AWS/Lambda",
            "Invocations",
            {"FunctionName": stage.name_of(function)},
            "Sum",
            1,
            comparison="LessThanThreshold",
            missing="breaching",
        ),
        Rule(f"sum(increase({series}[5m])) == 0 or absent({series})", "5m"),
    )


def _of_the_account(stage: Stage) -> Iterator[Alarm]:
    yield Alarm(
        "throttles",
        "Lambda throttles",
        "The account's concurrency, or a function's own, is used up: see which one in the AWS/Lambda "
        "metrics, then raise the quota or its reservation.",
        "page",
        Watch("AWS/Lambda", "Throttles", {}, "Sum", 0),
    )
    yield Alarm(
        "api-errors",
        "The API answers 5xx",
        "Operations that fail count for their service's alarm as well; if none does, API Gateway does not "
        "reach them: see its access log.",
        "page",
        Watch(
            "AWS/ApiGateway",
            "5XXError",
            {"ApiName": stage.name_of("api"), "Stage": stage.name},
            "Sum",
            FAILURES,
        ),
    )


def _of_mail(stage: Stage) -> Iterator[Alarm]:
    """Before SES reviews the account: at 5 % of bounces, or 0.1 % of complaints."""
    if not stage.mail_domain:
        return
    for name, metric, most, told in (
        ("bounces", "Reputation.BounceRate", BOUNCES, "comes back"),
        ("complaints", "Reputation.ComplaintRate", COMPLAINTS, "is complained of"),
    ):
        yield Alarm(
            f"mail-{name}",
            f"Mail {told} too often",
            "See in SES' metrics of the configuration set since when, and which tenant invites or registers "
            "addresses that are not its own; deactivate it before SES pauses the sending of all.",
            "ticket",
            Watch(
                "AWS/SES",
                metric,
                {"ses:configuration-set": stage.name_of("mail")},
                "Maximum",
                most,
                period=3600,
            ),
        )


def _of_consumers(stage: Stage) -> Iterator[Alarm]:
    for operation in discover_all():
        if isinstance(operation.trigger, Topic):
            name = function_name(stage, operation)
            yield Alarm(
                f"{operation.id.replace('.', '-')}-lag",
                f"{operation.id} does not keep up with {operation.trigger.name}",
                "See whether it fails (its service's failures), is slow, or gets more than one consumer for "
                "each partition can take: then the topic needs more partitions.",
                "ticket",
                Watch("AWS/Lambda", "OffsetLag", {"FunctionName": name}, "Maximum", CONSUMER_LAG, periods=3),
                labels={"service": operation.service},
            )


def _of_the_business() -> Iterator[Alarm]:
    yield Alarm(
        "workflow-sla-breaches",
        "Work is late",
        "GET /workflow/tasks?overdue=true lists the tasks; escalate or reassign them, or change the "
        "definition's SLA.",
        "ticket",
        Watch(NAMESPACE, "sla_breaches_total", {"service": "workflow"}, "Sum", 0),
        Rule('sum(increase(sla_breaches_total{service="workflow"}[5m])) > 0'),
        {"service": "workflow"},
    )
