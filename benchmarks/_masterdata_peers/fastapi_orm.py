"""Customers on FastAPI, the SQLAlchemy ORM and pg8000: read, list, create, with the same effects as ours.

A request's token is verified (ES256), its session looked up, its tenant set, in the transaction that serves
it; a creation stores its event and queues it. Called in process, as ASGI.
"""

# mypy: ignore-errors
# FastAPI is installed apart, if at all, where the type checker does not see it.
# Annotations are evaluated: FastAPI looks for its parameters in them.

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID, uuid4
from zlib import crc32

import jwt
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import create_engine, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import Text


class Base(DeclarativeBase):
    pass


class Customer(Base):
    __tablename__ = "customers"
    __table_args__ = {"schema": "masterdata"}

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    code: Mapped[str]
    name: Mapped[str]
    tax_id: Mapped[str | None]
    iban: Mapped[str | None]
    addresses: Mapped[list[Any]] = mapped_column(JSONB)
    contacts: Mapped[list[Any]] = mapped_column(JSONB)
    currency: Mapped[str | None]
    payment_terms_days: Mapped[int | None]
    credit_limit: Mapped[Decimal | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    version: Mapped[int]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    updated_at: Mapped[datetime]
    updated_by: Mapped[str]
    archived_at: Mapped[datetime | None]
    search: Mapped[str]
    match_keys: Mapped[list[str]] = mapped_column(ARRAY(Text))


class Event(Base):
    __tablename__ = "event_store"
    __table_args__ = {"schema": "masterdata"}

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    stream: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[UUID]
    type: Mapped[str]
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    actor: Mapped[str]
    correlation_id: Mapped[str]
    occurred_at: Mapped[datetime]


class Address(BaseModel):
    lines: list[str]
    country: str = Field(pattern="^[A-Z]{2}$")
    kind: str = "billing"
    postal_code: str = ""
    city: str = ""
    region: str = ""


class Contact(BaseModel):
    name: str
    email: str | None = None
    phone: str | None = None
    role: str = ""


class NewCustomer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: str = Field(min_length=1, max_length=64)
    name: str = Field(min_length=1, max_length=200)
    tax_id: str | None = None
    iban: str | None = None
    addresses: list[Address] = []
    contacts: list[Contact] = []
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    payment_terms_days: int | None = Field(None, ge=0, le=365)
    credit_limit: Decimal | None = Field(None, ge=0, decimal_places=4)
    attributes: dict[str, Any] = {}


class Told(NewCustomer):
    model_config = ConfigDict(from_attributes=True)

    id: UUID
    version: int
    created_at: datetime
    created_by: str
    updated_at: datetime
    updated_by: str
    archived_at: datetime | None


class Page(BaseModel):
    items: list[Told]
    next: str | None


class Peer:
    """The application with a client in the same process."""

    name = "FastAPI + SQLAlchemy ORM + pg8000"

    def __init__(self, url: str, keys: list[dict[str, Any]], token: str) -> None:
        self._engine = create_engine(url, pool_size=1, max_overflow=0)
        self._keys = {key["kid"]: jwt.PyJWK(key).key for key in keys}
        self._token = token
        self._audience = jwt.decode(token, options={"verify_signature": False})["aud"]
        self._loop = asyncio.new_event_loop()
        self._app = self._application()

    def close(self) -> None:
        self._loop.close()
        self._engine.dispose()

    def call(self, method: str, path: str, query: str = "", body: Any = None) -> Any:
        """One request, through the whole of FastAPI."""
        return self._loop.run_until_complete(self._request(method, path, query, body))

    def seconds(self, requests: list[tuple[str, str, str, Any]]) -> float:
        """The time of some requests, one after the other."""

        async def run() -> float:
            started = time.perf_counter()
            for request in requests:
                await self._request(*request)
            return time.perf_counter() - started

        return self._loop.run_until_complete(run())

    async def _request(self, method: str, path: str, query: str, body: Any) -> Any:
        content = json.dumps(body).encode() if body is not None else b""
        sent: list[Any] = []
        headers = [
            (b"authorization", f"Bearer {self._token}".encode()),
            (b"content-type", b"application/json"),
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
            "raw_path": path.encode(), "query_string": query.encode(), "headers": headers, "scheme": "http",
            "server": ("api.test", 80), "client": ("192.0.2.1", 1), "root_path": "",
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        assert sent[0]["status"] in (200, 201), sent
        return json.loads(b"".join(message.get("body", b"") for message in sent[1:]))

    def _application(self) -> FastAPI:
        app = FastAPI()

        def session(authorization: Annotated[str, Header()]) -> Iterator[Session]:
            token = authorization.removeprefix("Bearer ")
            key = self._keys[jwt.get_unverified_header(token)["kid"]]
            claims = jwt.decode(token, key, ["ES256"], audience=self._audience)
            with Session(self._engine) as opened, opened.begin():
                live = opened.execute(
                    text("select live from platform.enter(:t, :s, :u, :v)"),
                    {"t": claims["tid"], "s": claims["sid"], "u": claims["sub"], "v": claims.get("ver", 0)},
                ).scalar()
                if not live:
                    raise HTTPException(401)
                opened.info["claims"] = claims
                yield opened

        Transaction = Annotated[Session, Depends(session)]  # noqa: N806 - a type

        @app.get("/customers/{id}")
        def read(id: UUID, transaction: Transaction, response: Response) -> Told:  # noqa: A002
            tenant = UUID(transaction.info["claims"]["tid"])
            found = transaction.scalar(
                select(Customer).where(Customer.tenant_id == tenant, Customer.id == id)
            )
            if found is None:
                raise HTTPException(404)
            response.headers["ETag"] = f'"{found.version}"'
            return Told.model_validate(found)

        @app.get("/customers")
        def list_(transaction: Transaction, limit: int = 50) -> Page:
            tenant = UUID(transaction.info["claims"]["tid"])
            wanted = select(Customer).where(Customer.tenant_id == tenant, Customer.archived_at.is_(None))
            rows = transaction.scalars(wanted.order_by(Customer.code).limit(limit + 1)).all()
            items = [Told.model_validate(row) for row in rows[:limit]]
            return Page(items=items, next=items[-1].code if len(rows) > limit else None)

        @app.post("/customers", status_code=201)
        def create(new: NewCustomer, transaction: Transaction) -> Told:
            claims = transaction.info["claims"]
            now, actor = datetime.now(UTC), f"user:{claims['sub']}"
            made = Customer(
                **new.model_dump(), id=uuid4(), tenant_id=UUID(claims["tid"]), version=1, created_at=now,
                created_by=actor, updated_at=now, updated_by=actor, search=f" {new.code} {new.name} ".lower(),
                match_keys=[],
            )  # fmt: skip
            transaction.add(made)
            told = Told.model_validate(made)
            data = told.model_dump(mode="json")
            stream, event = f"customer:{made.id}", uuid4()
            transaction.add(
                Event(
                    tenant_id=made.tenant_id,
                    stream=stream,
                    version=1,
                    id=event,
                    data=data,
                    actor=actor,
                    type="masterdata.customer.created",
                    correlation_id="",
                    occurred_at=now,
                )
            )
            transaction.flush()
            transaction.execute(
                text(
                    "insert into platform.outbox (id, shard, topic, key, payload, headers) "
                    "values (:id, :shard, 'masterdata.customer.created', :key, :payload, '{}')"
                ),
                {
                    "id": event,
                    "key": stream,
                    "payload": json.dumps(data),
                    "shard": crc32(stream.encode()) % 16,
                },
            )
            return told

        return app
