"""Users, roles and who may give what to whom."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest

from auth import exports, me, memberships, permissions, roles, users
from masterdata import customers
from tests.integration.auth.people import (
    acting,
    add_user,
    as_token,
    assign,
    log_in,
    role_id,
    service_account,
)
from tests.integration.platform import PASSWORD, Caller, Platform


def place(user: Caller | str, role: str | None = None) -> dict[str, str]:
    identifier = user if isinstance(user, str) else user.user
    return {"id": identifier} | ({"role_id": role} if role else {})


class TestUsers:
    def test_a_user_is_made_read_changed_shut_out_and_let_in_again(self, platform: Platform) -> None:
        owner = platform.register()
        user = add_user(owner, "viewer")
        read = owner.call(users.read, path=place(user))
        assert read.ok()["role_ids"] == [role_id(owner, "viewer")]
        changed = owner.call(
            users.change, {"name": "Ursula"}, path=place(user), headers={"If-Match": read.etag}
        )
        assert changed.ok()["name"] == "Ursula"
        owner.call(users.change, {"name": "x"}, path=place(user), headers={"If-Match": read.etag}).problem(
            412
        )

        owner.call(users.deactivate, path=place(user)).ok(204)
        user.call(me.read).problem(401)
        log_in(platform, owner.slug, changed.ok()["email"]).problem(401, "bad_credentials")
        shut = owner.call(users.read, path=place(user))
        assert shut.ok()["status"] == "deactivated"
        owner.call(users.change, {"status": "active"}, path=place(user), headers={"If-Match": shut.etag}).ok()
        log_in(platform, owner.slug, changed.ok()["email"]).ok()
        user.call(me.read).problem(401)  # the old session is not revived

    def test_an_address_belongs_to_one_user_of_the_tenant(self, platform: Platform) -> None:
        owner, other = platform.register(), platform.register()
        user = add_user(owner, email="same@x.test")
        assert user.user
        new = {"email": "SAME@x.test", "name": "Again", "password": PASSWORD}
        owner.call(users.create, new).problem(409, "user_email_taken")
        other.call(users.create, new).ok(201)

    @pytest.mark.parametrize(
        "more",
        [
            {"status": "active"},
            {"id": str(uuid4())},
            {"tenant_id": str(uuid4())},
            {"password_hash": "x"},
            {"email_verified": True},
            {"authorization_version": 0},
            {"permissions": ["*"]},
            {"version": 1},
        ],
    )
    def test_only_what_can_be_written_is_read(self, platform: Platform, more: dict[str, Any]) -> None:
        owner = platform.register()
        new = {"email": "u@x.test", "name": "U", "password": PASSWORD}
        owner.call(users.create, new | more).problem(422, "invalid")
        if "status" not in more:
            tag = owner.call(users.read, path=place(owner)).etag
            owner.call(users.change, more, path=place(owner), headers={"If-Match": tag}).problem(422)
        owner.call(me.change, {"name": "x"} | more).problem(422)

    def test_the_list_is_filtered_sorted_and_walked(self, platform: Platform) -> None:
        owner = platform.register()
        for name in ("cara", "abel", "bela"):
            add_user(owner, "viewer", email=f"{name}@x.test")
        listed = owner.call(users.list_, query={"q": "A"}).ok()["items"]
        assert [user["email"] for user in listed] == ["abel@x.test"]
        viewers = owner.call(users.list_, query={"role_id": role_id(owner, "viewer")}).ok()["items"]
        assert [user["email"] for user in viewers] == ["abel@x.test", "bela@x.test", "cara@x.test"]
        assert viewers[0]["role_ids"] == [role_id(owner, "viewer")]
        for sort in ("created_at", "-created_at", "email"):
            seen: list[str] = []
            cursor = None
            while True:
                query = {"limit": 1, "sort": sort} | ({"cursor": cursor} if cursor else {})
                answer = owner.call(users.list_, query=query).ok()
                seen += [user["email"] for user in answer["items"]]
                cursor = answer["next"]
                if cursor is None:
                    break
            made = [f"owner@{owner.slug}.test", "cara@x.test", "abel@x.test", "bela@x.test"]
            expected = {"created_at": made, "-created_at": made[::-1], "email": sorted(made)}
            assert seen == expected[sort]
        assert owner.call(users.list_, query={"q": "%"}).ok()["items"] == []
        owner.call(users.list_, query={"sort": "password_hash"}).problem(400)

    def test_all_users_are_exported_with_their_hashes(self, platform: Platform) -> None:
        owner = platform.register()
        add_user(owner, "viewer")
        exported = owner.call(exports.create, {}).ok()
        assert exported["next"] is None
        assert len(exported["users"]) == 2
        assert all(user["password_hash"].startswith("$argon2id$v=19$") for user in exported["users"])
        assert {tuple(user["roles"]) for user in exported["users"]} == {("owner",), ("viewer",)}
        admin = add_user(owner, "admin")
        admin.call(exports.create, {}).problem(403, "exceeds_own_permissions")


class TestRoles:
    def test_a_role_is_made_changed_and_removed_and_its_users_follow_at_once(
        self, platform: Platform
    ) -> None:
        owner = platform.register()
        role = owner.call(roles.create, {"name": "clerk", "permissions": ["masterdata.customer.read"]})
        made = role.ok(201)
        user = add_user(owner)
        user.call(customers.list_).problem(403)
        owner.call(memberships.assign, path=place(user, made["id"])).ok(204)
        user.call(me.read).problem(401)  # the permissions in the token are not the present ones
        user = as_token(user, platform.sign_in(owner.slug, _email(owner, user)))
        user.call(customers.list_).ok()

        change = {"permissions": ["masterdata.vendor.read"]}
        owner.call(roles.change, change, path={"id": made["id"]}, headers={"If-Match": role.etag}).ok()
        user.call(customers.list_).problem(401)
        owner.call(roles.remove, path={"id": made["id"]}).problem(409, "role_in_use")
        owner.call(memberships.unassign, path=place(user, made["id"])).ok(204)
        owner.call(memberships.unassign, path=place(user, made["id"])).problem(404)
        owner.call(roles.remove, path={"id": made["id"]}).ok(204)
        owner.call(roles.read, path={"id": made["id"]}).problem(404)

    def test_names_are_the_tenants_own_and_built_in_roles_stay(self, platform: Platform) -> None:
        owner = platform.register()
        owner.call(roles.create, {"name": "admin"}).problem(409, "role_name_taken")
        listed = owner.call(roles.list_, query={"built_in": "true"}).ok()["items"]
        assert [role["name"] for role in listed] == ["admin", "editor", "owner", "viewer"]
        for role in listed:
            path = {"id": role["id"]}
            owner.call(roles.change, {"name": "x"}, path=path, headers={"If-Match": "*"}).problem(
                409, "role_built_in"
            )
            owner.call(roles.remove, path=path).problem(409, "role_built_in")

    def test_a_permission_that_does_not_exist_is_refused(self, fresh_platform: Platform) -> None:
        owner = fresh_platform.register()
        fresh_platform.rows(
            "insert into auth.permissions values ('masterdata.customer.read', 'masterdata', 'x') returning 1"
        )
        assert owner.call(permissions.list_).ok()["items"][0]["name"] == "masterdata.customer.read"
        owner.call(roles.create, {"name": "a", "permissions": ["masterdata.*", "*.*.read"]}).ok(201)
        for wrong in ("masterdata.custmer.read", "Masterdata.*", "masterdata", "", "**", "a.b.c.d"):
            owner.call(roles.create, {"name": "b", "permissions": [wrong]}).problem(422, "unknown_permission")

    def test_the_last_owner_stays(self, platform: Platform) -> None:
        owner = platform.register()
        role = role_id(owner, "owner")
        owner.call(memberships.unassign, path=place(owner, role)).problem(409, "last_owner")
        owner.call(users.deactivate, path=place(owner)).problem(409, "last_owner")
        second = add_user(owner, "owner")
        owner.call(users.deactivate, path=place(second)).ok(204)
        owner.call(memberships.unassign, path=place(owner, role)).problem(409, "last_owner")

    @pytest.mark.usefixtures("crowded")
    def test_two_owners_who_remove_each_other_at_once_leave_one(self, platform: Platform) -> None:
        for _ in range(5):
            first = platform.register()
            second = add_user(first, "owner")
            with ThreadPoolExecutor(2) as pool:
                answers = list(
                    pool.map(
                        lambda pair: pair[0].call(users.deactivate, path=place(pair[1])),
                        ((first, second), (second, first)),
                    )
                )
            assert sorted(answer.status for answer in answers) in ([204, 401], [204, 409])


class TestNobodyGivesWhatTheyDoNotHold:
    def test_not_by_assigning_a_role(self, platform: Platform) -> None:
        owner = platform.register()
        admin = add_user(owner, "admin")
        assign(admin, admin.user, role_id(owner, "owner")).problem(403, "exceeds_own_permissions")
        assign(admin, admin.user, role_id(owner, "editor")).problem(403, "exceeds_own_permissions")

    def test_not_by_making_or_changing_a_role(self, platform: Platform) -> None:
        owner = platform.register()
        clerk = add_user(owner, "auth.role.create auth.role.update auth.role.assign masterdata.customer.read")
        for beyond in ("*", "*.*.read", "masterdata.*", "masterdata.customer.*", "auth.user.read"):
            clerk.call(roles.create, {"name": "x", "permissions": [beyond]}).problem(
                403, "exceeds_own_permissions"
            )
        own = clerk.call(roles.create, {"name": "mine", "permissions": ["masterdata.customer.read"]})
        path, tag = {"id": own.ok(201)["id"]}, {"If-Match": own.etag}
        clerk.call(roles.change, {"permissions": ["*"]}, path=path, headers=tag).problem(403)
        strong = owner.call(roles.create, {"name": "strong", "permissions": ["auth.*"]})
        path, tag = {"id": strong.ok(201)["id"]}, {"If-Match": strong.etag}
        clerk.call(roles.change, {"permissions": []}, path=path, headers=tag).problem(403)

    def test_not_by_making_a_user(self, platform: Platform) -> None:
        owner = platform.register()
        clerk = add_user(owner, "auth.user.create")
        new = {"email": "x@x.test", "name": "X", "password": PASSWORD}
        clerk.call(users.create, new | {"role_ids": [role_id(owner, "owner")]}).problem(403)
        clerk.call(users.create, new | {"role_ids": [str(uuid4())]}).problem(404)
        clerk.call(users.create, new).ok(201)

    def test_not_by_making_or_taking_over_a_client(self, platform: Platform) -> None:
        from auth import clients

        owner = platform.register()
        clerk = add_user(owner, "auth.client.create auth.client.update masterdata.customer.read")
        clerk.call(clients.create, {"name": "x", "permissions": ["*"]}).problem(403)
        clerk.call(clients.create, {"name": "x", "permissions": ["masterdata.customer.read"]}).ok(201)
        strong = service_account(owner, "*")
        clerk.call(clients.replace_secret, path={"id": strong["id"]}).problem(403, "exceeds_own_permissions")
        robot = acting(owner, service_account(owner, "auth.client.create"))
        robot.call(clients.create, {"name": "x", "permissions": ["auth.client.*"]}).problem(403)

    def test_not_by_taking_over_or_shutting_out_who_may_do_more(self, platform: Platform) -> None:
        owner = platform.register()
        admin = add_user(owner, "admin")
        tag = {"If-Match": admin.call(users.read, path=place(owner)).etag}
        admin.call(users.change, {"email": "mine@x.test"}, path=place(owner), headers=tag).problem(403)
        admin.call(users.change, {"name": "Renamed"}, path=place(owner), headers=tag).ok()
        admin.call(users.deactivate, path=place(owner)).problem(403)
        admin.call(users.remove_totp, path=place(owner)).problem(403)
        role = role_id(owner, "owner")
        admin.call(memberships.unassign, path=place(owner, role)).problem(403)


def _email(owner: Caller, user: Caller) -> str:
    return str(owner.call(users.read, path=place(user)).ok()["email"])
