"""What is asked: the GraphQL requests in an HTTP request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from common.errors import BadRequest, UnsupportedMediaType
from gateway.protocol.media import JSON, charset

SHA256 = re.compile(r"[0-9a-f]{64}")


class PersistedQuery(Struct, frozen=True, rename="camel"):
    """Which document is meant, by its hash."""

    version: int
    sha256_hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class GraphQLRequest(Struct, frozen=True, rename="camel"):
    """A GraphQL request (GraphQL over HTTP); unknown members are ignored.

    ``query`` may be left out where ``extensions.persistedQuery`` or ``documentId`` names a known document.
    """

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None


@dataclass(frozen=True)
class Asked:
    """One request, as it is carried out: a document, or the hash of one that is known, or both."""

    query: str | None
    hash: str | None
    operation_name: str | None
    variables: Mapping[str, Any]

    @classmethod
    def of(cls, request: GraphQLRequest) -> Asked:
        """Refuses a request that names no document."""
        named = _hash(request)
        query = request.query or None
        if query is None and named is None:
            raise BadRequest("Send the GraphQL document as the member query.")
        return cls(query, named, request.operation_name or None, request.variables or {})


def _hash(request: GraphQLRequest) -> str | None:
    if request.document_id is not None:
        digest = request.document_id.removeprefix("sha256:")
        if not SHA256.fullmatch(digest):
            raise BadRequest("documentId is sha256: and 64 hexadecimal digits.")
        return digest
    said = (request.extensions or {}).get("persistedQuery")
    if said is None:
        return None
    try:
        persisted = msgspec.convert(said, PersistedQuery)
    except msgspec.ValidationError as error:
        raise BadRequest("extensions.persistedQuery has a version and a sha256Hash.") from error
    if persisted.version != 1:
        raise BadRequest("Of persisted queries, version 1 is known here.")
    return persisted.sha256_hash


_decode = msgspec.json.Decoder(GraphQLRequest | list[GraphQLRequest]).decode


def posted(body: bytes, content_type: str, most: int) -> Asked | list[Asked]:
    """What a POST asks: one request, or a batch of at most ``most``."""
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type != JSON or charset(content_type) not in ("utf-8", "utf8"):
        raise UnsupportedMediaType(f"Send {JSON} in UTF-8.", accepted=[JSON])
    try:
        decoded = _decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"The body is no GraphQL request: {error}.".replace("`", "'")) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not JSON: {error}.") from error
    except RecursionError as error:
        raise BadRequest("The body nests too deeply.") from error
    if isinstance(decoded, GraphQLRequest):
        return Asked.of(decoded)
    if not 1 <= len(decoded) <= most:
        raise BadRequest(f"A batch has 1 to {most} requests; this one has {len(decoded)}.")
    return [Asked.of(each) for each in decoded]


def got(query: Mapping[str, str]) -> Asked:
    """What a GET asks in its query string; ``variables`` and ``extensions`` are JSON there."""
    members = {
        "query": query.get("query"),
        "operationName": query.get("operationName"),
        "documentId": query.get("documentId"),
        "variables": _member(query, "variables"),
        "extensions": _member(query, "extensions"),
    }
    return Asked.of(msgspec.convert(members, GraphQLRequest))


def _member(query: Mapping[str, str], name: str) -> dict[str, Any] | None:
    text = query.get(name)
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any] | None)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadRequest(f"The query parameter {name} is a JSON object.") from error
