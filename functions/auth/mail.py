"""Mail to users, over SES: links to set a password and to prove an address.

Asking for a mail does the same for every address, known or not: one event. Who gets it is found out by its
consumer, so that neither answer nor time tells whether an account exists. No event holds a secret: the token
is made where the mail is written.
"""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any, Literal

from auth import one_time_tokens, subjects
from auth.events import MailRequested
from auth.subjects import Subject
from auth.tenant_settings import Link
from common import logs
from common.identifiers import uuid7
from common.operation import Uses, on_topic
from common.settings import settings
from common.work import Work

Kind = Literal["password", "email", "invitation"]

LIFETIMES: dict[Kind, timedelta] = {
    "password": timedelta(minutes=30),
    "email": timedelta(days=1),
    "invitation": timedelta(days=7),
}

_SUBJECTS: dict[Kind, str] = {
    "password": "Set a new password",
    "email": "Confirm your e-mail address",
    "invitation": "You have been invited",
}
_TEXTS: dict[Kind, str] = {
    "password": "Somebody, most likely you, asked to set a new password for your account at {tenant}.",
    "email": "Please confirm that this is your address at {tenant}.",
    "invitation": "An account at {tenant} was made for you. Set a password to use it.",
}
_REST = """Hello {name},

{text}

{link}

This is good once, and for {period}. If you did not expect it, do nothing: without it nothing changes.
"""

MAIL_SENT = logs.Line("GW101", 20, "A mail was handed to SES")
MAIL_FOR_NOBODY = logs.Line("GW102", 20, "A mail was asked for that nobody is to get")


def ask(work: Work, kind: Kind, email: str) -> None:
    """Ask for a mail to an address of the tenant."""
    work.emit(MailRequested(uuid7(), kind, email))


@on_topic("auth.mail.requested", uses={Uses.MAIL, Uses.SIGNING}, timeout=30)
def deliver(asked: MailRequested, work: Work) -> None:
    """Write the mail that was asked for, if the address belongs to a user who may have it."""
    subject = subjects.by_email(work, asked.email)
    if subject is None or subject.status != "active":
        MAIL_FOR_NOBODY(kind=asked.kind)
        return
    purpose: one_time_tokens.Purpose = "email" if asked.kind == "email" else "password"
    one_time_tokens.withdraw(work, subject.id, purpose)
    # An address is proved for what it was when the mail was written.
    token = one_time_tokens.make(work, subject.id, purpose, LIFETIMES[asked.kind], {"email": subject.email})
    _send(subject, asked.kind, token)
    MAIL_SENT(kind=asked.kind, user=str(subject.id))


def _send(subject: Subject, kind: Kind, token: str) -> None:
    pattern: Link | None = subject.settings.email_link if kind == "email" else subject.settings.password_link
    body = _REST.format(
        name=subject.name,
        text=_TEXTS[kind].format(tenant=subject.tenant_slug),
        link=pattern.replace("{token}", token) if pattern else f"Your code: {token}",
        period=_period(LIFETIMES[kind]),
    )
    _ses().send_email(
        Source=settings().mail_from,
        Destination={"ToAddresses": [subject.email]},
        Message={
            "Subject": {"Data": _SUBJECTS[kind], "Charset": "UTF-8"},
            "Body": {"Text": {"Data": body, "Charset": "UTF-8"}},
        },
    )


@cache
def _ses() -> Any:
    import boto3

    return boto3.client("ses")


def _period(lifetime: timedelta) -> str:
    hours, minutes = lifetime // timedelta(hours=1), lifetime // timedelta(minutes=1)
    return f"{minutes} minutes" if hours < 1 else f"{hours} hours" if hours <= 24 else f"{hours // 24} days"
