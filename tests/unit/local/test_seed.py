import json
import stat

import httpx
import pytest

from local import seed
from local.errors import DeployError

DEMO = seed.Demo("demo", "admin@demo.example", "secret")


class Api:
    """The routes that seeding uses; `known` are the bodies that exist already."""

    def __init__(self, **statuses):
        self.statuses = statuses
        self.known = set()
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        path, body = request.url.path.removeprefix("/base"), request.content
        if status := self.statuses.get(path.rpartition("/")[2]):
            return httpx.Response(status, json={"code": "no", "detail": "because"})
        if path == "/auth/login":
            return httpx.Response(200, json={"access_token": "t-1"})
        if request.method == "GET":
            return httpx.Response(
                200, json={"published": 1 if (f"{path}/publish", b"{}") in self.known else None}
            )
        if (path, body) in self.known:
            return httpx.Response(409, json={"code": "exists"})
        self.known.add((path, body))
        return httpx.Response(201, json={"id": "1"})

    def seed(self):
        return seed.seed("http://api/base", DEMO, httpx.MockTransport(self))


def test_the_tenant_its_administrator_customers_rules_and_process_are_made():
    api = Api()
    assert api.seed() == "t-1"
    posted = [request for request in api.requests if request.method == "POST"]
    tenant, login, *customers, rule_set, large, small, others, decided, calendar, definition, publication = (
        posted
    )
    assert json.loads(tenant.content) == {
        "slug": "demo",
        "name": "Demo",
        "admin": {"email": "admin@demo.example", "password": "secret", "name": "Demo Administrator"},
    }
    assert json.loads(login.content) == {
        "tenant": "demo",
        "email": "admin@demo.example",
        "password": "secret",
    }
    assert {request.headers["Authorization"] for request in api.requests[2:]} == {"Bearer t-1"}
    assert json.loads(calendar.content)["name"] == "office"
    assert definition.headers["Content-Type"] == "application/bpmn+xml"
    assert publication.url.path == "/base/workflow/definitions/purchase_approval/publish"
    assert [json.loads(request.content)["code"] for request in customers] == ["C-1001", "C-1002", "C-1003"]
    assert json.loads(rule_set.content)["key"] == "purchase-approval"
    rules = [json.loads(request.content) for request in (large, small, others)]
    assert [rule["key"] for rule in rules] == ["large", "small", "others"]
    assert decided.url.path == "/base/rules/sets/purchase-approval/publish"
    assert len({request.headers["Idempotency-Key"] for request in posted}) == 13


def test_seeding_again_makes_nothing_twice():
    api = Api()
    api.seed()
    known = set(api.known)
    assert api.seed() == "t-1"
    assert api.known == known


@pytest.mark.parametrize(
    ("route", "status"), [("tenants", 500), ("login", 401), ("customers", 422), ("login", 409)]
)
def test_what_the_api_refuses_is_told(route, status):
    with pytest.raises(DeployError, match=rf"{route} answered {status}: .*because"):
        Api(**{route: status}).seed()


def test_the_password_is_generated_once_and_readable_by_its_owner_only(tmp_path):
    first, second = seed.account(tmp_path), seed.account(tmp_path)
    assert first == second
    assert len(first.password) >= 16
    assert stat.S_IMODE((tmp_path / "demo.json").stat().st_mode) == 0o600
    (tmp_path / "demo.json").unlink()
    assert seed.account(tmp_path).password != first.password
