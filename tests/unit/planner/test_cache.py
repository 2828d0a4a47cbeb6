"""Plans are made once for each document, operation, supergraph, labels and limits."""

import threading

import pytest

from gateway.planner.errors import RequestError
from gateway.planner.execute import execute
from gateway.planner.limits import Limits
from gateway.planner.plan import PlanCache
from tests.unit.planner.simulator.world import World
from tests.unit.planner.supergraphs import federation, supergraph


def test_the_same_request_gets_the_same_plan():
    cache = PlanCache()
    query = "query A { me { email } } query B { me { nickname } }"
    first = cache.plan(supergraph("shop"), query, "A")
    assert cache.plan(supergraph("shop"), query, "A") is first
    assert cache.plan(supergraph("shop"), query, "B") is not first
    assert cache.plan(supergraph("shop"), query, "A", limits=Limits(depth=9)) is not first
    assert len(cache) == 3


def test_labels_and_supergraphs_are_told_apart():
    cache = PlanCache()
    plain = cache.plan(supergraph("moved"), "{ items { price } }")
    assert (
        cache.plan(supergraph("moved"), "{ items { price } }", labels=frozenset({"percent(25)"})) is not plain
    )
    cache.plan(supergraph("shop"), "{ __typename }")
    assert cache.plan(supergraph("moved"), "{ __typename }").supergraph is supergraph("moved")


def test_the_plans_used_longest_ago_are_forgotten():
    cache = PlanCache(size=2)
    first = cache.plan(supergraph("shop"), "{ me { email } }")
    cache.plan(supergraph("shop"), "{ me { nickname } }")
    assert cache.plan(supergraph("shop"), "{ me { email } }") is first
    cache.plan(supergraph("shop"), "{ products { upc } }")
    assert len(cache) == 2
    assert cache.plan(supergraph("shop"), "{ me { email } }") is first


def test_what_cannot_be_planned_is_not_remembered():
    cache = PlanCache()
    for _ in range(2):
        with pytest.raises(RequestError):
            cache.plan(supergraph("shop"), "{ nothing }")
    assert len(cache) == 0


def test_one_plan_serves_several_threads_at_once():
    made = PlanCache().plan(
        supergraph("objects"), "query($x: Boolean!) { accounts { __typename id bio limit @include(if: $x) } }"
    )
    world = World(supergraph("objects"))
    expected = {x: execute(made, {"x": x}, federation("objects", world).fetch) for x in (True, False)}
    answers = []

    def work(x):
        answers.append((x, execute(made, {"x": x}, federation("objects", world).fetch)))

    threads = [threading.Thread(target=work, args=(number % 2 == 0,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8
    assert all(answer == expected[x] for x, answer in answers)
