"""The platform in one process: each operation runs through its real handler, as its service's own login."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import sqlalchemy
from sqlalchemy import Engine, create_engine, text

from common import database, settings
from common.authentication import verifier_for
from common.operation import PLATFORM, SERVICES, Operation
from common.settings import Settings
from local.postgres import Cluster
from migrations import runner
from migrations.handler import migrate
from migrations.security import login, role_password

TEMPLATE = "migrated"
PASSWORD = "correct horse battery"


def migrated(cluster: Cluster) -> None:
    """Migrate the template database with the migration Lambda itself."""
    settings.use(Settings(database_url=cluster.create_database(TEMPLATE), service=PLATFORM))
    assert migrate({"command": "upgrade"})["ok"]
    database.engine().dispose()


@dataclass(frozen=True)
class Answer:
    """A response, decoded."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text) if self.text else None

    @property
    def etag(self) -> str:
        return self.headers["ETag"]

    def ok(self, status: int = 200) -> Any:
        """The body, if the status is the expected one."""
        assert self.status == status, f"{self.status}: {self.text}"
        return self.json

    def problem(self, status: int, code: str | None = None) -> dict[str, Any]:
        """The problem document, if this is a refusal with the status and code."""
        assert self.status == status, f"{self.status}: {self.text}"
        assert self.headers["Content-Type"] == "application/problem+json"
        document: dict[str, Any] = self.json
        assert document["status"] == status
        if code is not None:
            assert document["code"] == code, document
        return document


@dataclass
class Caller:
    """A signed-in user of a tenant."""

    platform: Platform
    slug: str
    token: str
    user: str
    tenant: str

    def call(self, operation: Operation[..., Any], body: Any = None, **options: Any) -> Answer:
        """Call an operation with the caller's token."""
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.platform.call(operation, body, headers=headers, **options)


@dataclass
class Platform:
    """Settings and databases of one stage, for all services in this process."""

    cluster: Cluster
    name: str
    kafka: str = ""
    settings: dict[str, Settings] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def on(cls, cluster: Cluster, label: str, *, kafka: str = "") -> Iterator[Platform]:
        """A platform on a fresh copy of the migrated database."""
        name = f"t_{hashlib.sha1(label.encode()).hexdigest()[:8]}_{uuid4().hex[:8]}"
        cluster.create_database(name, template=TEMPLATE)
        platform = cls(cluster, name, kafka)
        for service in (*SERVICES, PLATFORM):
            role = login(service)
            url = cluster.url(name, user=role, password=role_password(cluster.password, role))
            platform.settings[service] = Settings(
                stage="local",
                service=service,
                database_url=url,
                kafka_bootstrap_servers=kafka,
                migration_head=runner.head(),
                signing_secret="a secret of the tests",
            )
        try:
            yield platform
        finally:
            for engines in (database.engine_for, database.reader_for):
                for configuration in platform.settings.values():
                    engines(configuration).dispose()
                engines.cache_clear()
            verifier_for.cache_clear()
            cluster.drop_database(name)

    def configure(self, service: str, **changes: Any) -> None:
        """Change a service's settings from here on."""
        self.settings[service] = replace(self.settings[service], **changes)

    def use(self, service: str) -> None:
        """Let this process stand for a function of the service."""
        settings.use(self.settings[service])

    def invoke(self, operation: Operation[..., Any], event: Any) -> Any:
        """Invoke an operation's Lambda with an event as its trigger delivers it."""
        self.use(operation.service)
        return operation(event, None)

    def call(
        self,
        operation: Operation[..., Any],
        body: Any = None,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        raw: str | None = None,
        service: str | None = None,
    ) -> Answer:
        """Call an operation over its HTTP trigger: JSON ``body``, urlencoded ``form`` or ``raw`` text."""
        self.use(service or operation.service)
        event = event_of(operation, body, path=path, query=query, headers=headers, form=form, raw=raw)
        answer = operation(event, None)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])

    def register(self, slug: str | None = None) -> Caller:
        """A new tenant, and its owner signed in."""
        from auth import tenants

        slug = slug or f"t-{uuid4().hex[:12]}"
        admin = {"email": f"owner@{slug}.test", "password": PASSWORD, "name": "Olive Owner"}
        made = self.call(tenants.register, {"slug": slug, "name": slug.title(), "admin": admin}).ok(201)
        token = self.sign_in(slug, admin["email"])
        return Caller(self, slug, token, made["admin_id"], made["tenant"]["id"])

    def sign_in(self, slug: str, email: str, password: str = PASSWORD) -> str:
        """An access token."""
        from auth import sessions

        answer = self.call(sessions.login, {"tenant": slug, "email": email, "password": password}).ok()
        token: str = answer["access_token"]
        return token

    @property
    def admin(self) -> Engine:
        """An engine as the database's superuser, past all security, to see what is really there."""
        return create_engine(self.cluster.url(self.name), poolclass=sqlalchemy.NullPool)

    def rows(self, statement: str, **parameters: Any) -> list[Any]:
        """Rows as the superuser sees them."""
        with self.admin.begin() as connection:
            return list(connection.execute(text(statement), parameters))


def event_of(
    operation: Operation[..., Any],
    body: Any = None,
    *,
    path: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    form: Mapping[str, str] | None = None,
    raw: str | None = None,
) -> dict[str, Any]:
    """The REST API proxy event (payload 1.0) of a request to an operation's route."""
    route = operation.route
    parameters = {name: str(value) for name, value in (path or {}).items()}
    sent = {"Host": "api.test", "X-Forwarded-Proto": "https", **(headers or {})}
    if form is not None:
        raw, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
    elif body is not None:
        raw, sent["Content-Type"] = json.dumps(body), sent.get("Content-Type", "application/json")
    return {
        "resource": route.path,
        "path": route.path.format(**parameters) if parameters else route.path,
        "httpMethod": route.method,
        "headers": sent,
        "queryStringParameters": {k: str(v) for k, v in query.items()} if query else None,
        "pathParameters": parameters or None,
        "requestContext": {
            "requestId": str(uuid4()),
            "stage": "local",
            "identity": {"sourceIp": "192.0.2.1"},
        },
        "body": raw,
        "isBase64Encoded": False,
    }
