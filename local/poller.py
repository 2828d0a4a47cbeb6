"""The Kafka event source mapping of the local stage: reads topics and invokes functions with what it finds.

Neither free emulator has one. `.local/event-sources.json` says who gets what:
`[{"function": name, "topics": [...], "batch_size": 100, "window_seconds": 1}]`. Offsets are committed in the
function's own consumer group after it succeeded, so nothing is skipped when the poller or the broker stops.

The one poller of a stage takes all partitions: it assigns them to itself instead of joining its groups, which
spares each start half a session time-out.
"""

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from local import aws
from local.event_source import EventSource, Lane, Record, event, letter
from local.state import read_json

logger = logging.getLogger("poller")
# How often new topics and partitions are looked for, in seconds.
DISCOVERY_SECONDS = 5.0
# The broker answers as soon as there is a record; lanes with waiting records are looked at more often.
IDLE_MILLISECONDS, BUSY_MILLISECONDS = 500, 50
# Longer than any function may run.
INVOKE_SECONDS = 930


class Mapping:
    """One event source at work, on a thread of its own."""

    def __init__(self, source: EventSource, bootstrap: str) -> None:
        self._source = source
        self._bootstrap = bootstrap
        self._lambda = aws.client("lambda", read_timeout=INVOKE_SECONDS)
        self._lanes: dict[TopicPartition, Lane] = {}
        self._stop = threading.Event()
        self._discovered = -DISCOVERY_SECONDS
        self._consumer: Any = None

    @property
    def function(self) -> str:
        """The name of the function that is invoked."""
        return self._source.function

    def stop(self) -> None:
        """End after the batch that is being delivered."""
        self._stop.set()

    def run(self) -> None:
        """Deliver until stopped; a broker that goes away is waited for."""
        while not self._stop.is_set():
            try:
                self._open()
                while not self._stop.is_set():
                    self._round()
            except (KafkaError, BotoCoreError, ClientError) as error:
                logger.warning("%s: %r; trying again", self._source.function, error)
                self._stop.wait(1)
            finally:
                self._close()

    def _open(self) -> None:
        self._lanes.clear()
        self._discovered = -DISCOVERY_SECONDS
        self._consumer = KafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._source.function,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=IDLE_MILLISECONDS,
        )

    def _close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _round(self) -> None:
        self._discover()
        if not self._lanes:
            self._stop.wait(0.5)
            return
        busy = any(lane.waiting and not lane.stopped for lane in self._lanes.values())
        fetched = self._consumer.poll(timeout_ms=BUSY_MILLISECONDS if busy else IDLE_MILLISECONDS)
        now = time.monotonic()
        for partition, lane in self._lanes.items():
            lane.add(fetched.get(partition, ()), now)
            self._deliver(partition, lane)
        full = [partition for partition, lane in self._lanes.items() if lane.full]
        self._consumer.pause(*full)
        self._consumer.resume(*(self._lanes.keys() - set(full)))

    def _discover(self) -> None:
        """Take all partitions of the topics, also those that appear while this runs."""
        if time.monotonic() - self._discovered < DISCOVERY_SECONDS:
            return
        self._discovered = time.monotonic()
        found = {
            TopicPartition(topic, number)
            for topic in self._source.topics
            for number in self._consumer.partitions_for_topic(topic) or ()
        }
        if fresh := found - self._lanes.keys():
            self._lanes.update({partition: Lane(self._source) for partition in sorted(fresh)})
            self._consumer.assign(list(self._lanes))
            logger.info("%s reads %d partitions", self._source.function, len(self._lanes))

    def _deliver(self, partition: TopicPartition, lane: Lane) -> None:
        batch = lane.batch(time.monotonic())
        if not batch:
            return
        problem = self._invoke(batch)
        now = time.monotonic()
        if problem is None:
            self._commit(partition, lane.succeeded(len(batch), now))
            return
        where = f"{partition.topic}-{partition.partition} from offset {batch[0].offset}"
        logger.warning("%s failed on %s: %s", self._source.function, where, problem)
        if not lane.failed(now):
            return
        if self._source.on_failure:
            self._give_up(batch)
            self._commit(partition, lane.succeeded(len(batch), now))
            logger.error("%s gave up on %s", self._source.function, where)
        else:
            lane.stopped = True
            logger.error(
                "%s: %s is stopped; it goes on where it was after a restart", self._source.function, where
            )

    def _invoke(self, batch: Sequence[Record]) -> str | None:
        """What went wrong, or None."""
        payload = json.dumps(event(batch, self._bootstrap)).encode()
        try:
            answer = self._lambda.invoke(FunctionName=self._source.function, Payload=payload)
        except (BotoCoreError, ClientError) as error:
            return str(error)
        text: str = answer["Payload"].read().decode()
        return _problem(text) if answer.get("FunctionError") else None

    def _commit(self, partition: TopicPartition, offset: int) -> None:
        self._consumer.commit({partition: OffsetAndMetadata(offset, "", -1)})

    def _give_up(self, batch: Sequence[Record]) -> None:
        """Tell the queue for failures where the records are."""
        queues = aws.client("sqs")
        queue = queues.get_queue_url(QueueName=self._source.on_failure)["QueueUrl"]
        told = letter(self._source, batch, self._bootstrap)
        queues.send_message(QueueUrl=queue, MessageBody=json.dumps(told))


def _problem(answer: str) -> str:
    """A function's error in a line."""
    try:
        error = json.loads(answer)
        return f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, TypeError, KeyError):
        return answer[:500]


def run(sources: Sequence[EventSource], bootstrap: str) -> None:
    """Serve all sources until the process is told to end."""
    mappings = [Mapping(source, bootstrap) for source in sources]
    threads = [threading.Thread(target=mapping.run, name=mapping.function) for mapping in mappings]

    def stop(*_: object) -> None:
        for mapping in mappings:
            mapping.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main(file: Path, bootstrap: str) -> None:
    """Read the mappings and serve them."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stdout)
    logging.getLogger("kafka").setLevel(logging.ERROR)
    run([EventSource.read(entry) for entry in read_json(file) or []], bootstrap)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
