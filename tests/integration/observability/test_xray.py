"""A stage that traces sends what its operations do to X-Ray's daemon."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

COMMON = Path(__file__).resolve().parents[3] / "layers/common/python"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
XRAY = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"


def test_a_stage_that_traces_sends_the_operation_to_xray() -> None:
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    daemon.bind(("127.0.0.1", 0))
    daemon.settimeout(5)
    address = f"127.0.0.1:{daemon.getsockname()[1]}"
    code = (
        "from common import tracing\n"
        f"with tracing.recorded('auth.sessions.login', tracing.continued('00-{TRACE}-{SPAN}-01'),"
        " correlation_id='c') as told: told(503)\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(COMMON),
        "TRACING": "true",
        "SERVICE": "auth",
        "LAMBDA_TASK_ROOT": "/var/task",
        "_X_AMZN_TRACE_ID": XRAY,
        "AWS_XRAY_DAEMON_ADDRESS": address,
    }
    try:
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        told = json.loads(daemon.recv(65536).split(b"\n", 1)[1])
    finally:
        daemon.close()
    assert told["name"] == "## auth.sessions.login"
    assert told["trace_id"] == "1-5759e988-bd862e3fe1be46a994272793"
    assert told["parent_id"] == "53995c3f42cd8ad8"
    assert told["annotations"] == {"trace_id": TRACE, "correlation_id": "c"}
    assert told["fault"] is True
