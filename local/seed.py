"""A demo tenant: administrator, a few customers, a process with its rules, made by the API as by anybody."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from local.errors import DeployError
from local.state import STATE, read_json, write_json

TENANT = "demo"
CUSTOMERS = (
    {"code": "C-1001", "name": "Northwind Traders"},
    {"code": "C-1002", "name": "Contoso"},
    {"code": "C-1003", "name": "Fabrikam"},
)

PROCESS = Path(__file__).parents[1] / "functions" / "workflow" / "definitions" / "purchase_approval.bpmn"
WORKDAY = [["09:00", "17:00"]]
CALENDAR = {
    "name": "office",
    "calendar": {
        "time_zone": "Europe/Berlin",
        "week": dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), WORKDAY),
    },
}
"""The calendar that the process counts its service levels by."""
RULE_SET = {
    "key": "purchase-approval",
    "name": "Purchase approval",
    "description": "Who decides about a purchase: nobody, the manager, or the review board.",
    "facts": {
        "amount": {"type": "number", "required": True, "minimum": 0},
        "currency": {"type": "string"},
        "supplier": {"type": "string"},
    },
    "outputs": {"path": {"type": "string", "values": ["automatic", "manager", "review"]}},
}
"""What the process asks for the way of approval; the first rule that holds decides."""
RULES = (
    ("large", "The board reviews what is above 10,000", ("gt", 10_000), "review"),
    ("small", "Nobody is asked about 500 or less", ("le", 500), "automatic"),
    ("others", "The manager decides about the rest", None, "manager"),
)


@dataclass(frozen=True)
class Demo:
    """The demo tenant's slug and its administrator."""

    tenant: str
    email: str
    password: str


def account(home: Path = STATE) -> Demo:
    """The demo account: the password is generated once and kept, as the tenant is in the database."""
    file = home / "demo.json"
    kept = read_json(file)
    if kept is None:
        kept = {"tenant": TENANT, "email": "admin@demo.example", "password": secrets.token_urlsafe(15)}
        write_json(file, kept)
    return Demo(**kept)


def seed(api: str, demo: Demo, transport: httpx.BaseTransport | None = None) -> str:
    """Make what is not there yet, and give an access token of the administrator."""
    with httpx.Client(base_url=api, timeout=60, trust_env=False, transport=transport) as http:
        administrator = {"email": demo.email, "password": demo.password, "name": "Demo Administrator"}
        tenant = {"slug": demo.tenant, "name": "Demo", "admin": administrator}
        _post(http, "/auth/tenants", tenant, may_exist=True)
        login = {"tenant": demo.tenant, "email": demo.email, "password": demo.password}
        token = str(_post(http, "/auth/login", login)["access_token"])
        http.headers["Authorization"] = f"Bearer {token}"
        for customer in CUSTOMERS:
            _post(http, "/masterdata/customers", customer, may_exist=True)
        _seed_rules(http)
        _post(http, "/workflow/calendars", CALENDAR, may_exist=True)
        _send(http, "/workflow/definitions", PROCESS.read_bytes(), "application/bpmn+xml", may_exist=True)
        _post(http, f"/workflow/definitions/{PROCESS.stem}/publish", {}, may_exist=True)
    return token


def _seed_rules(http: httpx.Client) -> None:
    place = f"/rules/sets/{RULE_SET['key']}"
    _post(http, "/rules/sets", RULE_SET, may_exist=True)
    for key, name, bound, path in RULES:
        rule: dict[str, Any] = {"key": key, "name": name}
        rule["actions"] = [{"type": "set", "output": "path", "value": path}]
        if bound is not None:
            operator, value = bound
            rule["condition"] = {"kind": "row", "field": "amount", "operator": operator, "value": value}
        _post(http, f"{place}/rules", rule, may_exist=True)
    if http.get(place).json().get("published") is None:
        _post(http, f"{place}/publish", {})


def _post(
    http: httpx.Client, path: str, body: Mapping[str, Any], *, may_exist: bool = False
) -> dict[str, Any]:
    return _send(http, path, json.dumps(body).encode(), "application/json", may_exist=may_exist)


def _send(
    http: httpx.Client, path: str, content: bytes, media_type: str, *, may_exist: bool = False
) -> dict[str, Any]:
    headers = {"Idempotency-Key": secrets.token_hex(16), "Content-Type": media_type}
    response = http.post(path, content=content, headers=headers)
    if response.status_code == httpx.codes.CONFLICT and may_exist:
        return {}
    if not response.is_success:
        raise DeployError(f"POST {path} answered {response.status_code}: {response.text[:500]}")
    return dict(response.json())
