"""A new cluster gets the past: every stored event, as it was, each stream in its order."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from kafka import KafkaConsumer, TopicPartition
from rich.console import Console

from common import database, kafka_client, manifest, relay, replaying, topics
from common.events import declared
from common.operation import PLATFORM, SERVICES, discover_all
from common.topics import TopicSpec
from infra import replay
from infra.deployed import Deployed, UnreachableError
from local.kafka import Broker
from masterdata import customers
from tests.integration.platform import Platform

OPERATIONS = tuple(discover_all())
"""Imported with all the events that they declare."""
TOPICS = [TopicSpec(name, 3, 36_500) for name in declared]
QUIET = Console(quiet=True)


@pytest.fixture
def platform(platform_with_kafka: Platform, monkeypatch: pytest.MonkeyPatch) -> Platform:
    monkeypatch.setattr(manifest, "read", lambda: manifest.Manifest(topics=TOPICS))
    return platform_with_kafka


@pytest.fixture
def new_cluster() -> Iterator[Broker]:
    with Broker.temporary() as broker:
        yield broker


class Stage:
    """The platform as the command reaches a deployed stage; it can break off before an invocation."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.invocations = 0
        self.breaks_off_at = 0

    def invoke(self, command: str, payload: dict[str, Any]) -> dict[str, Any]:
        assert command == "replay"
        self.invocations += 1
        if self.invocations == self.breaks_off_at:
            raise UnreachableError("gone")
        answer = self.platform.invoke(replaying.replay, json.loads(json.dumps(payload)))
        return cast("dict[str, Any]", json.loads(json.dumps(answer)))


def run(stage: Stage, progress: Path, **wanted: Any) -> int:
    asked = {"services": list(SERVICES), **wanted}
    return replay.replay(cast("Deployed", stage), asked, progress, QUIET)


def move_to(platform: Platform, broker: Broker) -> None:
    platform.configure(PLATFORM, kafka_bootstrap_servers=broker.bootstrap)
    platform.use(PLATFORM)
    assert topics.provision({}, None)["ok"]


def publish_all(platform: Platform) -> None:
    platform.use(PLATFORM)
    assert topics.provision({}, None)["ok"]
    producer = kafka_client.producer()
    try:
        while relay.drain(database.engine(), producer):
            pass
    finally:
        producer.close()


def held(bootstrap: str, tenants: set[str]) -> list[tuple[Any, ...]]:
    """All records of the tenants, each topic's partitions in their order, without what is not stored."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    records: list[Any] = []
    try:
        for topic in sorted(declared):
            for partition in sorted(consumer.partitions_for_topic(topic) or ()):
                place = TopicPartition(topic, partition)
                consumer.assign([place])
                consumer.seek_to_beginning()
                end = consumer.end_offsets([place])[place]
                while consumer.position(place) < end:
                    for batch in consumer.poll(timeout_ms=200).values():
                        records += batch
    finally:
        consumer.close()
    found = []
    for record in records:
        headers = {name: value.decode() for name, value in record.headers if name != "ce_traceparent"}
        if headers.get("ce_tenantid") in tenants:
            found.append((record.topic, record.key, headers, json.loads(record.value), record.timestamp))
    return found


def by_stream(records: list[tuple[Any, ...]]) -> dict[tuple[str, bytes], list[dict[str, Any]]]:
    """Headers and data of each stream's records of each topic, in order."""
    streams = defaultdict(list)
    for topic, key, headers, data, _ in records:
        streams[topic, key].append({"headers": headers, "data": data})
    return dict(streams)


def make_history(platform: Platform) -> set[str]:
    owners = [platform.register(), platform.register()]
    for owner in owners:
        for code in ("C-1", "C-2", "C-3"):
            made = owner.call(customers.create, {"code": code, "name": "Acme"}).ok(201)
            for version in (1, 2, 3):
                change = {"code": code, "name": f"Acme {version}"}
                owner.call(
                    customers.replace, change, path={"id": made["id"]}, headers={"If-Match": f'"{version}"'}
                ).ok()
    return {owner.tenant for owner in owners}


def test_a_new_cluster_gets_what_the_old_one_had(
    platform: Platform, new_cluster: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tenants = make_history(platform)
    publish_all(platform)
    before = by_stream(held(platform.kafka, tenants))
    move_to(platform, new_cluster)
    monkeypatch.setattr(replaying, "BATCH", 7)
    stage = Stage(platform)
    assert run(stage, tmp_path / "progress.json") == 0
    replayed = held(new_cluster.bootstrap, tenants)
    assert by_stream(replayed) == before
    assert sum(map(len, before.values())) >= 24
    stored = {
        str(row.id): int(row.at)
        for service in SERVICES
        for row in platform.rows(
            f"select id, floor(extract(epoch from occurred_at) * 1000) as at from {service}.event_store"
        )
    }
    assert all(timestamp == stored[headers["ce_id"]] for _, _, headers, _, timestamp in replayed)


def test_a_replay_that_broke_off_goes_on_where_it_was(
    platform: Platform, new_cluster: Broker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tenants = make_history(platform)
    move_to(platform, new_cluster)
    monkeypatch.setattr(replaying, "BATCH", 5)
    monkeypatch.setattr(replaying, "SPAN", 0)
    progress, stage = tmp_path / "deep" / "progress.json", Stage(platform)
    stage.breaks_off_at = 4
    with pytest.raises(UnreachableError):
        run(stage, progress)
    assert json.loads(progress.read_text())["after"]
    assert run(stage, progress) == 0
    assert not progress.exists()
    ids = [headers["ce_id"] for _, _, headers, _, _ in held(new_cluster.bootstrap, tenants)]
    rows = [row for s in SERVICES for row in platform.rows(f"select id from {s}.event_store")]
    assert len(ids) == len(set(ids))
    assert {str(row.id) for row in rows} == set(ids)


def test_only_what_is_asked_for_is_published(platform: Platform, new_cluster: Broker, tmp_path: Path) -> None:
    tenants = make_history(platform)
    move_to(platform, new_cluster)
    assert (
        run(Stage(platform), tmp_path / "p", services=["masterdata"], since="2999-01-01T00:00:00+00:00") == 0
    )
    assert held(new_cluster.bootstrap, tenants) == []
    assert run(Stage(platform), tmp_path / "p", services=["masterdata"]) == 0
    assert {topic.split(".")[0] for topic, *_ in held(new_cluster.bootstrap, tenants)} == {"masterdata"}


class Refusing:
    """A producer whose broker takes so many records and no more."""

    def __init__(self, takes: int) -> None:
        self.takes = takes

    def send(self, *_: Any, **__: Any) -> Any:
        self.takes -= 1
        failed = self.takes < 0
        return type("Future", (), {"failed": lambda _: failed, "exception": OSError("full")})()

    def flush(self) -> None:
        pass


def test_a_batch_that_the_broker_does_not_take_is_the_next_one_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_history(platform)
    monkeypatch.setattr(replaying, "BATCH", 10)
    engine, names = database.engine_for(platform.settings[PLATFORM]), set(declared)
    asked = replaying.Replay(services=["masterdata"])
    stopped = replaying.publish(engine, Refusing(15), asked, names, float("inf"))
    assert not stopped.ok
    assert sum(stopped.published.values()) == 10
    again = replaying.Replay(services=["masterdata"], after=stopped.after)
    done = replaying.publish(engine, Refusing(100), again, names, float("inf"))
    assert (done.ok, done.after, sum(done.published.values())) == (True, None, 14)


def test_what_no_release_declares_any_more_stays(platform: Platform) -> None:
    make_history(platform)
    engine = database.engine_for(platform.settings[PLATFORM])
    asked = replaying.Replay(services=["masterdata"])
    told = replaying.publish(engine, Refusing(0), asked, set(), float("inf"))
    assert (told.ok, told.published, sum(told.unknown.values())) == (True, {}, 24)
