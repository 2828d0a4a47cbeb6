"""Bad input gets its 4xx in problem+json, and nothing of it is kept."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from auth import me
from common.clock import FixedClock
from common.http import HttpPipeline
from common.operation import Operation
from common.tokens import encode
from masterdata import customers
from tests.integration.platform import Caller, Platform, event_of


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    return platform.register()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("{", 400),
        ("", 400),
        ("nul", 400),
        ("\ud83d", 400),
        ("[]", 422),
        ('{"code": 7, "name": "x"}', 422),
        ('{"code": "C-1"}', 422),
        ('{"code": "C-1", "name": "x", "surprise": 1}', 422),
        ('{"code": "C-1", "name": "x", "credit_limit": "-1"}', 422),
        ('{"code": "C-1", "name": "x", "credit_limit": "1e400"}', 422),
        ('{"code": "C-1", "name": "x", "credit_limit": "NaN"}', 422),
        ('{"code": "C-1", "name": "x", "credit_limit": "0.00001"}', 422),
        ('{"code": "C\\u0000", "name": "x"}', 422),
        ('{"code": "C-1", "name": "x", "attributes": {"a": "\\u0000"}}', 400),
        (json.dumps({"code": "C-1", "name": "x" * 1_048_576}), 413),
    ],
)
def test_a_bad_body_is_refused_and_says_why(owner: Caller, raw: str, status: int) -> None:
    owner.call(customers.create, raw=raw).problem(status)
    assert owner.call(customers.list_).ok()["items"] == []


def test_a_broken_rule_is_told_with_its_place(owner: Caller) -> None:
    body = {"code": "C-1", "name": "x", "addresses": [{"lines": ["x"], "country": "Narnia"}]}
    (error,) = owner.call(customers.create, body).problem(422, "invalid")["errors"]
    assert error["pointer"] == "/addresses/0/country"


def test_a_body_of_another_media_type_is_refused(owner: Caller) -> None:
    answer = owner.call(customers.create, raw="<x/>", headers={"Content-Type": "application/xml"})
    assert answer.problem(415)["accepted"] == ["application/json"]


@pytest.mark.parametrize("cursor", ["x", "", "!!!", "e30", urlsafe_b64encode(b'["0",1]').decode(), "é"])
def test_a_bad_cursor_is_refused(owner: Caller, cursor: str) -> None:
    owner.call(customers.list_, query={"cursor": cursor}).problem(400)


@pytest.mark.parametrize("limit", ["0", "-1", "201", "ten", "1.5", "٣", "9" * 5000])
def test_a_bad_limit_is_refused(owner: Caller, limit: str) -> None:
    owner.call(customers.list_, query={"limit": limit}).problem(400)


def test_an_unknown_id_is_not_found_and_a_malformed_one_refused(owner: Caller) -> None:
    owner.call(customers.read, path={"id": uuid4()}).problem(404, "not_found")
    owner.call(customers.read, path={"id": "seven"}).problem(400)


@pytest.mark.parametrize("header", ["7", '"7', "W/", ""])
def test_a_malformed_if_match_is_refused(owner: Caller, header: str) -> None:
    answer = owner.call(customers.archive, path={"id": uuid4()}, headers={"If-Match": header})
    answer.problem(400)


def test_a_weak_tag_never_matches(owner: Caller) -> None:
    made = owner.call(customers.create, {"code": "W-1", "name": "x"})
    place, weak = {"id": made.ok(201)["id"]}, f"W/{made.etag}"
    owner.call(customers.archive, path=place, headers={"If-Match": weak}).problem(412)
    owner.call(customers.archive, path=place, headers={"If-Match": made.etag}).ok(204)


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_of_the_wrong_length_is_refused(owner: Caller, key: str) -> None:
    new = {"code": "I-1", "name": "x"}
    owner.call(customers.create, new, headers={"Idempotency-Key": key}).problem(400)


class TestTokens:
    """A token that is not quite ours opens nothing."""

    @staticmethod
    def refused(platform: Platform, authorization: str | None) -> None:
        headers = {"Authorization": authorization} if authorization is not None else {}
        for operation in (me.read, customers.list_):
            answer = platform.call(operation, headers=headers)
            answer.problem(401)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer ", "Basic eDp5", "Bearer x", "Bearer a.b.c"]
    )
    def test_no_token(self, platform: Platform, header: str | None) -> None:
        self.refused(platform, header)

    def test_another_signature(self, platform: Platform, owner: Caller) -> None:
        head, body, signature = owner.token.split(".")
        forged = ("A" if signature[0] != "A" else "B") + signature[1:]
        self.refused(platform, f"Bearer {head}.{body}.{forged}")

    def test_other_claims_under_the_same_signature(self, platform: Platform, owner: Caller) -> None:
        head, _, signature = owner.token.split(".")
        self.refused(platform, f"Bearer {head}.{encode(b'{}')}.{signature}")

    @pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS256"])
    def test_another_algorithm(self, platform: Platform, owner: Caller, algorithm: str) -> None:
        head, body, signature = owner.token.split(".")
        kid = json.loads(__import__("base64").urlsafe_b64decode(head + "=="))["kid"]
        header = encode(json.dumps({"alg": algorithm, "kid": kid, "typ": "at+jwt"}).encode())
        self.refused(platform, f"Bearer {header}.{body}.{signature}")
        self.refused(platform, f"Bearer {header}.{body}.")

    def test_a_much_too_long_one(self, platform: Platform) -> None:
        self.refused(platform, "Bearer " + "a" * 100_000)

    def test_an_expired_one(self, platform: Platform, owner: Caller) -> None:
        platform.use("masterdata")
        later = HttpPipeline(customers.list_, FixedClock(datetime.now(UTC) + timedelta(minutes=16)))
        answer = later(event_of(customers.list_, headers={"Authorization": f"Bearer {owner.token}"}), None)
        assert answer["statusCode"] == 401
        assert "expired" in json.loads(answer["body"])["detail"]

    def test_one_whose_key_was_withdrawn(self, fresh_platform: Platform) -> None:
        owner = fresh_platform.register()
        owner.call(customers.list_).ok()
        with fresh_platform.admin.begin() as connection:
            connection.exec_driver_sql("update auth.signing_keys set expires_at = now()")
        owner.call(customers.list_).problem(401)


def test_every_answer_names_its_correlation(owner: Caller) -> None:
    given = owner.call(me.read, headers={"X-Correlation-Id": "from-the-caller"})
    assert given.headers["X-Correlation-Id"] == "from-the-caller"
    assert owner.call(me.read, headers={"X-Correlation-Id": "a\nb"}).headers["X-Correlation-Id"] != "a\nb"


def test_a_fault_of_ours_is_a_500_that_tells_no_inside(
    owner: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_args: object, **_options: object) -> None:
        raise RuntimeError("a secret of the inside")

    monkeypatch.setattr("masterdata.lists.listed", broken)
    listing: Operation[..., object] = customers.list_
    answer = owner.call(listing)
    assert answer.problem(500, "unexpected")
    assert "secret" not in answer.text
