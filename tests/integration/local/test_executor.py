"""Execution environments: awslambdaric in a process, the Runtime API on loopback."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from local import lambda_runtime, ports
from local.environments import Environment, Warm
from local.executor import Package, RuntimeProcess
from local.state import ROOT

PLENTY = Warm(100)
CODE = Path(__file__).with_name("lambda_code.py")


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    code, layer = tmp_path_factory.mktemp("code"), tmp_path_factory.mktemp("layer")
    shutil.copy(CODE, code / "handlers.py")
    (code / "broken.py").write_text("raise RuntimeError('no configuration')")
    (layer / "python").mkdir()
    (layer / "python" / "from_layer.py").write_text("NAME = 'the layer'")
    runtime = lambda_runtime.directory(tmp_path_factory.mktemp("runtime"))
    return Package(sys.executable, runtime, code, [layer])


@pytest.fixture
def start(package):
    started = []

    def start(handler, warm=PLENTY, **variables):
        variables = {"AWS_LAMBDA_FUNCTION_NAME": "f", **variables}
        environment = Environment(lambda: package, handler, variables, warm)
        started.append(environment)
        return environment

    yield start
    for environment in started:
        environment.end()


def invoke(environment, event=None, *, request_id="r-1", seconds=5.0):
    payload = json.dumps(event).encode()
    outcome = environment.invoke(payload, request_id=request_id, function_arn="arn:f", seconds=seconds)
    return json.loads(outcome.payload), outcome


def test_a_handler_gets_event_context_and_variables(start, package):
    answer, outcome = invoke(
        start("handlers.echo", GREETING="hello"), {"a": [1, None, "ü"]}, request_id="r-7"
    )
    assert not outcome.failed
    assert answer.pop("remaining") in range(4000, 5001)
    assert answer.pop("pid") != os.getpid()
    assert answer == {
        "event": {"a": [1, None, "ü"]},
        "request_id": "r-7",
        "function": "f",
        "arn": "arn:f",
        "variable": "hello",
        "root": str(package.code),
    }


def test_each_invocation_has_its_own_log_lines_and_the_first_those_of_the_initialization(start):
    environment = start("handlers.echo")
    _, first = invoke(environment, 1)
    _, second = invoke(environment, 2)
    assert first.log == "initialized\ngot 1\nto stderr\n"
    assert second.log == "got 2\nto stderr\n"


def test_layers_and_boto3_are_found_and_the_developers_packages_are_not(start):
    answer, _ = invoke(start("handlers.libraries"))
    assert answer["layer"] == "the layer"
    assert "site-packages" not in answer["boto3"]
    assert answer["pytest"] is False


def test_nothing_of_the_callers_environment_is_seen(start, monkeypatch):
    monkeypatch.setenv("GREETING", "from outside")
    answer, _ = invoke(start("handlers.echo"))
    assert answer["variable"] is None


def test_an_uncaught_error_is_reported_as_on_aws_and_the_process_lives_on(start):
    environment = start("handlers.fail")
    answer, outcome = invoke(environment)
    assert outcome.failed
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "no such thing")
    assert any("in fail" in line for line in answer["stackTrace"])
    assert "ValueError: no such thing" in outcome.log
    assert "initialized" not in invoke(environment)[1].log


def test_a_timeout_ends_the_process_and_keeps_what_was_logged(start):
    environment = start("handlers.sleep")
    invoke(environment, {"seconds": 0})
    answer, outcome = invoke(environment, {"seconds": 30}, seconds=0.3)
    assert outcome.failed
    assert answer["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 0.30 seconds" in answer["errorMessage"]
    assert "before\n" in outcome.log
    _, outcome = invoke(environment, {"seconds": 0})
    assert not outcome.failed
    assert outcome.log == "initialized\nbefore\n"


def test_a_crash_is_reported_with_its_exit_status_at_once(start):
    environment = start("handlers.crash")
    began = time.monotonic()
    answer, outcome = invoke(environment, seconds=60)
    assert time.monotonic() - began < 10
    assert outcome.failed
    assert answer["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in answer["errorMessage"]
    assert outcome.log.startswith("initialized\ndying\n")
    assert invoke(environment)[1].log.startswith("initialized\ndying\n")


def test_large_logs_and_answers_arrive_whole(start):
    answer, outcome = invoke(start("handlers.much"))
    assert answer == "y" * 1_000_000
    assert outcome.log.splitlines()[-1].startswith("line 2999 ")
    assert len(outcome.log.splitlines()) == 3001


@pytest.mark.parametrize(
    ("handler", "kind", "message"),
    [
        ("broken.handler", "RuntimeError", "no configuration"),
        ("handlers.absent", "Runtime.HandlerNotFound", "absent"),
        ("absent.handler", "Runtime.ImportModuleError", "No module named 'absent'"),
    ],
)
def test_what_fails_while_it_starts_says_why(start, handler, kind, message):
    environment = start(handler)
    for _ in range(2):
        error, outcome = invoke(environment)
        assert outcome.failed
        assert error["errorType"] == kind
        assert message in error["errorMessage"]
        assert message in outcome.log


def test_environments_run_at_the_same_time(start):
    environments = [start("handlers.sleep") for _ in range(4)]
    answers = []
    threads = [
        threading.Thread(target=lambda e=e: answers.append(invoke(e, {"seconds": 0.5})[0]))
        for e in environments
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 1.9
    assert len({answer["pid"] for answer in answers}) == 4


def test_ending_it_ends_the_process_even_while_an_invocation_runs(start):
    environment = start("handlers.sleep")
    answer, _ = invoke(environment, {"seconds": 0})
    process = psutil.Process(answer["pid"])
    results = []
    call = threading.Thread(target=lambda: results.append(invoke(environment, {"seconds": 60}, seconds=60)))
    call.start()
    time.sleep(0.2)
    environment.end()
    call.join(timeout=10)
    assert not process.is_running()
    ((error, _),) = results
    assert error["errorType"] == "Runtime.ExitError"


def test_the_process_and_its_port_are_gone_after_the_end(package):
    runtime = RuntimeProcess(package, "handlers.echo", {})
    runtime.start()
    port = runtime.port
    assert ports.is_listening(port)
    runtime.stop()
    runtime.stop()
    assert not runtime.alive
    assert not ports.is_listening(port)


def test_of_too_many_processes_those_used_longest_ago_end_and_start_again_when_called(start):
    warm = Warm(2)
    first, second, third = (start("handlers.echo", warm) for _ in range(3))
    pids = [invoke(environment)[0]["pid"] for environment in (first, second)]
    invoke(first)
    invoke(third)
    alive = [psutil.pid_exists(pid) for pid in pids]
    assert alive == [True, False]
    assert invoke(first)[0]["pid"] == pids[0]
    answer, outcome = invoke(second)
    assert not outcome.failed
    assert answer["pid"] != pids[1]


def test_a_process_that_is_at_work_does_not_end_for_another(start):
    warm = Warm(1)
    busy, other = start("handlers.sleep", warm), start("handlers.echo", warm)
    invoke(busy, {"seconds": 0})
    results = []
    call = threading.Thread(target=lambda: results.append(invoke(busy, {"seconds": 1})))
    call.start()
    time.sleep(0.2)
    invoke(other)
    call.join()
    ((_, outcome),) = results
    assert not outcome.failed


def test_a_process_whose_emulator_was_killed_ends_by_itself(package):
    program = f"""
import time
from pathlib import Path
from local.executor import Package, RuntimeProcess
package = Package({package.python!r}, Path({str(package.runtime)!r}), Path({str(package.code)!r}))
runtime = RuntimeProcess(package, "handlers.sleep", {{}})
runtime.start()
print(runtime.process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=ROOT) as emulator:
        assert emulator.stdout
        child = psutil.Process(int(emulator.stdout.readline()))
        emulator.kill()
    _, alive = psutil.wait_procs([child], timeout=10)
    assert not alive
