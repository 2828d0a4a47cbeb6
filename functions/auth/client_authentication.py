"""Who a client is: id and secret by HTTP Basic or in the form (RFC 6749, 2.3.1), a public one by its id."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from urllib.parse import unquote_plus
from uuid import UUID

from sqlalchemy import text

from auth import keys, opaque
from auth.errors import InvalidClient, OAuthError
from auth.issuing import FIRST_PARTY
from common.request import Request
from common.work import Work

METHODS = ("client_secret_basic", "client_secret_post", "none")

_READ = text(f"""
select c.id, c.tenant_id, c.name, c.secret_hash, c.grant_types, c.redirect_uris, c.permissions, c.token_alg,
       c.authorization_version, {keys.CURRENT.format(alg="c.token_alg")}
from auth.client_of(:client) c
""")  # noqa: S608 - our own SQL
_FAILED = "Client id and secret do not match; check both."


@dataclass(frozen=True)
class Client:
    """A client, as the OAuth endpoints know it."""

    id: UUID
    tenant_id: UUID
    name: str
    secret_hash: bytes | None
    grant_types: list[str]
    redirect_uris: list[str]
    permissions: list[str]
    token_alg: str
    authorization_version: int
    signing_key: str | None
    """The id of the key in use that signs its tokens."""

    @property
    def public(self) -> bool:
        return self.secret_hash is None


def find(client_id: str, work: Work) -> Client | None:
    """The living client with the id."""
    try:
        identifier = UUID(client_id)
    except ValueError:
        return None
    row = work.execute(_READ, {"client": identifier, "now": work.now}).one_or_none()
    return None if row is None else Client(*tuple(row))


def authenticate(request: Request, client_id: str, client_secret: str, work: Work) -> Client | None:
    """The client that calls; None is the platform's own. A wrong secret is 401 ``invalid_client``."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme:
        if client_secret:
            raise OAuthError("invalid_request", "Authenticate in one way, not in two (RFC 6749, 2.3).")
        named = client_id
        client_id, client_secret = _basic(scheme, credentials)
        if named and named != client_id:
            raise OAuthError("invalid_request", "The form names another client than the header.")
    if not client_id:
        raise InvalidClient("Name the client: client_id, or HTTP Basic.")
    if client_id == FIRST_PARTY and not client_secret:
        return None
    client = find(client_id, work)
    if client is None:
        raise InvalidClient(_FAILED)
    if client.public and not client_secret:
        return client
    if not opaque.same(client.secret_hash, opaque.digest(client_secret.encode())):
        raise InvalidClient(_FAILED)
    return client


def _basic(scheme: str, credentials: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(credentials.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidClient("The Authorization header is no HTTP Basic.") from error
    name, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise InvalidClient("The Authorization header is no HTTP Basic.")
    return unquote_plus(name), unquote_plus(secret)
