"""Signing keys: published before they sign, kept until their last token has died, verified by others."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_der_private_key
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet

from auth import housekeeping, keys, me
from masterdata import customers
from tests.integration.auth.people import acting, as_token, client_token, service_account
from tests.integration.platform import Caller, Platform

AUDIENCE = "groundwork"


def by_pyjwt(token: str, published: dict[str, Any]) -> dict[str, Any]:
    key = jwt.PyJWKSet.from_dict(published)[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["ES256", "RS256"], audience=AUDIENCE)
    return claims


def by_joserfc(token: str, published: dict[str, Any]) -> dict[str, Any]:
    key_set = KeySet.import_key_set(published)  # type: ignore[arg-type]
    return dict(joserfc_jwt.decode(token, key_set, algorithms=["ES256", "RS256"]).claims)


VERIFIERS = [by_pyjwt, by_joserfc]


def kid(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def rotate(owner: Caller, **query: Any) -> list[dict[str, Any]]:
    return list(owner.call(keys.rotate, query=query).ok()["keys"])


@pytest.mark.parametrize("verify", VERIFIERS)
def test_others_verify_our_tokens_from_the_published_keys_alone(
    fresh_platform: Platform, verify: Callable[[str, dict[str, Any]], dict[str, Any]]
) -> None:
    owner = fresh_platform.register()
    rs256 = client_token(fresh_platform, service_account(owner, token_alg="RS256")).ok()["access_token"]
    before = json.loads(fresh_platform.call(keys.jwks).text)
    for token in (owner.token, rs256):
        assert verify(token, before)["tid"] == owner.tenant

    rotate(owner, activate_in=0)
    after = json.loads(fresh_platform.call(keys.jwks).text)
    assert len(after["keys"]) == 4  # two algorithms, old and new
    fresh = fresh_platform.sign_in(owner.slug, f"owner@{owner.slug}.test")
    assert kid(fresh) != kid(owner.token)
    for token in (owner.token, rs256, fresh):
        assert verify(token, after)["tid"] == owner.tenant
    forged = fresh[:-4] + ("AAAA" if not fresh.endswith("AAAA") else "BBBB")
    with pytest.raises(Exception, match=r"(?i)signature"):
        verify(forged, after)


def test_a_new_key_is_published_before_it_signs(
    fresh_platform: Platform, later: Callable[[float], None]
) -> None:
    owner = fresh_platform.register()
    email = f"owner@{owner.slug}.test"
    (new,) = rotate(owner)
    published = fresh_platform.call(keys.jwks)
    assert new["kid"] in {key["kid"] for key in published.ok()["keys"]}
    max_age = int(published.headers["Cache-Control"].rpartition("=")[2])
    assert max_age < keys.LEAD
    assert kid(fresh_platform.sign_in(owner.slug, email)) == kid(owner.token)
    later(keys.LEAD + 1)
    assert kid(fresh_platform.sign_in(owner.slug, email)) == new["kid"]
    owner.call(me.read).ok()


def test_an_old_key_is_removed_after_its_last_token_has_died(
    fresh_platform: Platform, later: Callable[[float], None]
) -> None:
    owner = fresh_platform.register()
    rotate(owner, activate_in=0)
    fresh_platform.rows(
        "update auth.signing_keys set expires_at = now() - interval '1 second' "
        "where expires_at is not null returning kid"
    )
    assert kid(owner.token) not in {key["kid"] for key in fresh_platform.call(keys.jwks).ok()["keys"]}
    owner.call(me.read).problem(401)
    later(86_500)
    assert fresh_platform.invoke(housekeeping.sweep_auth, {})["swept"] >= 1
    assert len(fresh_platform.rows("select kid from auth.signing_keys")) == 1


def test_the_schedule_replaces_a_key_after_thirty_days(
    fresh_platform: Platform, later: Callable[[float], None]
) -> None:
    fresh_platform.register()
    assert fresh_platform.invoke(keys.rotate_signing_keys, {}) == {"rotated": []}
    later(30 * 86_400 + 60)
    (new,) = fresh_platform.invoke(keys.rotate_signing_keys, {})["rotated"]
    assert fresh_platform.invoke(keys.rotate_signing_keys, {}) == {"rotated": []}
    (row,) = fresh_platform.rows(
        "select data, tenant_id from auth.event_store where type = 'auth.key.rotated'"
    )
    assert row.data["kid"] == new
    assert row.tenant_id.int == 0


def test_a_withdrawn_key_takes_its_tokens_with_it_and_only_the_operator_withdraws(
    fresh_platform: Platform,
) -> None:
    owner, operator = fresh_platform.register(), fresh_platform.register("operators")
    robot = acting(owner, service_account(owner, "masterdata.*"))
    owner.call(keys.rotate, query={"withdraw": "true"}).problem(403)
    fresh_platform.configure("auth", operator_tenant="operators")
    owner.call(keys.rotate).problem(403)
    (new,) = rotate(operator, withdraw="true")
    for stale, operation in ((owner, me.read), (operator, me.read), (robot, customers.list_)):
        stale.call(operation).problem(401)
    token = fresh_platform.sign_in(owner.slug, f"owner@{owner.slug}.test")
    assert kid(token) == new["kid"]
    as_token(owner, token).call(customers.list_).ok()


def test_so_many_keys_and_no_more_are_published(fresh_platform: Platform) -> None:
    owner = fresh_platform.register()
    for _ in range(keys.MAX_PUBLISHED - 1):
        rotate(owner, activate_in=0)
    owner.call(keys.rotate).problem(409)


def test_private_keys_are_stored_encrypted(platform: Platform) -> None:
    platform.register()
    for row in platform.rows("select private_key from auth.signing_keys"):
        with pytest.raises(ValueError, match=r"(?i)could not deserialize|unsupported|asn"):
            load_der_private_key(bytes(row.private_key)[12:], None)
