"""7: authentication end to end, and what it protects."""

from __future__ import annotations

from uuid import uuid4

import httpx
import jwt

from tests.local.stack import Stack, Tenant, problem


def test_the_demo_administrator_signs_in(stack: Stack) -> None:
    token = stack.sign_in(stack.tenant, stack.admin["email"], stack.admin["password"])
    with stack.http as http:
        me = http.get("/auth/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 200
    assert me.json()["email"] == stack.admin["email"]


def test_a_token_verifies_by_the_published_keys_alone(stack: Stack, owner: Tenant) -> None:
    with stack.http as http:
        keys = jwt.PyJWKSet.from_dict(http.get("/auth/.well-known/jwks.json").json())
    header = jwt.get_unverified_header(owner.token)
    assert header["typ"] == "at+jwt"
    claims = jwt.decode(owner.token, keys[header["kid"]].key, ["ES256"], audience="groundwork")
    assert claims["tid"] == owner.id


def test_a_wrong_password_and_an_unknown_user_are_told_alike(stack: Stack, owner: Tenant) -> None:
    with stack.http as http:
        wrong, unknown = (
            http.post("/auth/login", json={"tenant": owner.slug, "email": email, "password": "x" * 12})
            for email in (owner.email, "nobody@nowhere.test")
        )
    assert problem(wrong, 401) == problem(unknown, 401)


def test_a_customers_life_over_http(owner: Tenant) -> None:
    with owner.http as http:
        made = http.post("/masterdata/customers", json={"code": "C-1", "name": "Café Zürich"})
        assert made.status_code == 201
        place = f"/masterdata/customers/{made.json()['id']}"
        read = http.get(place)
        assert read.json() == made.json()
        assert http.get(place, headers={"If-None-Match": read.headers["etag"]}).status_code == 304
        new = {"code": "C-1", "name": "Café Genève"}
        problem(http.put(place, json=new), 428)
        changed = http.put(place, json=new, headers={"If-Match": read.headers["etag"]})
        assert changed.json()["name"] == "Café Genève"
        problem(http.put(place, json=new, headers={"If-Match": read.headers["etag"]}), 412)
        archived = http.delete(place, headers={"If-Match": changed.headers["etag"]})
        assert archived.status_code == 204
        assert http.get("/masterdata/customers").json()["items"] == []


def test_another_tenant_sees_nothing_of_it(stack: Stack, owner: Tenant) -> None:
    with owner.http as http:
        made = http.post("/masterdata/customers", json={"code": "C-1", "name": "x"}).json()
    with stack.register().http as http:
        problem(http.get(f"/masterdata/customers/{made['id']}"), 404)
        assert http.get("/masterdata/customers").json()["items"] == []


def test_a_revoked_session_is_refused_at_once(owner: Tenant) -> None:
    with owner.http as http:
        session = http.get("/auth/me").json()["session_id"]
        assert http.get("/masterdata/customers").status_code == 200
        assert http.delete(f"/auth/sessions/{session}").status_code == 204
        problem(http.get("/masterdata/customers"), 401)
        problem(http.get("/auth/me"), 401)


def test_bad_input_is_refused_and_says_why(stack: Stack, owner: Tenant) -> None:
    with owner.http as http:
        json_headers = {"Content-Type": "application/json"}
        problem(http.post("/masterdata/customers", content=b"{", headers=json_headers), 400)
        problem(http.post("/masterdata/customers", json={"code": 1, "name": "x"}), 422)
        big = http.post("/masterdata/customers", json={"code": "B", "name": "x" * 1_048_576})
        problem(big, 413)
        problem(http.get("/masterdata/customers", params={"cursor": "nonsense"}), 400)
        problem(http.get("/masterdata/customers", params={"limit": "many"}), 400)
        problem(http.get(f"/masterdata/customers/{uuid4()}"), 404)
        problem(http.get("/masterdata/customers/seven"), 400)
    head, body, _ = owner.token.split(".")
    none = jwt.utils.base64url_encode(b'{"alg":"none","typ":"at+jwt"}').decode()
    for forged in ("", "x", f"{head}.{body}.AAAA", f"{none}.{body}."):
        with httpx.Client(base_url=stack.api, timeout=30) as http:
            answer = http.get("/masterdata/customers", headers={"Authorization": f"Bearer {forged}".strip()})
            problem(answer, 401)
