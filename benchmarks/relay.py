"""How many events a second one relay moves from the outbox to Kafka, all on one machine.

``EVENTS`` in the environment changes the number.
"""

from __future__ import annotations

import os
import time

from sqlalchemy import text

from common import kafka_client, relay, topics
from common.database import open_engine, url_of
from common.settings import settings
from local.kafka import Broker
from local.postgres import Cluster
from tests.integration.platform import Platform, migrated

EVENTS = int(os.environ.get("EVENTS", "20000"))
STREAMS = 2_000
TOPIC = "masterdata.customer.created"
FILL = text(f"""
    insert into platform.outbox (id, shard, topic, key, payload, headers)
    select gen_random_uuid(), mod(stream, 16), '{TOPIC}', 'customer:' || stream,
           repeat('x', 1000), jsonb_build_object('ce_type', '{TOPIC}')
    from (select n, mod(n, :streams) as stream from generate_series(1, :events) as n) as numbered
""")


def main() -> None:
    """Fill the outbox, and time how long it takes a relay to empty it."""
    with Cluster.temporary() as cluster, Broker.temporary() as broker:
        migrated(cluster)
        with Platform.on(cluster, "relay_benchmark", kafka=broker.bootstrap) as platform:
            platform.use("platform")
            wanted = [{"name": TOPIC, "partitions": 3, "retention_days": 7}]
            assert topics.provision({"topics": wanted}, None)["ok"]
            with platform.admin.begin() as connection:
                connection.execute(FILL, {"events": EVENTS, "streams": STREAMS})
            seconds = _empty()
            print(f"{EVENTS / seconds:,.0f} events of 1 kB a second")


def _empty() -> float:
    """Run one relay until nothing is left; the seconds that it took."""
    engine, producer = open_engine(url_of(settings())), kafka_client.producer()
    started = time.perf_counter()
    while relay.drain(engine, producer):
        pass
    seconds = time.perf_counter() - started
    producer.close()
    engine.dispose()
    return seconds
