"""What a deployed stage is checked for: from outside, as its callers see it, and from within."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client.parser import text_string_to_metric_families

from common.dead_letters import OWNERS
from common.operation import SERVICES, LogSubscription, Schedule, discover_all
from infra.cdk.functions import rule_name
from infra.cdk.names import function_name
from infra.dashboards.alarms import alarms
from infra.deployed import ACCOUNT, Deployed, UnreachableError

CREATES = ("crud_operations_total", {"entity": "customer", "operation": "create"})
NO_ROUTE = ("Missing Authentication Token", "There is no such route")
"""What API Gateway says where no function answers: by itself, and as our API has it say."""
COUNTED_WITHIN = 30.0
"""Seconds in which what was done is on ``/metrics``."""


class Failed(Exception):
    """A check's verdict; the message says what is wrong and where."""


class NotDeployed(Failed):
    """There is no such route."""


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    check: str
    ok: bool
    detail: str


@dataclass
class Validation:
    """One look at a stage; what a check finds out, later ones use."""

    stage: Deployed
    results: list[Result] = field(default_factory=list)
    token: str = ""
    customer: str = ""
    created_before: float = 0.0

    def failed(self, *names: str) -> list[str]:
        """Which of the named checks have failed."""
        return [result.check for result in self.results if result.check in names and not result.ok]

    def run(self) -> Iterator[Result]:
        """Every check in turn; none keeps the others from being made."""
        yield from self._kept(self._services())
        yield from self._kept(self._inside())
        for name, check in (
            ("metrics", self._metrics),
            ("sign-in", self._sign_in),
            ("records", self._records),
            ("event", self._event),
            ("collector", self._collector),
            ("relay", self._relay),
            ("subgraphs", self._subgraphs),
            ("federated query", self._federated_query),
            ("schedules", self._schedules),
            ("alarms", self._alarms),
            ("dead letters", self._dead_letters),
        ):
            yield from self._kept([_result(name, check)])

    def _kept(self, results: Any) -> Iterator[Result]:
        for result in results:
            self.results.append(result)
            yield result

    def _services(self) -> Iterator[Result]:
        """Each service's own report of its health."""

        def look(service: str) -> Result:
            return _result(f"health of {service}", lambda: self._health(service))

        with ThreadPoolExecutor(len(SERVICES)) as threads:
            yield from threads.map(look, SERVICES)

    def _health(self, service: str) -> str:
        answer = self._get(f"/{service}/health")
        try:
            told = answer.json()
            checks = told["checks"]
        except (ValueError, KeyError, TypeError):
            raise Failed(f"GET /{service}/health answers {answer.status_code}, no report.") from None
        failing = [f"{c['name']}: {c.get('detail', '')}" for c in checks if c["status"] != "pass"]
        if failing or answer.status_code != 200:
            raise Failed(f"{answer.status_code}; {'; '.join(failing)}")
        return f"{told['release']}, {len(checks)} checks"

    def _inside(self) -> Iterator[Result]:
        """What the platform's own function finds, where this machine does not reach."""
        try:
            told = self.stage.invoke("inspect", {})
        except UnreachableError as error:
            yield Result("inspection", False, str(error))
            return
        for check in told["checks"]:
            yield Result(check["name"], check["ok"], check["detail"])

    def _metrics(self) -> str:
        samples = 0
        for service in OWNERS:
            page = self._page(service)
            if "# TYPE requests_total counter" not in page:
                raise Failed(f"GET /{service}/metrics has no requests_total.")
            samples += sum(len(family.samples) for family in text_string_to_metric_families(page))
        return f"{samples} samples of {len(OWNERS)} services"

    def _sign_in(self) -> str:
        if not self.stage.account:
            raise Failed(f"Set {', '.join(ACCOUNT)} to an account of this stage.")
        tenant, email, password = self.stage.account
        body = {"tenant": tenant, "email": email, "password": password}
        self.token = self._json("POST", "/auth/login", body)["access_token"]
        me = self._json("GET", "/auth/me")
        return f"as {me['email']} of {tenant}"

    def _records(self) -> str:
        """The life of a customer: made, read, changed and archived."""
        self._signed_in()
        self.created_before = self._created()
        code = f"VALIDATE-{uuid4().hex[:12]}"
        made = self._json("POST", "/masterdata/customers", {"code": code, "name": "Validation"})
        self.customer = made["id"]
        place = f"/masterdata/customers/{self.customer}"
        read = self._call("GET", place)
        change = {"code": code, "name": "Validated"}
        changed = self._call("PUT", place, change, {"If-Match": read.headers["etag"]})
        self._call("DELETE", place, headers={"If-Match": changed.headers["etag"]})
        return "a customer is made, read, changed and archived"

    def _collector(self) -> str:
        """The counter of creations moves."""
        if not self.customer:
            raise Failed("Not tried: no customer could be made.")
        deadline = time.monotonic() + COUNTED_WITHIN
        while self._created() <= self.created_before:
            if time.monotonic() > deadline:
                late = f"What was done is not counted after {COUNTED_WITHIN:.0f} s."
                raise Failed(f"{late} {self._unsubscribed()}")
            time.sleep(0.5)
        return "counts what was done"

    def _created(self) -> float:
        name, labels = CREATES
        return sum(
            sample.value
            for family in text_string_to_metric_families(self._page("masterdata"))
            for sample in family.samples
            if sample.name == name and sample.labels == labels
        )

    def _unsubscribed(self) -> str:
        """The log groups that do not send their lines to the collector, for the message."""
        operations = [o for o in discover_all() if not isinstance(o.trigger, LogSubscription)]
        logs = self.stage.aws("logs")
        missing = []
        for operation in operations:
            group = f"/aws/lambda/{function_name(self.stage.stage, operation)}"
            if not logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]:
                missing.append(group)
        if not missing:
            return "Every log group sends its lines to the collector: see its log."
        return f"{len(missing)} of {len(operations)} log groups send it nothing, {missing[0]} among them."

    def _event(self) -> str:
        if causes := self.failed("database", "broker", "topics"):
            raise Failed(f"Not looked for: see {', '.join(causes)}.")
        if not self.customer:
            raise Failed("Not looked for: no customer could be made.")
        sought = {"topic": "masterdata.customer.created", "key": f"customer:{self.customer}"}
        (told,) = self.stage.invoke("inspect", {"sought": sought})["checks"]
        if not told["ok"]:
            raise Failed(told["detail"])
        return str(told["detail"])

    def _relay(self) -> str:
        name = rule_name(self.stage.stage, _scheduled("relay"))
        if not self._enabled(name):
            raise Failed(f"Its schedule {name} is disabled or missing.")
        if causes := self.failed("event"):
            raise Failed(f"It is scheduled, yet what was done is not published: see {', '.join(causes)}.")
        return "publishes what was done"

    def _schedules(self) -> str:
        rules = [rule_name(self.stage.stage, o) for o in discover_all() if isinstance(o.trigger, Schedule)]
        missing = [name for name in rules if not self._enabled(name)]
        if missing:
            raise Failed(f"Disabled or missing: {', '.join(missing)}.")
        return f"all {len(rules)} are enabled"

    def _enabled(self, name: str) -> bool:
        try:
            state: str = self.stage.aws("events").describe_rule(Name=name)["State"]
        except ClientError:
            return False
        return state == "ENABLED"

    def _subgraphs(self) -> str:
        self._signed_in()
        named = [service for service in SERVICES if service != "gateway"]
        failing = []
        for service in named:
            try:
                told = self._json("POST", f"/{service}/graphql", {"query": "{ __typename }"})
                if told.get("data") != {"__typename": "Query"}:
                    failing.append(f"{service} answers {told}")
            except NotDeployed:
                failing.append(f"{service} has none deployed")
            except Failed as problem:
                failing.append(f"{service}: {problem}")
        if failing:
            raise Failed("; ".join(failing))
        return ", ".join(named)

    def _federated_query(self) -> str:
        self._signed_in()
        query = "{ me { email createdCustomers { code } } }"
        told = self._json("POST", "/graphql", {"query": query})
        if told.get("errors"):
            raise Failed("; ".join(str(error.get("message")) for error in told["errors"]))
        return "one answer of auth and masterdata"

    def _alarms(self) -> str:
        declared = {self.stage.stage.name_of(a.name) for a in alarms(self.stage.stage) if a.watch is not None}
        prefix = self.stage.stage.name_of("")
        pages = self.stage.aws("cloudwatch").get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix)
        found = {alarm["AlarmName"]: alarm for page in pages for alarm in page["MetricAlarms"]}
        silent = sorted(
            name
            for name, a in found.items()
            if not a.get("AlarmActions") or not a.get("ActionsEnabled", True)
        )
        if missing := sorted(declared - found.keys()):
            raise Failed(f"Missing: {', '.join(missing)}.")
        if silent:
            raise Failed(f"Nobody is told of {', '.join(silent)}: no action.")
        return f"{len(found)}, each with an action"

    def _dead_letters(self) -> str:
        letters = self.stage.invoke("redrive", {"look": True})["letters"]
        if letters:
            functions = sorted({letter["function"] or letter["queue"] for letter in letters})
            raise Failed(f"{len(letters)} wait, of {', '.join(functions)}; see `make redrive LOOK=1`.")
        return "none"

    def _signed_in(self) -> None:
        if not self.token:
            raise Failed("Not tried: the sign-in failed.")

    def _page(self, service: str) -> str:
        answer = self._get(f"/{service}/metrics")
        if answer.status_code != 200:
            raise Failed(f"GET /{service}/metrics answers {answer.status_code}.")
        return answer.text

    def _get(self, path: str) -> httpx.Response:
        try:
            return self.stage.http.get(path)
        except httpx.HTTPError as error:
            raise Failed(f"GET {path}: {error!r}") from error

    def _call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> httpx.Response:
        given = dict(headers or {})
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        try:
            answer = self.stage.http.request(method, path, json=body, headers=given)
        except httpx.HTTPError as error:
            raise Failed(f"{method} {path}: {error!r}") from error
        if answer.status_code in (403, 404) and any(words in answer.text for words in NO_ROUTE):
            raise NotDeployed(f"{method} {path} is not deployed.")
        if not answer.is_success:
            raise Failed(f"{method} {path} answers {answer.status_code}: {_reason(answer)}")
        return answer

    def _json(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self._call(method, path, body)
        try:
            told: dict[str, Any] = answer.json()
        except ValueError:
            raise Failed(f"{method} {path} answers no JSON.") from None
        return told


def _reason(answer: httpx.Response) -> str:
    """A problem document's own words, as far as there is one."""
    try:
        told = answer.json()
    except ValueError:
        return answer.text[:200]
    return str(told.get("detail", told) if isinstance(told, dict) else told)[:300]


def _scheduled(function: str) -> Any:
    return next(
        o for o in discover_all() if isinstance(o.trigger, Schedule) and o.function.__name__ == function
    )


def _result(name: str, check: Callable[[], str]) -> Result:
    try:
        return Result(name, True, check())
    except (Failed, UnreachableError) as problem:
        return Result(name, False, str(problem))
    except (BotoCoreError, ClientError, KeyError) as error:
        return Result(name, False, f"{type(error).__name__}: {error}")
