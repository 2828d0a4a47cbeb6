"""Clients: service accounts, and the applications that users sign in to."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType, field
from sqlalchemy import Row, insert, select, update

from auth import ending, grants, permissions, redirects
from auth.events import ClientChanged, ClientCreated, ClientDeleted, ClientUpdated, SessionRevoked
from auth.names import Name
from auth.opaque import digest
from auth.tables import clients, sessions
from common.errors import Conflict, Invalid, NotFound
from common.etag import IfMatch
from common.identifiers import uuid7
from common.listing.listed import Listing
from common.operation import operation
from common.paging import Page, Selection
from common.tokens import encode
from common.work import Work

GrantType = Literal["authorization_code", "refresh_token", "client_credentials"]
Addresses = Annotated[list[str], Meta(max_length=20)]


class NewClient(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A client to be. ``permissions`` is what a service account may do, and the most that an application may
    do for a user who signs in to it.
    """

    name: Name
    grant_types: Annotated[list[GrantType], Meta(min_length=1, max_length=3)] = field(
        default_factory=lambda: ["client_credentials"]
    )
    redirect_uris: Addresses = []
    post_logout_redirect_uris: Addresses = []
    """Where users may be sent who were signed out at the application's wish."""
    permissions: Annotated[list[str], Meta(max_length=200)] = []
    public: bool = False
    """An application that can keep no secret: in a browser, on a phone."""
    token_alg: Literal["ES256", "RS256"] = "ES256"  # noqa: S105 - an algorithm


class ClientChange(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What of a client to change; what is left out stays."""

    name: Name | UnsetType = UNSET
    redirect_uris: Addresses | UnsetType = UNSET
    post_logout_redirect_uris: Addresses | UnsetType = UNSET


class Client(Struct, frozen=True, kw_only=True):
    """A client."""

    id: UUID
    name: str
    grant_types: list[str]
    redirect_uris: list[str]
    post_logout_redirect_uris: list[str]
    permissions: list[str]
    public: bool
    token_alg: str
    version: int
    created_at: datetime
    created_by: str


class ClientWithSecret(Client, frozen=True, kw_only=True):
    """A client with its secret, which is shown this once."""

    shown_once: ClassVar[bool] = True
    client_secret: str | None


class Secret(Struct, frozen=True):
    """A client's new secret, which is shown this once."""

    client_id: UUID
    client_secret: str


@operation("POST /auth/clients", permission="auth.client.create", status=201, emits=ClientCreated)
def create(new: NewClient, work: Work) -> ClientWithSecret:
    """Register a client. Its secret is in this answer and nowhere else; only what you hold can be given."""
    _check_kind(new)
    _check_addresses(new.grant_types, new.redirect_uris, new.post_logout_redirect_uris)
    grants.check_known(new.permissions, permissions.catalogue(work))
    grants.check_held(work.principal, new.permissions)
    secret = None if new.public else _new_secret()
    row = work.execute(
        insert(clients)
        .values(
            id=uuid7(),
            tenant_id=work.tenant,
            name=new.name,
            secret_hash=digest(secret.encode()) if secret else None,
            grant_types=list(dict.fromkeys(new.grant_types)),
            redirect_uris=list(dict.fromkeys(new.redirect_uris)),
            post_logout_redirect_uris=list(dict.fromkeys(new.post_logout_redirect_uris)),
            permissions=grants.minimal(new.permissions),
            token_alg=new.token_alg,
            created_at=work.now,
            created_by=work.principal.name,
            updated_at=work.now,
        )
        .returning(clients)
    ).one()
    work.emit(
        ClientCreated(
            row.id,
            row.name,
            row.grant_types,
            row.redirect_uris,
            row.permissions,
            new.public,
            row.token_alg,
            row.version,
            row.post_logout_redirect_uris,
        )
    )
    return ClientWithSecret(**_fields(row), client_secret=secret)


_LISTING = Listing("clients", Client, by="-created_at")


@operation("GET /auth/clients", permission="auth.client.read")
def list_(asked: Selection, work: Work) -> Page[Client]:
    """List the clients, the newest first."""
    living = select(clients).where(clients.c.tenant_id == work.tenant, clients.c.deleted_at.is_(None))
    return _LISTING.page(work, living, asked, _told)


@operation("GET /auth/clients/{id}", permission="auth.client.read")
def read(id: UUID, work: Work) -> Client:  # noqa: A002 - the path's name
    """Read one client."""
    return _told(_row(work, id))


@operation("PATCH /auth/clients/{id}", permission="auth.client.update", emits=ClientChanged)
def change(id: UUID, asked: ClientChange, expected: IfMatch, work: Work) -> Client:  # noqa: A002
    """Change a client's name, or where it may have its users sent. ``If-Match`` names what was read.

    What it may do stays as it was registered; whoever could send its users elsewhere must hold that, too.
    """
    row = _row(work, id)
    expected.check(row.version)
    grants.check_outranks(work.principal, row.permissions, "The client")
    values = {
        name: getattr(row, name) if given is UNSET else given
        for name in ("name", "redirect_uris", "post_logout_redirect_uris")
        for given in [getattr(asked, name)]
    }
    _check_addresses(row.grant_types, values["redirect_uris"], values["post_logout_redirect_uris"])
    changed = (
        update(clients)
        .where(clients.c.tenant_id == work.tenant, clients.c.id == id, clients.c.version == row.version)
        .values(**values, version=row.version + 1, updated_at=work.now)
        .returning(clients)
    )
    now = work.execute(changed).one_or_none()
    if now is None:
        raise Conflict("Another change came first; read it again and repeat yours.")
    work.emit(ClientChanged(now.id, now.name, now.redirect_uris, now.post_logout_redirect_uris, now.version))
    return _told(now)


@operation(
    "DELETE /auth/clients/{id}",
    permission="auth.client.delete",
    status=204,
    emits=(ClientDeleted, SessionRevoked),
)
def delete(id: UUID, work: Work) -> None:  # noqa: A002
    """Remove a client. Its own tokens, and those of users who signed in to it, are refused at once."""
    row = _row(work, id)
    gone = (
        update(clients)
        .where(clients.c.tenant_id == work.tenant, clients.c.id == id, clients.c.deleted_at.is_(None))
        .values(deleted_at=work.now, updated_at=work.now, version=clients.c.version + 1)
        .returning(clients.c.version)
    )
    version = work.execute(gone).scalar_one_or_none()
    if version is None:
        raise _unknown(id)
    ending.end(work, "client", sessions.c.client_id == str(row.id))
    work.emit(ClientDeleted(id, version))


@operation("POST /auth/clients/{id}/secret", permission="auth.client.update", emits=ClientUpdated)
def replace_secret(id: UUID, work: Work) -> Secret:  # noqa: A002
    """Give a client a new secret. The old one, and the tokens got with it, are refused at once."""
    row = _row(work, id)
    if row.secret_hash is None:
        raise Invalid.at("/id", "A public client has no secret.")
    grants.check_outranks(work.principal, row.permissions, "The client")
    secret = _new_secret()
    changed = (
        update(clients)
        .where(clients.c.tenant_id == work.tenant, clients.c.id == id, clients.c.deleted_at.is_(None))
        .values(
            secret_hash=digest(secret.encode()),
            authorization_version=clients.c.authorization_version + 1,
            version=clients.c.version + 1,
            updated_at=work.now,
        )
        .returning(clients.c.version)
    )
    version = work.execute(changed).scalar_one_or_none()
    if version is None:
        raise _unknown(id)
    work.emit(ClientUpdated(id, version))
    return Secret(id, secret)


def _check_kind(new: NewClient) -> None:
    if "refresh_token" in new.grant_types and "authorization_code" not in new.grant_types:
        raise Invalid.at("/grant_types", "refresh_token goes with authorization_code.")
    if new.public and "client_credentials" in new.grant_types:
        raise Invalid.at("/public", "A service account keeps a secret; it cannot be public.")


def _check_addresses(grant_types: list[Any], returning: list[str], leaving: list[str]) -> None:
    code = "authorization_code" in grant_types
    if code != bool(returning):
        raise Invalid.at(
            "/redirect_uris", "Redirect URIs go with the grant authorization_code, and it with them."
        )
    if leaving and not code:
        raise Invalid.at(
            "/post_logout_redirect_uris", "Only an application that users sign in to signs them out."
        )
    for name, uris in (("redirect_uris", returning), ("post_logout_redirect_uris", leaving)):
        for place, uri in enumerate(uris):
            if (why := redirects.fault(uri)) is not None:
                raise Invalid.at(f"/{name}/{place}", f"The redirect URI cannot be used: {why}.")


def _new_secret() -> str:
    return f"gw_{encode(os.urandom(32))}"


def _row(work: Work, client: UUID) -> Row[Any]:
    row = work.execute(
        select(clients).where(
            clients.c.tenant_id == work.tenant, clients.c.id == client, clients.c.deleted_at.is_(None)
        )
    ).one_or_none()
    if row is None:
        raise _unknown(client)
    return row


def _unknown(client: UUID) -> NotFound:
    return NotFound(f"There is no client {client}.")


def _told(row: Row[Any]) -> Client:
    return Client(**_fields(row))


def _fields(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "grant_types": row.grant_types,
        "redirect_uris": row.redirect_uris,
        "post_logout_redirect_uris": row.post_logout_redirect_uris,
        "permissions": row.permissions,
        "public": row.secret_hash is None,
        "token_alg": row.token_alg,
        "version": row.version,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }
