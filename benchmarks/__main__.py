"""``python -m benchmarks [name ...]``: run the benchmarks named, or all."""

from __future__ import annotations

import pkgutil
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run each module's ``main``."""
    found = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]))
    known = [name for name in found if not name.startswith("_") and name != "measuring"]
    wanted = sys.argv[1:] or known
    if unknown := set(wanted) - set(known):
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(known)}.")
    for name in wanted:
        print(f"\n== {name}\n", flush=True)
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
