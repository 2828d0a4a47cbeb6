"""One container in a process of its own: events in, one JSON a line; answers out. Made to be killed."""

from __future__ import annotations

import importlib
import json
import sys

module, name = sys.argv[1].rsplit(".", 1)
operation = getattr(importlib.import_module(module), name)
operation.prepare()
for line in sys.stdin:
    answer = operation(json.loads(line), None)
    print(json.dumps({"answer": answer}), flush=True)
