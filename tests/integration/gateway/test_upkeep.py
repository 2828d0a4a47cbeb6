"""What the gateway keeps for a while only."""

from __future__ import annotations

from gateway import documents, services, upkeep
from tests.integration.gateway.conftest import Graph
from tests.integration.platform import Platform


def test_operations_long_past_are_forgotten_and_what_was_registered_or_trusted_is_not(
    fresh_platform: Platform,
) -> None:
    owner = Graph(fresh_platform, fresh_platform.register())
    assert owner.caller is not None
    owner.caller.call(services.register, {"url": "https://bills.example"}, path={"name": "bills"}).ok()
    owner.caller.call(documents.trust, {"document": "{ motto }"}).ok(201)
    owner.ask("query Old { motto }")
    assert fresh_platform.invoke(upkeep.forget, {})["events"] == 0
    with fresh_platform.admin.begin() as connection:
        connection.exec_driver_sql(
            "update gateway.event_store set id = ('00000000' || substr(id::text, 9))::uuid"  # in 1970
        )
    owner.ask("query New { motto }")
    assert fresh_platform.invoke(upkeep.forget, {})["events"] == 2
    kept = fresh_platform.rows("select type, data->>'name' as name from gateway.event_store order by id")
    assert [(row.type, row.name) for row in kept] == [
        ("gateway.service.registered", None),
        ("gateway.document.trusted", ""),
        ("gateway.query.received", "New"),
        ("gateway.query.completed", "New"),
    ]
