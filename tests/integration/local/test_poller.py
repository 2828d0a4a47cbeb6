"""The Kafka event source mapping of the local stage: real Kafka, a Lambda API that notes its calls."""

import base64
import hashlib
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from local.kafka import Broker
from local.process import Daemon
from local.state import ROOT, write_json


class Functions:
    """The APIs of Lambda and SQS: note the invocations and the messages.

    `answer(function, values)` gives an error text or None.
    """

    def __init__(self):
        self.calls = []
        self.messages = []
        self.changed = threading.Condition()
        self.answer = lambda function, values: None
        functions = self

        class Api(BaseHTTPRequestHandler):
            def do_POST(self):
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                problem = None
                if target := self.headers.get("X-Amz-Target"):
                    answer = functions.queue(target.partition(".")[2], event)
                else:
                    problem = functions.take(self.path.split("/")[3], event)
                    answer = {"errorType": "E", "errorMessage": problem} if problem else None
                body = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                if problem:
                    self.send_header("X-Amz-Function-Error", "Unhandled")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Api)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, function, event):
        records = [record for batch in event["records"].values() for record in batch]
        values = [base64.b64decode(record["value"]).decode() for record in records]
        problem = self.answer(function, values)
        with self.changed:
            self.calls.append((function, event, values, problem))
            self.changed.notify_all()
        return problem

    def queue(self, operation, request):
        if operation == "GetQueueUrl":
            return {"QueueUrl": f"http://127.0.0.1:{self.server.server_port}/{request['QueueName']}"}
        assert operation == "SendMessage"
        self.messages.append((request["QueueUrl"].rpartition("/")[2], json.loads(request["MessageBody"])))
        return {
            "MessageId": "1",
            "MD5OfMessageBody": hashlib.md5(request["MessageBody"].encode()).hexdigest(),
        }

    def delivered(self, function="orders"):
        return [
            value
            for name, _, values, problem in self.calls
            if name == function and not problem
            for value in values
        ]

    def wait_until(self, condition, seconds=20):
        with self.changed:
            assert self.changed.wait_for(condition, timeout=seconds), self.calls[-3:]


@pytest.fixture(scope="module")
def broker():
    with Broker.temporary() as broker:
        yield broker


@pytest.fixture
def functions():
    functions = Functions()
    yield functions
    functions.server.shutdown()
    functions.server.server_close()


@pytest.fixture
def topic(broker, request):
    name = request.node.name.replace("[", "-").strip("]")[:80]
    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    admin.create_topics([NewTopic(name, num_partitions=3, replication_factor=1)])
    admin.close()
    return name


@pytest.fixture
def produce(broker):
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all")

    def produce(topic, *values, partition=None):
        for value in values:
            producer.send(topic, value=value.encode(), key=value.encode(), partition=partition)
        producer.flush()

    yield produce
    producer.close()


@pytest.fixture
def poll(broker, functions, tmp_path):
    daemon = Daemon("poller", tmp_path)

    def poll(*sources):
        sources_file = tmp_path / "event-sources.json"
        write_json(sources_file, list(sources))
        endpoint = f"http://127.0.0.1:{functions.server.server_port}"
        environment = {**os.environ, "AWS_ENDPOINT_URL": endpoint, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-W", "ignore", "-m", "local.poller", sources_file, broker.bootstrap]
        daemon.start(command, env=environment)
        return daemon

    yield poll
    daemon.stop()


def source(topic, **more):
    return {"function": "orders", "topics": [topic], "batch_size": 10, "window_seconds": 0.1, **more}


def test_what_was_there_and_what_comes_is_delivered_in_the_shape_of_msk(
    topic, functions, produce, poll, broker
):
    produce(topic, "early", partition=1)
    poll(source(topic))
    functions.wait_until(lambda: functions.delivered() == ["early"])
    produce(topic, "late", partition=1)
    functions.wait_until(lambda: functions.delivered() == ["early", "late"])
    _, event, _, _ = functions.calls[0]
    assert event["eventSource"] == "aws:kafka"
    assert event["bootstrapServers"] == broker.bootstrap
    ((name, (record,)),) = event["records"].items()
    assert name == f"{topic}-1"
    assert (record["topic"], record["partition"], record["offset"]) == (topic, 1, 0)
    assert abs(record["timestamp"] / 1000 - time.time()) < 60


def test_batches_are_not_larger_than_asked_and_keep_the_order_of_a_partition(topic, functions, produce, poll):
    values = [f"{number:03d}" for number in range(95)]
    produce(topic, *values, partition=0)
    poll(source(topic))
    functions.wait_until(lambda: len(functions.delivered()) >= 95)
    assert functions.delivered() == values
    assert max(len(values) for _, _, values, _ in functions.calls) == 10


def test_a_batch_that_fails_comes_again_and_nothing_overtakes_it(topic, functions, produce, poll):
    refused: list[list[str]] = []

    def answer(function, values):
        if len(refused) < 2:
            refused.append(values)
            return "not now"
        return None

    functions.answer = answer
    produce(topic, "a", "b", partition=0)
    poll(source(topic, batch_size=1))
    functions.wait_until(lambda: len(functions.delivered()) == 2)
    assert [values for _, _, values, _ in functions.calls] == [["a"], ["a"], ["a"], ["b"]]


def test_a_killed_poller_goes_on_where_it_was_and_loses_nothing(topic, functions, produce, poll):
    produce(topic, *[f"{number:03d}" for number in range(100)])
    functions.answer = lambda function, values: time.sleep(0.05)
    daemon = poll(source(topic))
    functions.wait_until(lambda: len(functions.delivered()) >= 30)
    running = daemon.running()
    assert running
    process = psutil.Process(running.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(functions.delivered())
    poll(source(topic))
    functions.wait_until(lambda: len(set(functions.delivered())) == 100)
    assert len(functions.delivered()) - 100 <= 10, "more than one batch was delivered twice"
    assert before < 100


def test_after_its_attempts_a_batch_is_told_to_the_queue_for_failures(topic, functions, produce, poll):
    functions.answer = lambda function, values: "never" if "poison" in values else None
    produce(topic, "poison", "good", partition=0)
    poll(source(topic, batch_size=1, attempts=2, on_failure="dead-letters"))
    functions.wait_until(lambda: functions.delivered() == ["good"])
    ((queue, told),) = functions.messages
    assert queue == "dead-letters"
    assert told["requestContext"]["functionArn"].endswith(":function:orders")
    batch = told["KafkaBatchInfo"]["recordsInfo"][f"{topic}-0"]
    assert (batch["firstRecordOffset"], batch["lastRecordOffset"]) == ("0", "0")


def test_without_one_the_partition_stops_with_an_error_and_the_others_go_on(topic, functions, produce, poll):
    functions.answer = lambda function, values: "never" if "poison" in values else None
    produce(topic, "poison", "behind it", partition=0)
    produce(topic, "elsewhere", partition=1)
    daemon = poll(source(topic, batch_size=1, attempts=2))
    functions.wait_until(lambda: sum(values == ["poison"] for _, _, values, _ in functions.calls) == 2)
    functions.wait_until(lambda: "elsewhere" in functions.delivered())
    produce(topic, "elsewhere too", partition=1)
    functions.wait_until(lambda: "elsewhere too" in functions.delivered())
    assert "behind it" not in functions.delivered()
    log = daemon.log.read_text()
    assert f"WARNING orders failed on {topic}-0 from offset 0: E: never" in log
    assert f"ERROR orders: {topic}-0 from offset 0 is stopped" in log


def test_each_function_gets_every_record_of_its_topics(topic, functions, produce, poll):
    produce(topic, "for both")
    poll(source(topic), source(topic, function="audit"))
    functions.wait_until(lambda: functions.delivered() == functions.delivered("audit") == ["for both"])


def test_a_topic_that_is_made_later_is_read_too(functions, produce, poll):
    poll(source("made-later"))
    time.sleep(0.5)
    produce("made-later", "first")
    functions.wait_until(lambda: functions.delivered() == ["first"])


def test_told_to_end_it_finishes_the_batch_and_commits(topic, functions, produce, poll):
    functions.answer = lambda function, values: time.sleep(0.5)
    produce(topic, "once")
    daemon = poll(source(topic))
    deadline = time.monotonic() + 10
    while not functions.calls and time.monotonic() < deadline:
        time.sleep(0.05)
    daemon.stop()
    functions.answer = lambda function, values: None
    poll(source(topic))
    produce(topic, "next")
    functions.wait_until(lambda: "next" in functions.delivered())
    assert sorted(functions.delivered()) == ["next", "once"]
