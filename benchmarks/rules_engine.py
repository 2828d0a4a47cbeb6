"""The rules engine and its peers in one run: ``country = X and amount > Y and segment in [...]``, N rules.

python -m benchmarks rules_engine

Prints microseconds for one evaluation with its results built, the growth exponent from 100 to 10,000 rules,
and the seconds and megabytes that 10,000 rules take to compile, each in a process of its own. ``first`` ends
at the first rule that holds, ``collect`` gives all of them, ``+ why`` also explains. Peers are measured where
they are installed: zen-engine, rule-engine and durable_rules from PyPI, json-rules-engine from npm (found
from the working directory or NODE_PATH).
"""

from __future__ import annotations

import json
import math
import random
import resource
import shutil
import subprocess
import sys
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


def zen(policy: str) -> Callable[[list[Case]], Evaluate]:
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
        content = library.ZenDecisionContent(json.dumps({"nodes": nodes, "edges": edges}))
        decision = library.ZenEngine().create_decision(content)
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
        except import_module("durable_rules_engine").error as error:
            raise RefusedError(str(error)) from error
        return found

    return evaluate


NODE_SCRIPT = r"""
const { Engine } = require('json-rules-engine')
const { performance } = require('perf_hooks')
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'))
async function main() {
  const engine = new Engine([], { allowUndefinedFacts: true })
  given.rules.forEach((rule, i) => engine.addRule({
    conditions: { all: [
      { fact: 'country', operator: 'equal', value: rule.country },
      { fact: 'amount', operator: 'greaterThan', value: rule.amount },
      { fact: 'segment', operator: 'in', value: rule.segments },
    ] },
    event: { type: 'hit', params: { rule: i, rate: rule.rate } },
  }))
  let best = Infinity
  const end = performance.now() + given.patience * 1000
  let i = 0
  do {
    const start = performance.now()
    await engine.run(given.facts[i++ % given.facts.length])
    best = i === 1 ? Infinity : Math.min(best, performance.now() - start)
  } while (performance.now() < end || i < 3)
  console.log(best * 1000)
}
main().catch(error => { console.error(error.message); process.exit(1) })
"""


def json_rules_engine(given: list[Case], facts: list[Facts]) -> float | None:
    """Microseconds for one run in Node, None where the package is not there."""
    node = shutil.which("node")
    if node is None:
        return None
    rules = [
        {"country": c.country, "amount": c.amount, "segments": c.segments, "rate": c.rate} for c in given
    ]
    ran = subprocess.run(
        [node, "-e", NODE_SCRIPT],
        input=json.dumps({"rules": rules, "facts": facts[:200], "patience": PATIENCE / 2}),
        capture_output=True,
        text=True,
        check=False,
    )
    return float(ran.stdout) if ran.returncode == 0 else None


ENGINES: dict[str, tuple[str, Callable[[list[Case]], Evaluate]]] = {
    "groundwork first": ("rules", own(HitPolicy.FIRST)),
    "groundwork first + why": ("rules", own(HitPolicy.FIRST, explained=True)),
    "groundwork collect": ("rules", own(HitPolicy.COLLECT)),
    "groundwork collect + why": ("rules", own(HitPolicy.COLLECT, explained=True)),
    "zen-engine first": ("zen", zen("first")),
    "zen-engine collect": ("zen", zen("collect")),
    "rule-engine first": ("rule_engine", rule_engine("first")),
    "rule-engine collect": ("rule_engine", rule_engine("collect")),
    "durable_rules": ("durable", durable_rules),
}
"""Each line of the table: the module it needs, and how its evaluation is made."""


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
    blocks = [chosen[i : i + 50] for i in range(0, len(chosen), 50)]
    best = [math.inf] * len(blocks)
    end = time.perf_counter() + PATIENCE
    while True:
        begun = time.perf_counter()
        for place, block in enumerate(blocks):
            start = time.perf_counter()
            for some in block:
                evaluate(some)
            best[place] = min(best[place], time.perf_counter() - start)
        now = time.perf_counter()
        if now + (now - begun) > end:
            return sum(best) / len(chosen) * 1e6


def compile_cost(name: str) -> tuple[float, float] | None:
    """Seconds and megabytes to compile 10,000 rules in a fresh process; None where it does not end well."""
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.rules_engine", "--compile", name],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    if ran.returncode != 0:
        return None
    seconds, megabytes = map(float, ran.stdout.split())
    return seconds, megabytes


def print_compile_cost(name: str) -> None:
    module, build = ENGINES[name]
    import_module(module)
    given = cases(SIZES[-1])
    build(given[:10])
    before = resident()
    start = time.perf_counter()
    kept = build(given)
    seconds = time.perf_counter() - start
    kept(some_facts(1)[0])
    print(seconds, resident() - before)


def resident() -> float:
    """Megabytes of memory that this process holds (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def lines() -> Iterator[tuple[str, list[float | None], tuple[float, float] | None]]:
    """Each engine's name, microseconds by size, and cost of compiling."""
    facts = some_facts()
    for name, (module, build) in ENGINES.items():
        if find_spec(module) is None:
            yield name, [], None
            continue
        figures = [microseconds(build(cases(size)), facts) for size in SIZES]
        yield name, figures, None if name.endswith("why") else compile_cost(name)
    figures = [json_rules_engine(cases(size), facts) for size in SIZES]
    yield "json-rules-engine", figures if any(figures) else [], None


def main() -> None:
    """Print the table."""
    matcher = compile_rules(own_rules(HitPolicy.COLLECT, cases(SIZES[-1])))
    held = sum(len(matcher.evaluate(facts).fired) for facts in some_facts()) / len(some_facts())
    print(f"microseconds per evaluation; of 10,000 rules {held:.1f} hold on average\n")
    header = "".join(f"{size:>11,}" for size in SIZES)
    print(f"{'rules':<26}{header}{'growth':>9}{'compile s':>11}{'MB':>7}")
    for name, figures, cost in lines():
        if not figures:
            print(f"{name:<26}{'absent':>11}", flush=True)
            continue
        shown = "".join(f"{figure:>11,.2f}" if figure is not None else f"{'-':>11}" for figure in figures)
        small, large = figures[1], figures[-1]
        growth = f"{math.log(large / small) / math.log(100):>9.2f}" if small and large else f"{'-':>9}"
        compiled = "" if cost is None else f"{cost[0]:>11.2f}{cost[1]:>7.0f}"
        print(f"{name:<26}{shown}{growth}{compiled}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--compile"]:
        print_compile_cost(sys.argv[2])
    else:
        main()
