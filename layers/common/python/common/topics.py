"""Topics, provisioned at deploy from the declared events: created and altered, never deleted."""

from __future__ import annotations

from typing import Any

import msgspec

from common import logs
from common.operation import PLATFORM, Uses, custom_resource

DAY = 86_400_000
"""Milliseconds."""


class TopicSpec(msgspec.Struct, frozen=True):
    """A topic as it should be."""

    name: str
    partitions: int
    retention_days: int


@custom_resource("topics", service=PLATFORM, uses={Uses.KAFKA}, timeout=120, memory=256, database=False)
def provision(event: dict[str, Any]) -> dict[str, Any]:
    """Create the topics that are missing, and widen or re-time those that differ.

    ``event["topics"]`` takes the place of the bundled manifest's. Answers
    ``{"ok", "created", "altered", "unchanged", "narrow"}``: names; narrow ones have fewer partitions than
    declared on a broker that cannot add any.
    """
    from common import kafka_client, manifest

    given = event.get("topics")
    wanted = msgspec.convert(given, list[TopicSpec]) if given else manifest.read().topics

    client = kafka_client.admin(30_000)
    try:
        result = reconcile(client, wanted)
    finally:
        client.close()
    logs.TOPICS_PROVISIONED(topics={name: len(value) for name, value in result.items()})
    return {"ok": True} | result


def reconcile(client: Any, wanted: list[TopicSpec]) -> dict[str, list[str]]:
    """Bring a cluster's topics to what is wanted; the names created, altered and left."""
    present = {
        topic["name"]: len(topic["partitions"]) for topic in client.describe_topics() if topic["partitions"]
    }
    fresh = [spec for spec in wanted if spec.name not in present]
    if fresh:
        client.create_topics(
            {spec.name: {"num_partitions": spec.partitions, "configs": _configs(spec)} for spec in fresh},
            wait_for_metadata=True,
        )
    old = [spec for spec in wanted if spec.name in present]
    narrow = {spec.name: spec.partitions for spec in old if spec.partitions > present[spec.name]}
    widened = _widen(client, narrow)
    altered = {*widened, *_retime(client, old)}
    return {
        "created": sorted(spec.name for spec in fresh),
        "altered": sorted(altered),
        "unchanged": sorted(spec.name for spec in old if spec.name not in altered),
        "narrow": sorted(narrow.keys() - widened),
    }


def _widen(client: Any, narrow: dict[str, int]) -> set[str]:
    """Add partitions; a broker that cannot (the laptop's) keeps what it has, which is told."""
    from kafka.errors import IncompatibleBrokerVersion

    if not narrow:
        return set()
    try:
        client.create_partitions(narrow)
    except IncompatibleBrokerVersion:
        return set()
    return set(narrow)


def _configs(spec: TopicSpec) -> dict[str, str]:
    return {"retention.ms": str(spec.retention_days * DAY), "cleanup.policy": "delete"}


def _retime(client: Any, specs: list[TopicSpec]) -> list[str]:
    from kafka.admin import ConfigResource, ConfigResourceType

    if not specs:
        return []
    resources = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in specs]
    answered = client.describe_configs(resources, config_filter="all")
    present: dict[str, Any] = next(iter(answered.values()), {})
    differing = [
        spec
        for spec in specs
        if str(present.get(spec.name, {}).get("retention.ms", {}).get("value"))
        != _configs(spec)["retention.ms"]
    ]
    if differing:
        client.alter_configs(
            [
                ConfigResource(
                    ConfigResourceType.TOPIC, spec.name, {"retention.ms": _configs(spec)["retention.ms"]}
                )
                for spec in differing
            ],
            raise_on_unknown=False,
        )
    return [spec.name for spec in differing]
