"""What a stage says of the gateway."""

from __future__ import annotations

from gateway.options import Options


def test_production_hides_its_schema_and_its_faults() -> None:
    production, local = Options.read({}, "prod"), Options.read({}, "local")
    assert (production.introspection, production.error_details, production.events_percent) == (
        False,
        False,
        1,
    )
    assert (local.introspection, local.error_details, local.events_percent) == (True, True, 100)


def test_the_environment_has_the_last_word() -> None:
    chosen = Options.read(
        {"GRAPH_INTROSPECTION": "true", "GRAPH_DEPTH": "7", "GRAPH_SAFELIST": "yes"}, "prod"
    )
    assert (chosen.introspection, chosen.depth, chosen.safelist) == (True, 7, True)
    assert chosen.limits.depth == 7


def test_the_plan_caches_key_tells_apart_what_limits_differ() -> None:
    assert Options(depth=3).limits != Options(depth=4).limits
