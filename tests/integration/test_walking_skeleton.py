"""The slice through everything: sign up, sign in, and the life of a customer."""

from __future__ import annotations

from uuid import uuid4

from auth import keys, me, sessions
from masterdata import customers
from tests.integration.platform import Platform


def test_a_sign_in_gives_a_token_that_every_service_accepts(platform: Platform) -> None:
    owner = platform.register()
    assert owner.call(me.read).ok()["permissions"] == ["*"]
    assert owner.call(customers.list_).ok() == {"items": [], "next": None}


def test_a_customer_is_created_read_changed_listed_and_archived(platform: Platform) -> None:
    owner = platform.register()
    made = owner.call(customers.create, {"code": "C-1", "name": "Café Zürich", "credit_limit": "1500.50"})
    customer = made.ok(201)
    place = {"id": customer["id"]}
    read = owner.call(customers.read, path=place)
    assert read.ok() == customer
    assert owner.call(customers.read, path=place, headers={"If-None-Match": read.etag}).status == 304

    change = {"code": "C-1", "name": "Café Genève"}
    owner.call(customers.replace, change, path=place).problem(428)
    changed = owner.call(customers.replace, change, path=place, headers={"If-Match": read.etag})
    assert changed.ok()["name"] == "Café Genève"
    stale = owner.call(customers.replace, change, path=place, headers={"If-Match": read.etag})
    assert stale.problem(412)["current"] == changed.etag

    owner.call(customers.archive, path=place, headers={"If-Match": changed.etag}).ok(204)
    assert owner.call(customers.list_).ok()["items"] == []
    assert len(owner.call(customers.list_, query={"archived": "true"}).ok()["items"]) == 1


def test_a_list_is_walked_by_cursor_and_misses_nothing(platform: Platform) -> None:
    owner = platform.register()
    codes = [f"C-{n:03}" for n in range(7)]
    for code in reversed(codes):
        owner.call(customers.create, {"code": code, "name": "x"}).ok(201)
    seen, cursor = [], None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = owner.call(customers.list_, query=query).ok()
        seen += [item["code"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == codes


def test_another_tenant_does_not_see_it(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    customer = owner.call(customers.create, {"code": "C-1", "name": "x"}).ok(201)
    stranger.call(customers.read, path={"id": customer["id"]}).problem(404)
    assert stranger.call(customers.list_).ok()["items"] == []


def test_a_revoked_session_is_refused_at_once(platform: Platform) -> None:
    owner = platform.register()
    session = owner.call(me.read).ok()["session_id"]
    owner.call(sessions.revoke, path={"id": session}).ok(204)
    owner.call(me.read).problem(401)
    owner.call(customers.list_).problem(401)


def test_a_repeated_post_with_its_key_creates_once(platform: Platform) -> None:
    owner = platform.register()
    key = {"Idempotency-Key": str(uuid4())}
    new = {"code": "C-1", "name": "x"}
    first = owner.call(customers.create, new, headers=key)
    again = owner.call(customers.create, new, headers=key)
    assert again.ok(201) == first.ok(201)
    assert again.headers["Idempotency-Replayed"] == "true"
    owner.call(customers.create, {"code": "C-2", "name": "x"}, headers=key).problem(
        422, "idempotency_key_reused"
    )
    assert len(owner.call(customers.list_).ok()["items"]) == 1


def test_the_keys_are_published(platform: Platform) -> None:
    platform.register()
    (key,) = platform.call(keys.jwks).ok()["keys"]
    assert key["alg"] == "ES256"
    assert "d" not in key
