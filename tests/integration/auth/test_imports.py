"""Users moved in: with the passwords they have, whoever hashed them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any
from uuid import uuid4

import pytest

from auth import exports, imports, me, passwords, users
from tests.integration.auth.people import add_user, as_token, log_in
from tests.integration.auth.replay import replayed, stored
from tests.integration.platform import PASSWORD, Caller, Platform


def keycloak(password: str) -> str:
    """As Keycloak 23 hashes, written as a PHC string."""
    salt = uuid4().bytes
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 27_500, dklen=64)
    return f"$pbkdf2-sha256$i=27500,l=64${b64encode(salt).decode()}${b64encode(key).decode()}"


def new(**more: Any) -> dict[str, Any]:
    return {"email": f"{uuid4().hex[:8]}@moved.test", "name": "Mo Ved", **more}


def hash_of(platform: Platform, email: str) -> str:
    (row,) = platform.rows("select password_hash from auth.users where email = :e", e=email)
    return str(row.password_hash)


def test_what_was_exported_can_be_taken_in_elsewhere_and_signs_in(platform: Platform) -> None:
    old, owner = platform.register(), platform.register()
    colleague = add_user(old, "viewer")
    exported = old.call(exports.create, {}).ok()["users"]
    moved = [user | {"id": str(uuid4())} for user in exported]  # this database has the old ones, too
    assert owner.call(imports.create, {"users": moved}).ok(201) == {"users": 2}
    email = next(user["email"] for user in exported if user["id"] == colleague.user)
    answer = log_in(platform, owner.slug, email, PASSWORD).ok()
    told = as_token(owner, answer["access_token"]).call(me.read).ok()
    assert told["id"] == next(user["id"] for user in moved if user["email"] == email)
    assert told["permissions"] == ["*.*.read"]
    assert log_in(platform, owner.slug, email, "wrong").status == 401


def test_another_systems_hash_is_verified_once_and_then_replaced(platform: Platform) -> None:
    owner = platform.register()
    user = new(email="Mo.Ved@Moved.test", password_hash=keycloak("ein altes Passwort"), email_verified=True)
    owner.call(imports.create, {"users": [user]}).ok(201)
    assert log_in(platform, owner.slug, user["email"], "something else").status == 401
    assert hash_of(platform, "mo.ved@moved.test") == user["password_hash"]
    for _ in range(2):
        log_in(platform, owner.slug, user["email"], "ein altes Passwort").ok()
        assert not passwords.outdated(hash_of(platform, "mo.ved@moved.test"))
    assert owner.call(users.list_, query={"q": "mo.ved"}).ok()["items"][0]["email_verified"] is True


def test_the_events_say_all_that_was_taken_in_but_the_hashes(platform: Platform) -> None:
    owner = platform.register()
    taken = [new(password_hash=keycloak("x"), email_verified=True, roles=["viewer", "editor"]),
             new(status="deactivated"), new(roles=["viewer"])]  # fmt: skip
    owner.call(imports.create, {"users": taken}).ok(201)
    assert replayed(platform, owner.tenant) == stored(platform, owner.tenant)
    said = platform.rows(
        "select data::text as data from auth.event_store where tenant_id = :t", t=owner.tenant
    )
    assert not any("pbkdf2" in row.data for row in said)
    listed = owner.call(users.list_, query={"status": "deactivated"}).ok()["items"]
    assert [user["email"] for user in listed] == [taken[1]["email"]]


def test_nobody_takes_in_more_than_they_hold(platform: Platform) -> None:
    owner = platform.register()
    clerk = add_user(owner, "auth.user.import")
    clerk.call(imports.create, {"users": [new(roles=["owner"])]}).problem(403, "exceeds_own_permissions")
    add_user(owner, "viewer").call(imports.create, {"users": [new()]}).problem(403, "forbidden")
    clerk.call(imports.create, {"users": [new()]}).ok(201)


def test_all_are_taken_in_or_none(platform: Platform) -> None:
    owner, stranger = platform.register(), platform.register()
    before = len(owner.call(users.list_).ok()["items"])

    def refused(status: int, *wrong: dict[str, Any]) -> dict[str, Any]:
        return owner.call(imports.create, {"users": [new(), *wrong]}).problem(status)

    taken = refused(409, new(email=f"Owner@{owner.slug}.test"))
    assert taken["emails"] == [f"owner@{owner.slug}.test"]
    refused(409, new(id=owner.user))
    refused(409, new(id=stranger.user))
    twice = new()
    refused(422, twice, twice | {"email": twice["email"].upper()})
    same = str(uuid4())
    refused(422, new(id=same), new(id=same))
    assert refused(422, new(roles=["emperor"]))["errors"][0]["pointer"] == "/users/1/roles"
    for wrong in ("", "plain", "$2b$12$EXRkfkdmXn2gzds2SSitu.MW9.gAVqa9eLS1//RYtYCmB1eLHg.9q"):
        told = refused(422, new(password_hash=wrong))
        assert told["errors"][0]["pointer"] == "/users/1/password_hash"
    refused(422, new(email="no address"))
    owner.call(imports.create, {"users": []}).problem(422)
    assert len(owner.call(users.list_).ok()["items"]) == before


def test_a_thousand_are_taken_in_at_once_and_no_more(platform: Platform) -> None:
    owner = platform.register()
    many = [new(roles=["viewer"], password_hash=passwords._NOBODY) for _ in range(imports.AT_ONCE + 1)]
    owner.call(imports.create, {"users": many}).problem(422)
    assert owner.call(imports.create, {"users": many[:-1]}).ok(201) == {"users": imports.AT_ONCE}


@pytest.mark.parametrize("member", ["created_at", "anything"])
def test_members_that_an_export_has_besides_are_ignored(platform: Platform, member: str) -> None:
    owner: Caller = platform.register()
    owner.call(imports.create, {"users": [new(**{member: "2020-01-01T00:00:00Z"})]}).ok(201)
