"""Mail: links to set a password and to prove an address, for those who exist and as if for all."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws
from moto.ses.models import ses_backends

from auth import email_verifications, mail, me, password_resets, tenants, users
from tests.integration.auth.people import as_token, log_in
from tests.integration.platform import PASSWORD, Caller, Platform

SENDER = "no-reply@groundwork.test"


@pytest.fixture(autouse=True)
def ses(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """SES as moto has it, with the sender verified."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    platform.configure("auth", mail_from=SENDER)
    with mock_aws():
        mail._ses.cache_clear()
        boto3.client("ses").verify_email_identity(EmailAddress=SENDER)
        yield
    mail._ses.cache_clear()


def deliver(platform: Platform) -> int:
    """Bring the mail events of the outbox to their consumer, as the relay and Kafka would; how many."""
    rows = platform.rows(
        "delete from platform.outbox where topic = 'auth.mail.requested' returning payload, headers"
    )
    for row in rows:
        headers = [{name: list(str(value).encode())} for name, value in row.headers.items()]
        record = {"value": base64.b64encode(row.payload.encode()).decode(), "headers": headers}
        platform.invoke(mail.deliver, {"records": {"auth.mail.requested-0": [record]}})
    return len(rows)


def sent() -> list[tuple[str, str, str]]:
    """Who was sent what: address, subject, body."""
    messages = ses_backends["123456789012"]["eu-central-1"].sent_messages
    return [(m.destinations["ToAddresses"][0], m.subject, m.body) for m in messages]


def code(body: str) -> str:
    found = re.search(r"Your code: (\S+)", body)
    assert found is not None, body
    return found[1]


def registered(platform: Platform) -> Caller:
    owner = platform.register()
    deliver(platform)
    return owner


def ask(platform: Platform, slug: str, email: str) -> dict[str, str]:
    return dict(platform.call(password_resets.ask, {"tenant": slug, "email": email}).ok(202))


def test_a_forgotten_password_is_set_anew_with_the_code_from_the_mail(platform: Platform) -> None:
    owner = registered(platform)
    email = f"owner@{owner.slug}.test"
    ask(platform, owner.slug, email.upper())
    deliver(platform)
    to, subject, body = sent()[-1]
    assert (to, subject) == (email, "Set a new password")
    new = {"token": code(body), "password": "another good one"}
    platform.call(password_resets.confirm, new | {"password": "short"}).problem(422, "weak_password")
    platform.call(password_resets.confirm, new).ok(204)
    platform.call(password_resets.confirm, new).problem(410, "token_spent")
    owner.call(me.read).problem(401)
    log_in(platform, owner.slug, email).problem(401)
    answer = log_in(platform, owner.slug, email, "another good one").ok()
    assert as_token(owner, answer["access_token"]).call(me.read).ok()["email_verified"] is True


def test_a_reset_opens_a_closed_account(platform: Platform) -> None:
    owner = registered(platform)
    email = f"owner@{owner.slug}.test"
    for _ in range(6):
        log_in(platform, owner.slug, email, "wrong").problem(401)
    ask(platform, owner.slug, email)
    deliver(platform)
    new = {"token": code(sent()[-1][2]), "password": "another good one"}
    platform.call(password_resets.confirm, new).ok(204)
    log_in(platform, owner.slug, email, "another good one").ok()


def test_who_does_not_exist_gets_the_same_answer_and_no_mail(platform: Platform) -> None:
    owner = registered(platform)
    answers = [
        ask(platform, owner.slug, f"owner@{owner.slug}.test"),
        ask(platform, owner.slug, "nobody@x.test"),
        ask(platform, "no-such-tenant", "nobody@x.test"),
    ]
    assert answers[0] == answers[1] == answers[2]
    before = len(sent())
    assert deliver(platform) == 3
    assert len(sent()) == before + 1


def test_an_older_mail_and_an_old_one_are_worthless(
    platform: Platform, later: Callable[[float], None]
) -> None:
    owner = registered(platform)
    email = f"owner@{owner.slug}.test"
    codes = []
    for _ in range(2):
        ask(platform, owner.slug, email)
        deliver(platform)
        codes.append(code(sent()[-1][2]))
    new = {"password": "another good one"}
    platform.call(password_resets.confirm, new | {"token": codes[0]}).problem(410)
    later(31 * 60)
    platform.call(password_resets.confirm, new | {"token": codes[1]}).problem(410)
    platform.call(password_resets.confirm, new | {"token": "nonsense"}).problem(410)


def test_nobody_is_flooded_with_mail(platform: Platform) -> None:
    owner = registered(platform)
    for _ in range(8):
        ask(platform, owner.slug, f"owner@{owner.slug}.test")
    assert deliver(platform) == 5


def test_an_invited_user_sets_the_first_password(platform: Platform) -> None:
    owner = registered(platform)
    made = owner.call(users.create, {"email": "new@x.test", "name": "Nora"}).ok(201)
    log_in(platform, owner.slug, "new@x.test").problem(401, "bad_credentials")
    deliver(platform)
    to, subject, body = sent()[-1]
    assert (to, subject) == ("new@x.test", "You have been invited")
    platform.call(password_resets.confirm, {"token": code(body), "password": PASSWORD}).ok(204)
    log_in(platform, owner.slug, "new@x.test").ok()
    assert made["id"]


def test_an_address_is_proved_and_a_new_one_anew(platform: Platform) -> None:
    owner = platform.register()
    deliver(platform)
    first = code(sent()[-1][2])
    owner.call(me.change, {"email": "new@x.test", "password": PASSWORD}).ok()
    platform.call(email_verifications.confirm, {"token": first}).problem(410)  # for the address before
    deliver(platform)
    assert sent()[-1][0] == "new@x.test"
    platform.call(email_verifications.confirm, {"token": code(sent()[-1][2])}).ok(204)
    assert owner.call(me.read).ok()["email_verified"] is True
    owner.call(email_verifications.ask).ok(202)
    assert deliver(platform) == 0  # proved already


def test_a_tenants_own_page_is_linked(platform: Platform) -> None:
    owner = registered(platform)
    tag = {"If-Match": owner.call(tenants.read).etag}
    link = "https://app.example/reset?code={token}"
    owner.call(tenants.change, {"settings": {"password_link": link}}, headers=tag).ok()
    ask(platform, owner.slug, f"owner@{owner.slug}.test")
    deliver(platform)
    found = re.search(r"https://app\.example/reset\?code=(\S+)", sent()[-1][2])
    assert found is not None
    new = {"token": found[1], "password": "another good one"}
    platform.call(password_resets.confirm, new).ok(204)


def test_no_event_and_no_row_holds_the_code(platform: Platform) -> None:
    owner = registered(platform)
    ask(platform, owner.slug, f"owner@{owner.slug}.test")
    deliver(platform)
    token = code(sent()[-1][2])
    everything = platform.rows(
        "select data::text as told from auth.event_store union all "
        "select to_jsonb(t)::text from auth.one_time_tokens t"
    )
    assert all(token not in row.told and token[43:80] not in row.told for row in everything)
    assert json.loads(everything[0].told)


def test_mail_that_ses_refuses_is_tried_again(platform: Platform) -> None:
    owner = registered(platform)
    ask(platform, owner.slug, f"owner@{owner.slug}.test")
    boto3.client("ses").delete_identity(Identity=SENDER)
    before = len(sent())
    with pytest.raises(Exception, match="not verified"):
        deliver(platform)
    assert len(sent()) == before
    unfinished = platform.rows(
        "select 1 from auth.one_time_tokens where tenant_id = :t and purpose = 'password'", t=owner.tenant
    )
    assert unfinished == []
