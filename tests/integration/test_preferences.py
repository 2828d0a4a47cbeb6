"""``Prefer: return=minimal`` (RFC 7240) spares a caller the representation of what it changed."""

from __future__ import annotations

from uuid import uuid4

import pytest

from auth import clients
from masterdata import customers
from tests.integration.platform import Caller, Platform

MINIMAL = {"Prefer": "return=minimal"}


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


def test_a_creation_tells_only_where_and_which_version_it_is(owner: Caller) -> None:
    answer = owner.call(customers.create, {"code": "P-1", "name": "Ada"}, headers=MINIMAL)
    assert (answer.status, answer.text) == (201, "")
    assert answer.headers["Preference-Applied"] == "return=minimal"
    assert answer.headers["ETag"] == '"1"'
    assert "Content-Type" not in answer.headers
    (found,) = owner.call(customers.list_, query={"filter": 'code eq "P-1"'}).ok()["items"]
    assert found["name"] == "Ada"


def test_a_change_is_answered_without_content(owner: Caller) -> None:
    made = owner.call(customers.create, {"code": "P-2", "name": "Ada"}).ok(201)
    answer = owner.call(
        customers.patch, {"name": "Bea"}, path={"id": made["id"]}, headers={"If-Match": '"1"', **MINIMAL}
    )
    assert (answer.status, answer.text, answer.headers["ETag"]) == (204, "", '"2"')


def test_a_replayed_answer_is_minimal_only_when_that_is_asked(owner: Caller) -> None:
    body, key = {"code": "P-3", "name": "Ada"}, {"Idempotency-Key": "once"}
    assert owner.call(customers.create, body, headers=key | MINIMAL).text == ""
    replayed = owner.call(customers.create, body, headers=key)
    assert replayed.headers["Idempotency-Replayed"] == "true"
    assert replayed.ok(201)["code"] == "P-3"


def test_a_refusal_is_told_whole(owner: Caller) -> None:
    owner.call(customers.create, {"code": "P-4"}, headers=MINIMAL).problem(422)


def test_a_secret_that_is_shown_once_is_shown(owner: Caller) -> None:
    new = {"name": "billing", "grant_types": ["client_credentials"]}
    answer = owner.call(clients.create, new, headers=MINIMAL)
    assert answer.ok(201)["client_secret"]
    assert "Preference-Applied" not in answer.headers


@pytest.mark.parametrize(
    ("header", "minimal"),
    [
        ("return=minimal", True),
        ("Return = Minimal", True),
        ('respond-async, return="minimal"; foo=1', True),
        ("return=representation", False),
        ("return=representation, return=minimal", False),
        ("noreturn=minimal", False),
        ("wait=10", False),
        ("", False),
    ],
)
def test_a_preference_is_read_as_the_rfc_writes_it(owner: Caller, header: str, minimal: bool) -> None:
    body = {"code": f"P-{uuid4()}", "name": "Ada"}
    made = owner.call(customers.create, body, headers={"Prefer": header})
    assert made.status == 201
    assert (made.text == "") == minimal
