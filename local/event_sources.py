"""Which functions of the stage read which topics, from the declarations, for `poller`.

`refresh` runs this module as a program: its import of the CDK takes seconds, and goes beside the deployment.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local import node
from local.errors import DeployError
from local.state import EVENT_SOURCES, ROOT, write_json


def declared() -> list[dict[str, Any]]:
    """One entry for each operation on a topic, as `local.event_source.EventSource` reads it."""
    from common.dead_letters import queue_name
    from common.operation import Topic, discover_all
    from infra.cdk import stages
    from infra.cdk.names import function_name

    stage = stages.stage("local")
    return [
        {
            "function": function_name(stage, operation),
            "topics": [operation.trigger.name],
            "batch_size": operation.trigger.batch_size,
            "window_seconds": 0.2,
            "on_failure": queue_name(stage.name, operation.service),
        }
        for operation in discover_all()
        if isinstance(operation.trigger, Topic)
    ]


def refresh(environment: Mapping[str, str]) -> None:
    """Write `.local/event-sources.json`, in a process that has the services on its path."""
    paths = [ROOT, ROOT / "layers/common/python", ROOT / "functions"]
    variables = {"PYTHONPATH": os.pathsep.join(map(str, paths)), **node.QUIET, **environment}
    result = subprocess.run(
        [sys.executable, "-m", "local.event_sources", str(EVENT_SOURCES)],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise DeployError("The event sources could not be read from the declarations.", result.stderr[-3000:])


if __name__ == "__main__":
    write_json(Path(sys.argv[1]), declared())
