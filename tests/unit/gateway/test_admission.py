"""Who draws from which bucket, and what a caller is told of what it has left."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from common.principal import ANONYMOUS, Principal
from gateway.admission import Admission, Bucket, operations_in, quotas
from gateway.options import Options

TENANT, USER = UUID(int=1), UUID(int=2)


def buckets(principal: Principal, address: str = "192.0.2.1", **changes: Any) -> dict[str, str]:
    return {each["scope"]: each["key"] for each in quotas(principal, address, Options(**changes))}


def test_a_user_draws_from_its_tenants_bucket_and_its_own() -> None:
    assert buckets(Principal("user", USER, TENANT)) == {"tenant": str(TENANT), "user": str(USER)}


def test_a_service_account_has_a_bucket_of_its_own_kind() -> None:
    assert buckets(Principal("client", USER, TENANT)) == {"tenant": str(TENANT), "client": str(USER)}


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2:ffff::", "2001:db8:1:2::"),
        ("", "unknown"),
        ("' or 1=1; drop table x; --", "unknown"),
    ],
)
def test_without_a_token_the_address_counts(address: str, key: str) -> None:
    assert buckets(ANONYMOUS, address) == {"address": key}


def test_a_rate_of_zero_sets_no_limit() -> None:
    assert buckets(Principal("user", USER, TENANT), tenant_rate=0, user_rate=0) == {}


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        (b"", 1),
        (b'{"query":"{a}"}', 1),
        (b"[{},{},{}]", 3),
        (b"\n [1, 2]", 2),
        (b"[]", 1),
        (b"[{", 1),
        (b"[" * 100_000, 1),
        (b"[" + b"1," * 5000 + b"1]", 10),
    ],
)
def test_a_batch_costs_as_much_as_its_operations(body: bytes, cost: int) -> None:
    assert operations_in(body) == cost


def bucket(scope: str, capacity: float, remaining: float) -> Bucket:
    return Bucket(scope, "x", capacity, remaining, capacity / 60, refused=remaining < 1, first=False)


def test_the_headers_tell_of_the_bucket_that_is_nearest_to_its_end() -> None:
    admission = Admission(True, [bucket("tenant", 600, 500), bucket("user", 60, 29.5)], 1)
    assert admission.headers() == {
        "RateLimit-Policy": '"tenant";q=600;w=60, "user";q=60;w=60',
        "RateLimit": '"user";r=29;t=31',
        "RateLimit-Limit": "60",
        "RateLimit-Remaining": "29",
        "RateLimit-Reset": "31",
    }


def test_who_must_wait_is_told_for_how_long() -> None:
    assert bucket("user", 60, 0.5).wait(1) == 1
    assert bucket("user", 60, 0).wait(10) == 10
    assert bucket("user", 6, 0).wait(1) == 10
