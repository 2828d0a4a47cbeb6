"""What the OWASP cheat sheets on authentication, sessions and authorization warn of, tried as attacks."""

from __future__ import annotations

import hmac
import itertools
import json
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import event

from auth import authorize, clients, keys, me, memberships, passwords, refresh, roles, sessions, users
from common import database
from common.operation import Operation
from tests.integration.auth.people import (
    REDIRECT,
    Browser,
    add_user,
    application,
    as_token,
    challenge,
    client_token,
    log_in,
    redeem,
    request_of,
    returned,
    role_id,
    service_account,
)
from tests.integration.platform import PASSWORD, Answer, Caller, Platform


@contextmanager
def work_done(monkeypatch: pytest.MonkeyPatch, platform: Platform) -> Iterator[Counter[str]]:
    """What is done meanwhile: the shapes of the statements run, and the passwords hashed."""
    done: Counter[str] = Counter()
    platform.use("auth")
    engine = database.engine()

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        done[" ".join(statement.split())[:120]] += 1

    hashed = passwords._hasher.verify

    class Counting:
        def verify(self, *given: Any) -> bool:
            done["argon2id"] += 1
            return hashed(*given)

        def __getattr__(self, name: str) -> Any:
            return getattr(original, name)

    original = passwords._hasher
    monkeypatch.setattr(passwords, "_hasher", Counting())
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield done
    finally:
        event.remove(engine, "before_cursor_execute", note)
        monkeypatch.setattr(passwords, "_hasher", original)


class TestEnumeration:
    """Who exists is told neither by the answer nor by the work behind it."""

    def test_every_refused_sign_in_gets_the_same_answer_for_the_same_work(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner = platform.register()
        locked, gone = add_user(owner), add_user(owner)
        emails = {
            u.user: str(owner.call(users.read, path={"id": u.user}).ok()["email"]) for u in (locked, gone)
        }
        owner.call(users.deactivate, path={"id": gone.user}).ok(204)
        for _ in range(6):
            log_in(platform, owner.slug, emails[locked.user], "wrong", address="192.0.2.2").problem(401)
        tries = {
            "wrong password": (owner.slug, f"owner@{owner.slug}.test", "wrong"),
            "unknown user": (owner.slug, "nobody@x.test", "wrong"),
            "unknown tenant": ("no-such-tenant", "nobody@x.test", "wrong"),
            "locked": (owner.slug, emails[locked.user], PASSWORD),
            "deactivated": (owner.slug, emails[gone.user], PASSWORD),
        }
        answers: dict[str, tuple[int, str, frozenset[str]]] = {}
        work: dict[str, Counter[str]] = {}
        for name, (slug, email, password) in tries.items():
            with work_done(monkeypatch, platform) as done:
                answer = log_in(platform, slug, email, password, address="192.0.2.3")
            answers[name] = (answer.status, answer.text, frozenset(answer.headers))
            work[name] = done
        assert len(set(answers.values())) == 1, answers
        assert work["wrong password"]["argon2id"] == 1
        assert all(done == work["wrong password"] for done in work.values()), work

    def test_closing_an_account_that_does_not_exist_takes_the_same_work(
        self, platform: Platform, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        owner = platform.register()
        work = []
        for email in (f"owner@{owner.slug}.test", "nobody@x.test"):
            for _ in range(4):
                log_in(platform, owner.slug, email, "wrong", address="192.0.2.4").problem(401)
            with work_done(monkeypatch, platform) as done:
                log_in(platform, owner.slug, email, "wrong", address="192.0.2.4").problem(401)
            work.append(done)
        assert work[0] == work[1]

    def test_the_hash_compared_with_for_nobody_is_of_todays_parameters(self) -> None:
        assert not passwords.outdated(passwords._NOBODY)
        assert not passwords.matches(None, "nobody's password")


class TestBruteForce:
    def test_an_account_closes_for_longer_each_time_and_opens_again(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        email = f"owner@{owner.slug}.test"
        addresses = (f"198.51.100.{n}" for n in itertools.count(1))

        def attempt(password: str) -> int:
            return log_in(platform, owner.slug, email, password, address=next(addresses)).status

        assert [attempt("wrong") for _ in range(5)] == [401] * 5
        moment = 0.0
        for delay in (30, 60, 120, 240):
            assert attempt(PASSWORD) == 401
            moment += delay + 1
            later(moment)
            if delay < 240:
                assert attempt("wrong") == 401
        assert attempt(PASSWORD) == 200
        assert attempt("wrong") == 401
        assert attempt(PASSWORD) == 200  # a success forgets the failures

    def test_trying_on_while_closed_does_not_close_for_longer(
        self, platform: Platform, later: Callable[[float], None]
    ) -> None:
        owner = platform.register()
        email = f"owner@{owner.slug}.test"
        for number in range(40):
            log_in(platform, owner.slug, email, "wrong", address=f"198.51.100.{number}").problem(401)
        later(31)
        log_in(platform, owner.slug, email).ok()

    def test_an_address_that_tries_many_accounts_is_told_to_wait(self, platform: Platform) -> None:
        owner = platform.register()
        tried = [
            log_in(platform, owner.slug, f"user{n}@x.test", "wrong", address="203.0.113.1").status
            for n in range(52)
        ]
        assert tried[:50] == [401] * 50
        assert tried[50:] == [429] * 2
        refused = log_in(platform, owner.slug, f"owner@{owner.slug}.test", address="203.0.113.1")
        refused.problem(429)
        assert 1 <= int(refused.headers["Retry-After"]) <= 31
        log_in(platform, owner.slug, f"owner@{owner.slug}.test", address="203.0.113.2").ok()

    @pytest.mark.usefixtures("crowded")
    def test_attempts_at_once_are_all_counted(self, platform: Platform) -> None:
        owner = platform.register()
        email = f"owner@{owner.slug}.test"
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda n: log_in(platform, owner.slug, email, "wrong", address=f"203.0.113.{n}"),
                    range(10, 18),
                )
            )
        guesses = platform.rows(
            "select data->>'reason' as reason, count(*) as n from auth.event_store "
            "where tenant_id = :t and type = 'auth.login.failed' group by 1",
            t=owner.tenant,
        )
        assert {row.reason: row.n for row in guesses} == {"password": 5, "locked": 3}

    def test_the_sign_in_page_counts_the_same(self, platform: Platform) -> None:
        owner = platform.register()
        browser = Browser(platform)
        page = browser.open(application(owner))
        for _ in range(5):
            assert browser.submit(page, email=f"owner@{owner.slug}.test", password="wrong").status == 401
        assert browser.submit(page, email=f"owner@{owner.slug}.test", password=PASSWORD).status == 401


class TestForgedTokens:
    def claims(self, owner: Caller) -> dict[str, Any]:
        return dict(jwt.decode(owner.token, options={"verify_signature": False}))

    def test_no_token_without_a_signature_is_taken(self, platform: Platform) -> None:
        owner = platform.register()
        body = owner.token.split(".")[1]
        for algorithm in ("none", "None", "NONE", "nOnE", ""):
            header = {"alg": algorithm, "typ": "at+jwt", "kid": jwt.get_unverified_header(owner.token)["kid"]}
            forged = f"{_encoded(header)}.{body}."
            as_token(owner, forged).call(me.read).problem(401)

    def test_no_public_key_serves_as_a_shared_secret(self, platform: Platform) -> None:
        owner = platform.register()
        (published,) = [k for k in platform.call(keys.jwks).ok()["keys"] if k["alg"] == "ES256"]
        header = {"typ": "at+jwt", "kid": published["kid"]}
        for secret in (json.dumps(published).encode(), published["x"].encode()):
            for algorithm in ("HS256", "HS384", "HS512"):
                signed = f"{_encoded(header | {'alg': algorithm})}.{owner.token.split('.')[1]}"
                mac = hmac.digest(secret, signed.encode(), f"sha{algorithm[2:]}")
                forged = f"{signed}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"
                as_token(owner, forged).call(me.read).problem(401)

    def test_a_key_brought_along_is_no_key_of_ours(self, platform: Platform) -> None:
        owner = platform.register()
        mine = ec.generate_private_key(ec.SECP256R1())
        kid = jwt.get_unverified_header(owner.token)["kid"]
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(mine.public_key()))
        for more in (
            {"kid": kid},
            {"kid": "mine"},
            {"kid": kid, "jwk": jwk},
            {"jku": "https://evil.test/jwks"},
        ):
            forged = jwt.encode(self.claims(owner), mine, "ES256", headers={"typ": "at+jwt", **more})
            as_token(owner, forged).call(me.read).problem(401)

    def test_an_identity_token_is_no_access_token(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner, "masterdata.*")
        answer = redeem(platform, app, Browser(platform).code(app, f"owner@{owner.slug}.test")).ok()
        as_token(owner, answer["id_token"]).call(me.read).problem(401)
        as_token(owner, answer["refresh_token"]).call(me.read).problem(401)

    def test_a_changed_claim_breaks_the_token(self, platform: Platform) -> None:
        owner = platform.register()
        head, _body, signature = owner.token.split(".")
        for change in ({"scope": "*"}, {"sub": str(uuid4())}, {"tid": str(uuid4())}, {"exp": 2**40}):
            forged = f"{head}.{_encoded(self.claims(owner) | change)}.{signature}"
            as_token(owner, forged).call(me.read).problem(401)


class TestReplay:
    def test_nothing_works_after_logout(self, platform: Platform) -> None:
        owner = platform.register()
        answer = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()
        caller = as_token(owner, answer["access_token"])
        caller.call(sessions.logout).ok(204)
        caller.call(me.read).problem(401)
        platform.call(refresh.refresh, {"refresh_token": answer["refresh_token"]}).problem(401)

    def test_a_spent_refresh_token_ends_the_family(self, platform: Platform) -> None:
        owner = platform.register()
        stolen = log_in(platform, owner.slug, f"owner@{owner.slug}.test").ok()["refresh_token"]
        following = platform.call(refresh.refresh, {"refresh_token": stolen}).ok()
        following = platform.call(refresh.refresh, {"refresh_token": following["refresh_token"]}).ok()
        platform.call(refresh.refresh, {"refresh_token": stolen}).problem(401, "refresh_reused")
        as_token(owner, following["access_token"]).call(me.read).problem(401)


class TestCodeFlowAttacks:
    @pytest.mark.parametrize(
        "downgrade",
        [
            {"code_challenge_method": "plain"},
            {"code_challenge_method": None},
            {"code_challenge": None},
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge": "too-short"},
        ],
    )
    def test_pkce_cannot_be_left_out_or_weakened(
        self, platform: Platform, downgrade: dict[str, str | None]
    ) -> None:
        owner = platform.register()
        app = application(owner)
        assert returned(Browser(platform).open(app, **downgrade))["error"] == "invalid_request"

    def test_a_plain_verifier_does_not_pass_for_a_hashed_one(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner)
        code = Browser(platform).code(app, f"owner@{owner.slug}.test")
        answer = redeem(platform, app, code, code_verifier=challenge())
        assert answer.json["error"] == "invalid_grant"

    @pytest.mark.parametrize(
        "target",
        [
            "https://evil.test/callback",
            REDIRECT + "/more",
            REDIRECT + "?more=1",
            REDIRECT + "#fragment",
            "https://app.example.evil.test/callback",
            "https://app.example@evil.test/callback",
            "https://app.example\\@evil.test/callback",
            "https://APP.example/callback",
            "http://app.example/callback",
            "https://app.example:444/callback",
            "//evil.test/callback",
            "javascript:alert(1)//https://app.example/callback",
            "",
        ],
    )
    def test_nobody_is_sent_where_the_client_has_not_said(self, platform: Platform, target: str) -> None:
        owner = platform.register()
        app = application(owner)
        for more in ({}, {"response_type": "token"}, {"prompt": "none"}):
            answer = Browser(platform).open(app, redirect_uri=target, **more)
            assert answer.status == 400
            assert "Location" not in answer.headers
            assert "evil.test" not in answer.text

    def test_a_code_cannot_be_sent_elsewhere_by_changing_the_form(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner, redirect_uris=[REDIRECT, "https://app.example/other"])
        browser = Browser(platform)
        page = browser.open(app)
        typed = {"email": f"owner@{owner.slug}.test", "password": PASSWORD}
        for change in ({"redirect_uri": "https://app.example/other"}, {"scope": "*"}, {"state": "mine"}):
            assert browser.submit(page, **typed, **change).status == 403

    def test_the_form_is_taken_from_the_browser_it_was_shown_to(self, platform: Platform) -> None:
        owner = platform.register()
        app = application(owner)
        page = Browser(platform).open(app)
        typed = {"email": f"owner@{owner.slug}.test", "password": PASSWORD}
        stranger = Browser(platform)
        assert stranger.submit(page, **typed).status == 403
        stranger.open(app)
        assert stranger.submit(page, **typed).status == 403
        form = request_of(app) | typed | {"form_token": ""}
        assert platform.call(authorize.sign_in, form=form).status == 403
        own = Browser(platform)
        page = own.open(app)
        own_cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in own.cookies.items())}
        crossing = platform.call(
            authorize.sign_in, form=form, headers=own_cookie | {"Sec-Fetch-Site": "cross-site"}
        )
        assert crossing.status == 403


class TestPrivileges:
    def test_grants_are_not_grown_through_any_door(self, platform: Platform) -> None:
        owner = platform.register()
        clerk = add_user(
            owner,
            "auth.role.create auth.role.update auth.role.assign auth.user.create auth.client.create "
            "auth.client.update",
        )
        owners = role_id(owner, "owner")
        robot = service_account(owner, "*")
        doors: list[Answer] = [
            clerk.call(memberships.assign, path={"id": clerk.user, "role_id": owners}),
            clerk.call(roles.create, {"name": "x", "permissions": ["*"]}),
            clerk.call(
                users.create, {"email": "x@x.test", "name": "x", "password": PASSWORD, "role_ids": [owners]}
            ),
            clerk.call(clients.create, {"name": "x", "permissions": ["*"]}),
            clerk.call(clients.replace_secret, path={"id": robot["id"]}),
        ]
        for answer in doors:
            answer.problem(403, "exceeds_own_permissions")
        own = service_account(owner, "auth.role.read")
        assert client_token(platform, own, scope="*").ok()["scope"] == "auth.role.read"

    @pytest.mark.parametrize(
        ("operation", "good"),
        [
            (roles.create, {"name": "r"}),
            (clients.create, {"name": "c"}),
            (users.create, {"email": "x@x.test", "name": "x"}),
            (me.change, {"name": "x"}),
        ],
    )
    @pytest.mark.parametrize(
        "more", ["id", "tenant_id", "built_in", "version", "created_by", "authorization_version"]
    )
    def test_no_field_is_written_that_is_not_offered(
        self, platform: Platform, operation: Operation[..., Any], good: dict[str, Any], more: str
    ) -> None:
        owner = platform.register()
        owner.call(operation, good | {more: 1}).problem(422, "invalid")


def _encoded(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()
