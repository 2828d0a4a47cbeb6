"""The rules engine and its peers in one run: ``country = X and amount > Y and segment in [...]``, N rules.

python -m benchmarks rules_engine

Prints microseconds for one evaluation with its results built, the growth exponent from 100 to 10,000 rules,
and the seconds and megabytes that 10,000 rules take to compile. ``first`` ends at the first rule that holds,
``collect`` gives all of them, ``+ why`` also explains. Every engine has a process of its own, the same rules
and facts, and the same measure: the mean over the facts, each block of 50 at its best. ZEN crosses to another
thread for each call, so it is measured by calls of 50 evaluations too; durable_rules, json-rules-engine and
Drools give every rule that holds.

The peers are installed apart, and left out where they are not::

    uv pip install --target .local/peers/rules zen-engine rule-engine durable_rules
    uv pip install --target .local/peers/rules --no-deps drools-jpy
    npm install --prefix .local/peers/rules json-rules-engine

Drools' classes are those that drools-jpy carries; they are driven from ``_rules_peers/Drools.java``, which
takes a JDK of Java 17 or later.
"""

from __future__ import annotations

import json
import math
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

from rules.engine.compile import compile_rules
from rules.engine.model import All, Fact, HitPolicy, Operator, Row, Rule, RuleSet, Set

SIZES = (10, 100, 1_000, 10_000)
COUNTRIES = [f"C{i}" for i in range(200)]
SEGMENTS = [f"s{i}" for i in range(10)]
PATIENCE = 2.0
"""Seconds that one figure may take."""
ROOT = Path(__file__).resolve().parents[1]
PEERS = ROOT / ".local" / "peers" / "rules"
SCRIPTS = Path(__file__).with_name("_rules_peers")
BLOCK = 50

Facts: TypeAlias = dict[str, Any]
Evaluate: TypeAlias = Callable[[Facts], object]


@dataclass(frozen=True)
class Case:
    """One rule, as every engine is given it."""

    country: str
    amount: int
    segments: list[str]
    rate: int


class RefusedError(Exception):
    """A peer does not take so many rules."""


def cases(size: int) -> list[Case]:
    dice = random.Random(size)
    return [
        Case(dice.choice(COUNTRIES), dice.randrange(10_000), dice.sample(SEGMENTS, 3), dice.randrange(100))
        for _ in range(size)
    ]


def some_facts(count: int = 2_000) -> list[Facts]:
    dice = random.Random(0)
    return [
        {
            "country": dice.choice(COUNTRIES),
            "amount": dice.randrange(10_000),
            "segment": dice.choice(SEGMENTS),
        }
        for _ in range(count)
    ]


def own_rules(policy: HitPolicy, given: list[Case]) -> RuleSet:
    return RuleSet(
        {"country": Fact("string"), "amount": Fact("number"), "segment": Fact("string")},
        tuple(
            Rule(
                f"r{i}",
                (Set("rule", i), Set("rate", case.rate)),
                All(
                    (
                        Row("country", Operator.EQ, case.country),
                        Row("amount", Operator.GT, case.amount),
                        Row("segment", Operator.IN, case.segments),
                    )
                ),
            )
            for i, case in enumerate(given)
        ),
        hit_policy=policy,
    )


def own(policy: HitPolicy, *, explained: bool = False) -> Callable[[list[Case]], Evaluate]:
    def build(given: list[Case]) -> Evaluate:
        matcher = compile_rules(own_rules(policy, given))
        return lambda facts: matcher.evaluate(facts, explained=explained)

    return build


class InBlocks:
    """An engine that evaluates several facts in one call."""

    def __init__(self, evaluate: Callable[[list[Facts]], object]) -> None:
        self.evaluate = evaluate

    def __call__(self, facts: Facts) -> object:
        return self.evaluate([facts])


def zen(policy: str, *, in_blocks: bool = False) -> Callable[[list[Case]], Evaluate]:
    def build(given: list[Case]) -> Evaluate:
        columns = [{"id": n, "name": n, "field": n} for n in ("country", "amount", "segment")]
        rows = {
            "hitPolicy": policy,
            "inputs": columns,
            "outputs": [{"id": n, "name": n, "field": n} for n in ("rule", "rate")],
            "rules": [
                {
                    "_id": f"r{i}",
                    "country": f'"{case.country}"',
                    "amount": f"> {case.amount}",
                    "segment": ", ".join(f'"{segment}"' for segment in case.segments),
                    "rule": str(i),
                    "rate": str(case.rate),
                }
                for i, case in enumerate(given)
            ],
        }
        nodes = [
            {"id": "in", "name": "in", "type": "inputNode"},
            {"id": "table", "name": "table", "type": "decisionTableNode", "content": rows},
            {"id": "out", "name": "out", "type": "outputNode"},
        ]
        edges = [
            {"id": "a", "sourceId": "in", "targetId": "table", "type": "edge"},
            {"id": "b", "sourceId": "table", "targetId": "out", "type": "edge"},
        ]
        library = import_module("zen")
        content = {"nodes": nodes, "edges": edges}
        if in_blocks:
            engine = library.ZenEngine({"loader": {"type": "static", "content": {"rules": content}}})
            return InBlocks(
                lambda several: engine.evaluate_batch([{"key": "rules", "context": f} for f in several])
            )
        decision = library.ZenEngine().create_decision(library.ZenDecisionContent(json.dumps(content)))
        return lambda facts: decision.evaluate(facts)["result"]

    return build


def rule_engine(policy: str) -> Callable[[list[Case]], Evaluate]:
    def build(given: list[Case]) -> Evaluate:
        compiled = [
            (
                import_module("rule_engine").Rule(
                    f'country == "{case.country}" and amount > {case.amount}'
                    f" and segment in [{', '.join(repr(segment) for segment in case.segments)}]"
                ),
                {"rule": i, "rate": case.rate},
            )
            for i, case in enumerate(given)
        ]

        def evaluate(facts: Facts) -> object:
            hits = (outputs.copy() for rule, outputs in compiled if rule.matches(facts))
            return next(hits, None) if policy == "first" else list(hits)

        return evaluate

    return build


def durable_rules(given: list[Case]) -> Evaluate:
    lang = import_module("durable.lang")
    engine = import_module("durable.engine")
    found: list[object] = []
    name = f"bench{len(given)}"
    with lang.ruleset(name):
        for i, case in enumerate(given):
            first, second, third = (lang.m.segment == segment for segment in case.segments)
            test = (lang.m.country == case.country) & (lang.m.amount > case.amount) & (first | second | third)
            outputs = {"rule": i, "rate": case.rate}
            lang.when_all(test)(lambda _, outputs=outputs: found.append(outputs.copy()))

    def evaluate(facts: Facts) -> object:
        found.clear()
        try:
            lang.post(name, dict(facts))
        except engine.MessageNotHandledException:
            return None
        except Exception as error:  # the library has no narrower one for a rule set that it did not take
            raise RefusedError(str(error)) from error
        return found

    return evaluate


ENGINES: dict[str, tuple[str, Callable[[list[Case]], Evaluate]]] = {
    "groundwork first": ("rules", own(HitPolicy.FIRST)),
    "groundwork first + why": ("rules", own(HitPolicy.FIRST, explained=True)),
    "groundwork collect": ("rules", own(HitPolicy.COLLECT)),
    "groundwork collect + why": ("rules", own(HitPolicy.COLLECT, explained=True)),
    "zen-engine first": ("zen", zen("first")),
    "zen-engine collect": ("zen", zen("collect")),
    "zen-engine first, 50 a call": ("zen", zen("first", in_blocks=True)),
    "zen-engine collect, 50 a call": ("zen", zen("collect", in_blocks=True)),
    "rule-engine first": ("rule_engine", rule_engine("first")),
    "rule-engine collect": ("rule_engine", rule_engine("collect")),
    "durable_rules": ("durable", durable_rules),
}
"""Each line of the table: the module it needs, and how its evaluation is made."""


@dataclass(frozen=True)
class Line:
    """One engine: microseconds by size (None where it refuses), seconds and megabytes to compile."""

    figures: list[float | None]
    seconds: float | None = None
    megabytes: float | None = None


def microseconds(evaluate: Evaluate, facts: list[Facts]) -> float | None:
    """The mean over the facts, each block of them at its best of as many rounds as patience allows.

    Blocks are short, so that what else the machine does disturbs few. None for a peer that refuses.
    """
    start = time.perf_counter()
    try:
        evaluate(facts[0])
    except RefusedError:
        return None
    once = time.perf_counter() - start
    chosen = facts[: max(3, min(len(facts), int(PATIENCE / 5 / max(once, 1e-7))))]
    blocks = [chosen[i : i + BLOCK] for i in range(0, len(chosen), BLOCK)]
    best = [math.inf] * len(blocks)
    end = time.perf_counter() + PATIENCE
    while True:
        begun = time.perf_counter()
        for place, block in enumerate(blocks):
            start = time.perf_counter()
            if isinstance(evaluate, InBlocks):
                evaluate.evaluate(block)
            else:
                for some in block:
                    evaluate(some)
            best[place] = min(best[place], time.perf_counter() - start)
        now = time.perf_counter()
        if now + (now - begun) > end:
            return sum(best) / len(chosen) * 1e6


def measured(name: str) -> Line:
    """An engine's line, measured in this process: first what compiling costs, then each size."""
    module, build = ENGINES[name]
    import_module(module)
    given = cases(SIZES[-1])
    build(given[:10])
    before = resident()
    start = time.perf_counter()
    largest = build(given)
    seconds = time.perf_counter() - start
    facts = some_facts()
    whole = microseconds(largest, facts)
    megabytes = resident() - before
    figures = [*(microseconds(build(cases(size)), facts) for size in SIZES[:-1]), whole]
    return Line(figures) if whole is None else Line(figures, seconds, megabytes)


def in_its_own_process(name: str) -> Line | None:
    """A line of an engine of Python; None where it is not installed."""
    if find_spec(ENGINES[name][0]) is None:
        return None
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.rules_engine", "--engine", name],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    return Line(**json.loads(ran.stdout))


def in_another_language(command: list[str], given: Callable[[int], str]) -> Line:
    """A line of an engine that reads its rules and facts, and prints microseconds, seconds and megabytes."""
    figures: list[float | None] = []
    told = [0.0, 0.0, 0.0]
    for size in SIZES:
        ran = subprocess.run(command, input=given(size), capture_output=True, text=True, check=True)
        told = [float(word) for word in ran.stdout.split()]
        figures.append(told[0])
    return Line(figures, told[1], told[2])


def json_rules_engine() -> Line | None:
    """A line of json-rules-engine in Node; None where they are not installed."""
    node = shutil.which("node")
    if node is None or not (PEERS / "node_modules" / "json-rules-engine").exists():
        return None

    def given(size: int) -> str:
        rules = [
            {"country": c.country, "amount": c.amount, "segments": c.segments, "rate": c.rate}
            for c in cases(size)
        ]
        return json.dumps({"rules": rules, "facts": some_facts(), "patience": PATIENCE})

    script = str(SCRIPTS / "json_rules_engine.js")
    return in_another_language([node, "--expose-gc", script, str(PEERS / "node_modules")], given)


def drools() -> Line | None:
    """A line of Drools; None where a JDK or its classes are not installed."""
    java, javac = shutil.which("java"), shutil.which("javac")
    jars = sorted((PEERS / "drools" / "jars").glob("*.jar"))
    if java is None or javac is None or not jars:
        return None

    def given(size: int) -> str:
        rules = [f"rule\t{c.country}\t{c.amount}\t{','.join(c.segments)}\t{c.rate}\n" for c in cases(size)]
        facts = [f"fact\t{f['country']}\t{f['amount']}\t{f['segment']}\n" for f in some_facts()]
        return f"{PATIENCE}\n{''.join(rules + facts)}"

    with tempfile.TemporaryDirectory() as classes:
        path = str(jars[0])
        subprocess.run([javac, "-cp", path, "-d", classes, str(SCRIPTS / "Drools.java")], check=True)
        return in_another_language([java, "-cp", f"{path}:{classes}", "Drools"], given)


def resident() -> float:
    """Megabytes of memory that this process holds (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def lines() -> Iterator[tuple[str, Line | None]]:
    """Each engine's name and line."""
    for name in ENGINES:
        yield name, in_its_own_process(name)
    yield "json-rules-engine", json_rules_engine()
    yield "Drools", drools()


def main() -> None:
    """Print the table."""
    sys.path.append(str(PEERS))
    matcher = compile_rules(own_rules(HitPolicy.COLLECT, cases(SIZES[-1])))
    held = sum(len(matcher.evaluate(facts).fired) for facts in some_facts()) / len(some_facts())
    print(f"microseconds per evaluation; of 10,000 rules {held:.1f} hold on average\n")
    header = "".join(f"{size:>11,}" for size in SIZES)
    print(f"{'rules':<30}{header}{'growth':>9}{'compile s':>11}{'MB':>7}")
    for name, line in lines():
        if line is None:
            print(f"{name:<30}  not installed here; see this benchmark's docstring", flush=True)
            continue
        shown = "".join(f"{f:>11,.2f}" if f is not None else f"{'-':>11}" for f in line.figures)
        small, large = line.figures[1], line.figures[-1]
        growth = f"{math.log(large / small) / math.log(100):>9.2f}" if small and large else f"{'-':>9}"
        compiled = "" if line.seconds is None else f"{line.seconds:>11.2f}{line.megabytes:>7.0f}"
        print(f"{name:<30}{shown}{growth}{compiled}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--engine"]:
        print(json.dumps(vars(measured(sys.argv[2]))))
    else:
        main()
