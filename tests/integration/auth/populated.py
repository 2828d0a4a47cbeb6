"""A tenant with something of everything that the services keep, each called "secret" where it has a name."""

from __future__ import annotations

from masterdata import accounts, customers, exports, imports, products, vendors
from rules import evaluations, publishing, rule_tests, rules, sets
from tests.integration.auth.people import add_user, application, service_account
from tests.integration.masterdata import files
from tests.integration.platform import Caller, Platform
from tests.integration.workflow import models
from workflow import calendars, documents, jobs, workflows

SECRETS = ("secret.person", "secret robot", "secret application", "secret customer", "owner@populated.test")
"""What nobody else may read."""

_BPMN = """<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" targetNamespace="urn:secret">
<process id="secret" isExecutable="true">
<startEvent id="start"/><userTask id="ask"/><endEvent id="end"/>
<sequenceFlow id="in" sourceRef="start" targetRef="ask"/>
<sequenceFlow id="out" sourceRef="ask" targetRef="end"/>
</process></definitions>"""


def tenant(platform: Platform) -> Caller:
    """Its owner."""
    owner = platform.register("populated")
    add_user(owner, "viewer", email="secret.person@populated.test")
    service_account(owner, "masterdata.*", name="secret robot")
    application(owner, name="secret application")
    _records(owner)
    _rules(owner)
    _processes(owner)
    return owner


def _records(owner: Caller) -> None:
    for code in ("secret", "duplicate"):
        record = {"code": code, "name": "secret customer"}
        for create in (customers.create, vendors.create, products.create):
            owner.call(create, record).ok(201)
        owner.call(accounts.create, record | {"type": "asset"}).ok(201)
    with files.bucket(owner.platform):
        owner.call(imports.create, {"entity": "customers", "format": "csv"}).ok(201)
        owner.call(exports.create, {"entity": "customers", "format": "csv"}).ok(202)


def _rules(owner: Caller) -> None:
    place = {"id": "secret"}
    facts, outputs = {"amount": {"type": "number"}}, {"percent": {"type": "integer", "default": 0}}
    owner.call(sets.create, {"key": "secret", "name": "secret", "facts": facts, "outputs": outputs}).ok(201)
    rule = {
        "key": "secret",
        "condition": {"kind": "row", "field": "amount", "operator": "gt", "value": 0},
        "actions": [{"type": "set", "output": "percent", "value": 5}],
    }
    owner.call(rules.create, rule, path=place).ok(201)
    test = {"name": "secret", "facts": {"amount": 1}, "outputs": {"percent": 5}}
    owner.call(rule_tests.create, test, path=place).ok(201)
    owner.call(publishing.publish, path=place).ok(201)
    owner.call(evaluations.evaluate, {"facts": {"amount": 1}}, path=place).ok()


def _processes(owner: Caller) -> None:
    week = {"monday": [["09:00", "17:00"]]}
    calendar = {"time_zone": "Europe/Berlin", "week": week}
    owner.call(calendars.create, {"name": "secret", "calendar": calendar}).ok(201)
    owner.call(workflows.create, raw=_BPMN, headers={"Content-Type": documents.BPMN}).ok(201)
    owner.call(workflows.publish, path={"key": "secret"}).ok()
    models.start(owner, "secret")
    failing = models.publish(owner, models.line(models.service(job="secret", retries=0), key="failing"))
    models.start(owner, failing)
    [job] = owner.call(jobs.lease, {"worker": "w", "types": ["secret"]}).ok()["items"]
    failure = {"lease": job["lease"], "message": "secret"}
    owner.call(jobs.fail, failure, path={"id": job["id"]}).ok()
    models.start(owner, failing)
