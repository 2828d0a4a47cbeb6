"""CEL in one run: importing, compiling and evaluating, with cel-python beside where it is installed.

    python -m benchmarks cel

The peer is installed apart, and left out where it is not::

    uv pip install --target .local/peers/rules cel-python

Prints, per expression, microseconds to compile and to evaluate, and milliseconds to import in a fresh
interpreter.
"""

import subprocess
import sys
import timeit
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from common import cel
from common.cel.types import DOUBLE, INT, STRING, list_of, object_of

PEERS = Path(__file__).resolve().parents[1] / ".local" / "peers" / "rules"
FACTS: dict[str, Any] = {
    "country": "CH",
    "amount": 120.5,
    "quantity": 7,
    "segment": "a",
    "order": {
        "total": 120.0,
        "country": "CH",
        "items": [{"price": float(n), "sku": f"sku-{n}"} for n in range(10)],
    },
}
DECLARATIONS = {
    "country": STRING,
    "amount": DOUBLE,
    "quantity": INT,
    "segment": STRING,
    "order": object_of(
        {
            "total": DOUBLE,
            "country": STRING,
            "items": list_of(object_of({"price": DOUBLE, "sku": STRING})),
        }
    ),
}
EXPRESSIONS = [
    "country == 'CH'",
    "order.total > 100.0",
    "country == 'CH' && amount > 100.0 && segment in ['a', 'b', 'c']",
    "quantity * 2 + 1 > 10",
    "order.total > 100.0 ? 'large' : 'small'",
    "country.startsWith('C')",
    "order.items.exists(i, i.price > 5.0)",
    "order.items.filter(i, i.price > 5.0).map(i, i.sku)",
]


def best(action: Callable[[], object], seconds: float = 0.1) -> float:
    """Microseconds of one call, the best of five rounds."""
    timer = timeit.Timer(action)
    count, took = timer.autorange()
    rounds = max(1, int(count * seconds / took))
    return min(timer.repeat(5, rounds)) / rounds * 1e6


def import_milliseconds() -> float:
    """Milliseconds to import the package alone, bytecode compiled, the best of ten interpreters."""
    measure = (
        "import time; t = time.perf_counter(); import common.cel; print((time.perf_counter() - t) * 1e3)"
    )
    runs = (
        subprocess.run(
            [sys.executable, "-c", measure],
            check=True,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        for _ in range(10)
    )
    return min(float(run.stdout) for run in runs)


def peer(source: str) -> tuple[float, float] | None:
    """cel-python's microseconds to compile and to evaluate, where it is installed."""
    try:
        celpy: Any = import_module("celpy")
    except ImportError:
        return None
    environment = celpy.Environment()
    program = environment.program(environment.compile(source))
    activation = {name: celpy.json_to_cel(value) for name, value in FACTS.items()}
    return (
        best(lambda: environment.program(environment.compile(source))),
        best(lambda: program.evaluate(activation)),
    )


def main() -> None:
    """Run and print the table."""
    sys.path.append(str(PEERS))
    print(f"import common.cel: {import_milliseconds():.1f} ms")
    print(f"{'compile':>10} {'evaluate':>10}   peer's: {'compile':>10} {'evaluate':>10}   microseconds")
    for source in EXPRESSIONS:
        program = cel.compile(source, declarations=DECLARATIONS)
        compiling = best(lambda source=source: cel.compile(source, declarations=DECLARATIONS))  # type: ignore[misc]
        evaluating = best(lambda program=program: program.evaluate(FACTS))  # type: ignore[misc]
        other = peer(source)
        beside = f"{other[0]:>18,.0f} {other[1]:>10,.1f}" if other else f"{'-':>18} {'-':>10}"
        print(f"{compiling:>10.1f} {evaluating:>10.3f} {beside}   {source}")


if __name__ == "__main__":
    main()
