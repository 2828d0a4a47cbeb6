"""The OpenAPI 3.1 document of any set of operations, from their declarations alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

import msgspec

from common.binding import FORM, Parameter, parameters, payload
from common.errors import MEDIA_TYPE
from common.etag import IF_MATCH
from common.events import type_of_struct
from common.operation import PUBLIC, SELF, Operation, Route
from common.paging import MAX_LIMIT
from common.preference import can_be_minimal

TITLE = "Groundwork"
REF = "#/components/schemas/{name}"

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "A refusal (RFC 9457). `code` is stable; `errors` names the places that broke a rule.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}

_REFUSALS = {
    "304": "What the caller holds is current.",
    "308": "It lives on elsewhere, for good.",
    "400": "The request cannot be understood.",
    "401": "No valid token.",
    "403": "The caller lacks the permission.",
    "404": "No such thing in this tenant.",
    "405": "What is asked needs another method.",
    "406": "None of the media types that are accepted is written here.",
    "409": "The change collides with the present state.",
    "410": "It was there and is no more.",
    "412": "It has changed since it was read.",
    "413": "The body is too large.",
    "415": "The media type is not read here.",
    "422": "The request breaks a rule.",
    "428": "If-Match is missing.",
    "429": "Too many requests; `Retry-After` says when to come back.",
    "500": "A fault of ours; nothing was changed.",
    "503": "Something needed does not answer; nothing was changed.",
}

PAGING = (
    {
        "name": "limit",
        "in": "query",
        "description": "Items on the page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 50},
    },
    {
        "name": "cursor",
        "in": "query",
        "description": "Where the page starts: `next` of the page before.",
        "schema": {"type": "string"},
    },
)
FILTER = {
    "name": "filter",
    "in": "query",
    "description": "A condition in the grammar of SCIM (RFC 7644, 3.4.2.2): `field op value` with op `eq ne "
    "co sw ew gt ge lt le`, or `field pr`; combined by `and`, `or`, `not (...)`. Values are JSON. "
    '`created_at ge "2026-01-01T00:00:00Z" and (name co "north" or not (name pr))`',
    "schema": {"type": "string", "maxLength": 2000},
}
SORT = {
    "name": "sort",
    "in": "query",
    "description": "Up to three fields, `-` before one for falling order: `name,-created_at`.",
    "schema": {"type": "string", "maxLength": 200},
}
_IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that was read.",
    "schema": {"type": "string", "pattern": IF_MATCH},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Repeating the request with the same key gets the first answer again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255},
}
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`return=minimal`: without what was changed in the answer, only its ETag (RFC 7240).",
    "schema": {"type": "string"},
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "ETags already held; 304 if one is current.",
    "schema": {"type": "string"},
}


def document(operations: Iterable[Operation[..., Any]], version: str) -> dict[str, Any]:
    """The document of those operations that have a route."""
    routed = [operation for operation in operations if isinstance(operation.trigger, Route)]
    bodies: list[Any] = []
    for operation in routed:
        bodies += [p.type for p in parameters(operation) if p.kind in ("body", "query_struct")]
        bodies += [operation.reads, payload(operation)]
    bodies = [kind for kind in bodies if kind not in (None, Any, bytes, str)]
    _, components = msgspec.json.schema_components(bodies, ref_template=REF)
    paths: dict[str, dict[str, Any]] = {}
    for operation in routed:
        item = _item(operation)
        if links := _links(operation, routed):
            item["responses"][str(operation.status)]["links"] = links
        paths.setdefault(operation.route.path, {})[operation.route.method.lower()] = item
    services = sorted({operation.service for operation in routed})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": version,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "The serverless core of a business platform.",
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": service} for service in services],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted((components | {"Problem": _PROBLEM}).items())),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "at+jwt"}},
        },
    }


def _schema(kind: Any) -> dict[str, Any]:
    if kind is bytes:
        return {"type": "string", "contentMediaType": "application/octet-stream"}
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=REF)
    return schema


def _item(operation: Operation[..., Any]) -> dict[str, Any]:
    item: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [operation.service],
        "parameters": [described for p in parameters(operation) for described in _parameter(p)],
        "responses": _responses(operation),
    }
    if operation.idempotent:
        item["parameters"].append(_IDEMPOTENCY_KEY)
    if _is_versioned(operation):
        item["parameters"].append(_IF_NONE_MATCH)
    if can_be_minimal(operation):
        item["parameters"].append(_PREFER)
    body = next((p.type for p in parameters(operation) if p.kind == "body"), operation.reads)
    if body is not None:
        content = {media_type: {"schema": _schema(body)} for media_type in operation.media_types}
        item["requestBody"] = {"required": not _may_be_empty(body, operation), "content": content}
    if operation.permission != PUBLIC:
        item["security"] = [{"bearer": []}]
    elif operation.identifies:
        item["security"] = [{"bearer": []}, {}]
    if operation.permission not in (PUBLIC, SELF):
        item["x-permission"] = operation.permission
    if operation.emits:
        item["x-emits"] = [type_of_struct(struct).topic for struct in operation.emits]
    return item


def _may_be_empty(body: Any, operation: Operation[..., Any]) -> bool:
    """Whether an empty body is a good one: a form of which nothing is required."""
    return operation.media_types == (FORM,) and not any(f.required for f in msgspec.structs.fields(body))


def _parameter(parameter: Parameter) -> list[dict[str, Any]]:
    match parameter.kind:
        case "paging":
            return list(PAGING)
        case "selection":
            return [*PAGING, FILTER, SORT]
        case "if_match":
            return [_IF_MATCH]
        case "path" | "query":
            described: dict[str, Any] = {
                "name": parameter.name,
                "in": parameter.kind,
                "required": parameter.kind == "path" or parameter.required,
                "schema": _schema(parameter.type),
            }
            if parameter.default not in (inspect.Parameter.empty, None):
                described["schema"] = {**_schema(parameter.type), "default": parameter.default}
            return [described]
        case "query_struct":
            return _query_struct(parameter.type)
        case _:
            return []


def _query_struct(kind: type[Any]) -> list[dict[str, Any]]:
    (_,), components = msgspec.json.schema_components([kind], ref_template=REF)
    schema = components[kind.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": inner.pop("description", ""),
            "schema": inner,
        }
        for name, inner in schema["properties"].items()
    ]


def _responses(operation: Operation[..., Any]) -> dict[str, Any]:
    kind = payload(operation)
    success: dict[str, Any] = {"description": operation.summary or "Done."}
    if kind is not None:
        schema = {"type": "string"} if kind is str else _schema(kind) if kind is not Any else {}
        success["content"] = {operation.produces: {"schema": schema}}
        if "version" in getattr(kind, "__struct_fields__", ()):
            success["headers"] = {"ETag": {"schema": {"type": "string"}}}
    responses = {str(operation.status if kind is not None or operation.status != 200 else 204): success}
    if can_be_minimal(operation) and operation.status == 200:
        responses["204"] = {"description": "Done, as `Prefer: return=minimal` has it."}
    if _is_versioned(operation):
        responses["304"] = {"description": _REFUSALS["304"]}
    refusals = _refusals(operation)
    for status in map(str, operation.answers):
        if status not in refusals:
            responses[status] = {**success, "description": _REFUSALS.get(status, success["description"])}
    for status in refusals:
        content = _refusal(operation, status)
        if status >= "500" and int(status) in operation.answers:  # by what it answers, or by a refusal
            content = success["content"] | content
        responses[status] = {"description": _REFUSALS[status], "content": content}
    return responses


def _refusal(operation: Operation[..., Any], status: str) -> dict[str, Any]:
    """The content of a refusal; an operation that produces pages refuses by a page what it declares."""
    if operation.tells is not None:
        return {"application/json": {"schema": {"type": "object"}}}
    content: dict[str, Any] = {MEDIA_TYPE: {"schema": {"$ref": REF.format(name="Problem")}}}
    if operation.produces.startswith("text/html") and int(status) in operation.answers:
        content[operation.produces] = {"schema": {"type": "string"}}
    return content


def _links(operation: Operation[..., Any], routed: list[Operation[..., Any]]) -> dict[str, Any]:
    """What can be done with the one thing that an operation answers: its id and its entity tag lead on."""
    fields = getattr(payload(operation), "__struct_fields__", ())
    if "id" not in fields or not set(operation.route.parameters) <= {"id"}:
        return {}
    path = operation.route.path
    one = path[: path.index("{id}") + 4] if "{id}" in path else f"{path}/{{id}}"
    found = {}
    for other in routed:
        if not f"{other.route.path}/".startswith(f"{one}/") or other.route.parameters != ("id",):
            continue
        given = {"id": "$response.body#/id"}
        if "version" in fields and any(p.kind == "if_match" for p in parameters(other)):
            given["If-Match"] = "$response.header.ETag"
        found[other.id] = {"operationId": other.id, "parameters": given}
    return found


def _is_versioned(operation: Operation[..., Any]) -> bool:
    """Whether it reads something that has a version, hence an entity tag."""
    return operation.route.method == "GET" and "version" in getattr(
        payload(operation), "__struct_fields__", ()
    )


def _refusals(operation: Operation[..., Any]) -> list[str]:
    kinds = {p.kind for p in parameters(operation)}
    found = {"500"} | {str(status) for status in operation.answers if 400 <= status < 500}
    if operation.database:
        found.add("503")
    if operation.permission != PUBLIC:
        found.add("401")
    if operation.permission not in (PUBLIC, SELF):
        found.add("403")
    if kinds & {"query", "query_struct", "paging", "selection", "path", "body", "if_match"}:
        found.add("400")
    if "path" in kinds:
        found.add("404")
    if "body" in kinds:
        found |= {"413", "415", "422"}
    if operation.route.unsafe:
        found.add("409")
    if "if_match" in kinds:
        found |= {"412", "428"}
    return sorted(found)
