"""The AsyncAPI 3 document of the declared events: a channel for each topic, CloudEvents headers, payload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from common.events import EventType

REF = "#/components/schemas/{name}"

_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "CloudEvents 1.0, Kafka protocol binding, binary mode. Values are UTF-8 strings.",
    "required": ["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time"],
    "properties": {
        "content-type": {"const": "application/json"},
        "ce_specversion": {"const": "1.0"},
        "ce_id": {"type": "string", "format": "uuid", "description": "Deduplicate on it."},
        "ce_type": {"type": "string"},
        "ce_source": {"type": "string", "description": "The service, `/auth`."},
        "ce_subject": {"type": "string", "description": "The stream, also the record's key."},
        "ce_time": {"type": "string", "format": "date-time"},
        "ce_streamversion": {"type": "string", "description": "Counts the stream's events from 1."},
        "ce_tenantid": {"type": "string", "format": "uuid"},
        "ce_actor": {"type": "string", "description": "Who did it: `user:<id>`, `client:<id>`, `system`."},
        "ce_correlationid": {"type": "string", "description": "X-Correlation-Id of the request."},
        "ce_traceparent": {"type": "string", "description": "W3C Trace Context."},
    },
}


def document(events: Iterable[EventType], version: str) -> dict[str, Any]:
    """The document of these events; each is sent by the service its topic begins with."""
    listed = sorted(events, key=lambda event: event.topic)
    schemas, components = msgspec.json.schema_components([e.struct for e in listed], ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Groundwork events",
            "version": version,
            "license": {"name": "Apache-2.0"},
            "description": "Delivered at least once; the events of one stream in order.",
        },
        "defaultContentType": "application/json",
        "channels": {event.topic: _channel(event) for event in listed},
        "operations": {
            f"send.{event.topic}": {"action": "send", "channel": {"$ref": f"#/channels/{event.topic}"}}
            for event in listed
        },
        "components": {
            "messages": {
                event.topic: {
                    "name": event.topic,
                    "summary": event.description,
                    "headers": {"$ref": REF.format(name="CloudEventHeaders")},
                    "payload": schema,
                }
                for event, schema in zip(listed, schemas, strict=True)
            },
            "schemas": dict(sorted((components | {"CloudEventHeaders": _HEADERS}).items())),
        },
    }


def _channel(event: EventType) -> dict[str, Any]:
    return {
        "address": event.topic,
        "description": event.description,
        "messages": {event.topic: {"$ref": f"#/components/messages/{event.topic}"}},
        "bindings": {
            "kafka": {
                "topic": event.topic,
                "partitions": event.partitions,
                "topicConfiguration": {"retention.ms": event.retention_days * 86_400_000},
            }
        },
    }
