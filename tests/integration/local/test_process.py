"""Background processes: found again, told apart from others, ended with all that they started."""

import sys
import time

import psutil
import pytest

from local.errors import NotReadyError
from local.process import Daemon
from local.state import read_json, write_json

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def daemon(tmp_path):
    daemon = Daemon("sleeper", tmp_path)
    yield daemon
    daemon.stop(seconds=1)


def test_a_started_process_is_found_again_with_its_notes(daemon):
    started = daemon.start(SLEEP, notes={"port": 1})
    found = Daemon("sleeper", daemon.home).running()
    assert found
    assert found == started
    assert found.notes == {"port": 1}
    assert found.identity == started.identity


def test_nothing_runs_before_the_start_and_after_the_stop(daemon):
    assert daemon.running() is None
    daemon.start(SLEEP)
    assert daemon.stop() is True
    assert daemon.running() is None
    assert daemon.stop() is False


def test_a_process_that_died_is_not_running(daemon):
    process = psutil.Process(daemon.start(SLEEP).pid)
    process.kill()
    process.wait()
    assert daemon.running() is None


def test_a_dead_child_that_nobody_waited_for_is_not_running(daemon):
    pid = daemon.start([sys.executable, "-c", ""]).pid
    deadline = time.monotonic() + 10
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.01)
    assert daemon.running() is None


def test_a_pid_that_is_another_programs_now_is_neither_taken_for_ours_nor_ended(daemon):
    other = Daemon("other", daemon.home)
    pid = other.start(SLEEP).pid
    record = read_json(other.record)
    write_json(daemon.record, {**record, "started": record["started"] + "1"})
    assert daemon.running() is None
    assert daemon.stop() is False
    assert psutil.pid_exists(pid)
    other.stop()


def test_stopping_ends_what_the_process_started(daemon):
    program = f"import subprocess, time; subprocess.Popen({SLEEP!r}); time.sleep(60)"
    process = psutil.Process(daemon.start([sys.executable, "-c", program]).pid)
    deadline = time.monotonic() + 10
    while not (children := process.children()) and time.monotonic() < deadline:
        time.sleep(0.01)
    daemon.stop()
    _, alive = psutil.wait_procs([process, *children], timeout=5)
    assert alive == []


def test_one_that_does_not_listen_is_ended_by_force(daemon):
    deafness = "signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True)"
    program = f"import signal, time; {deafness}; time.sleep(60)"
    pid = daemon.start([sys.executable, "-c", program]).pid
    daemon.wait_until(lambda: "deaf" in daemon.log.read_text(), seconds=10)
    assert daemon.stop(seconds=0.3) is True
    assert not psutil.pid_exists(pid)


def test_what_ends_while_it_starts_is_told_with_the_end_of_its_log(daemon):
    daemon.start([sys.executable, "-c", "print('no such setting'); raise SystemExit(2)"])
    with pytest.raises(NotReadyError, match=r"sleeper ended while it was starting\.(.|\n)*no such setting"):
        daemon.wait_until(lambda: False, seconds=10)


def test_what_does_not_answer_in_time_is_told(daemon):
    daemon.start(SLEEP)
    with pytest.raises(NotReadyError, match="did not answer within 0 seconds"):
        daemon.wait_until(lambda: False, seconds=0.1)
