"""The Kafka of the local stage, as a real process."""

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from local.kafka import Broker


def pid_of(server):
    running = server.daemon.running()
    assert running
    return running.pid


@pytest.fixture(scope="module")
def broker():
    with Broker.temporary() as broker:
        yield broker


def test_it_listens_on_loopback_only(broker):
    listening = psutil.Process(pid_of(broker)).net_connections()
    assert [connection.laddr for connection in listening if connection.status == psutil.CONN_LISTEN] == [
        ("127.0.0.1", broker.port)
    ]


def test_what_is_produced_is_read_with_key_and_headers_in_order(broker):
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic("orders", num_partitions=3, replication_factor=1)])
    admin.close()
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")
    for number in range(20):
        producer.send("orders", key=b"k", value=str(number).encode(), headers=[("ce_id", b"1")], partition=1)
    producer.close()
    consumer = KafkaConsumer(
        bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=5000
    )
    consumer.assign([TopicPartition("orders", 1)])
    read = [next(consumer) for _ in range(20)]
    consumer.close()
    assert [record.value for record in read] == [str(number).encode() for number in range(20)]
    assert {(record.key, tuple(record.headers)) for record in read} == {(b"k", (("ce_id", b"1"),))}


def test_starting_again_reuses_the_running_broker(broker):
    pid = pid_of(broker)
    assert broker.start() is False
    assert pid_of(broker) == pid


def test_a_killed_broker_is_noticed_and_started_again():
    with Broker.temporary() as broker:
        process = psutil.Process(pid_of(broker))
        process.kill()
        process.wait()
        assert not broker.answers()
        assert broker.start() is True
        assert broker.answers()
