"""What every subgraph promises: federation's fields, batches, permissions, masked errors, bounds."""

from __future__ import annotations

from typing import Any, cast

import pytest

from common.subgraph import GRAPHQL_JSON, GraphQuery, Subgraph
from common.work import Work
from tests.unit.subgraph.library import SDL, Savepoints, ask, library, number, request

ENTITIES = """query($r: [_Any!]!) { _entities(representations: $r) {
  __typename
  ...on Book { title author { name } }
  ...on Author { name }
  ...on Reader { reading { title } }
  ...on Locked { id }
} }"""


def test_the_sdl_is_told_as_it_was_written() -> None:
    assert ask(library(), "{ _service { sdl } }")["data"]["_service"]["sdl"] == SDL


def test_entities_keep_their_order_and_each_type_is_asked_once() -> None:
    work = Savepoints("*")
    representations = [
        {"__typename": "Book", "id": str(number(3))},
        {"__typename": "Author", "id": str(number(100))},
        {"__typename": "Book", "id": str(number(999))},
        {"__typename": "Book", "id": str(number(3))},
        {"__typename": "Book", "isbn": "isbn-4"},
    ]
    answer = ask(library(), ENTITIES, work, r=representations)
    told = [
        entity and (entity["__typename"], entity.get("title") or entity.get("name"))
        for entity in answer["data"]["_entities"]
    ]
    assert told == [
        ("Book", "book 3"),
        ("Author", "author 100"),
        None,
        ("Book", "book 3"),
        ("Book", "book 4"),
    ]
    assert work.asked == ["books by id: 2", "authors by id: 1", "books by isbn: 1", "authors of 3"]


def test_another_services_entity_is_its_representation_with_the_key_converted() -> None:
    answer = ask(library(), ENTITIES, r=[{"__typename": "Reader", "id": str(number(1))}])
    assert answer["data"]["_entities"] == [{"__typename": "Reader", "reading": [{"title": "book 1"}]}]


@pytest.mark.parametrize(
    ("representation", "said"),
    [
        ({"__typename": "Spaceship", "id": "1"}, "no entity 'Spaceship'"),
        ({"id": "1"}, "no entity None"),
        ("Book", "no entity None"),
        ({"__typename": "Book", "title": "x"}, "none of its keys: id, isbn"),
        ({"__typename": "Book", "id": "not a uuid"}, "is no key of Book"),
    ],
)
def test_a_representation_that_is_none_is_an_error_of_its_own(representation: Any, said: str) -> None:
    good = {"__typename": "Book", "id": str(number(3))}
    answer = ask(library(), ENTITIES, r=[good, representation])
    assert answer["data"]["_entities"][0]["title"] == "book 3"
    assert answer["data"]["_entities"][1] is None
    (error,) = answer["errors"]
    assert said in error["message"]
    assert error["path"] == ["_entities", 1]


def test_a_level_is_resolved_for_all_its_parents_at_once() -> None:
    work = Savepoints("*")
    answer = ask(library(), "{ books { nodes { author { books { author { name } } } } } }", work)
    assert "errors" not in answer
    assert work.asked == ["authors of 10", "books of 8", "authors of 16"]


def test_names_dates_enums_and_pages_have_the_graphs_form() -> None:
    query = """{ books(first: 2) {
        edges { node { id status addedAt } cursor } pageInfo { hasNextPage endCursor }
    } }"""
    books = ask(library(), query)["data"]["books"]
    assert books["edges"][0]["node"] == {
        "id": str(number(1)),
        "status": "LENT",
        "addedAt": "2026-01-02T03:04:05Z",
    }
    assert [edge["cursor"] for edge in books["edges"]] == [None, "more"]
    assert books["pageInfo"] == {"hasNextPage": True, "endCursor": "more"}


def test_an_input_arrives_with_pythons_names_and_types() -> None:
    mutation = "mutation($i: Lending!) { lend(input: $i) { title } }"
    lending = {"bookId": str(number(1)), "dueAt": "2026-01-01T00:00:00Z"}
    assert ask(library(), mutation, i=lending)["data"] == {"lend": {"title": "book 1"}}
    answer = ask(library(), mutation, i=lending | {"dueAt": "2026-01-01T00:00:00"})
    assert "no offset" in answer["errors"][0]["message"]
    assert "data" not in answer


def test_scopes_are_checked_by_field_and_by_type_returned() -> None:
    for grants, allowed in (
        (("library.secret.read",), True),
        (("library.a.read", "library.b.read"), True),
        (("library.a.read",), False),
        (("*.*.read",), True),
        ((), False),
    ):
        answer = ask(library(), "{ secret }", Savepoints(*grants))
        assert (answer["data"]["secret"] == "42") is allowed
        assert ("errors" in answer) is not allowed
    refused = ask(library(), "{ locked { id } book(id: 1) { id } }", Savepoints("library.a.read"))
    assert refused["data"]["locked"] is None
    assert refused["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    entities = ask(library(), ENTITIES, Savepoints(), r=[{"__typename": "Locked", "id": str(number(1))}])
    assert entities["data"]["_entities"] == [None]
    assert entities["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_a_fault_is_masked_and_a_refusal_is_told() -> None:
    answer = ask(library(), "{ broken }")
    assert answer["errors"][0]["message"] == "Something went wrong on our side."
    assert answer["errors"][0]["extensions"] == {"code": "INTERNAL_SERVER_ERROR"}
    assert "inside" not in str(answer)
    refused = ask(library(), "mutation { fail }")
    assert refused["errors"][0]["message"] == "It is lent."
    assert refused["errors"][0]["extensions"] == {"code": "CONFLICT", "status": 409, "holder": "me"}


def test_a_failed_field_of_a_mutation_is_undone_and_the_others_stand() -> None:
    work = Savepoints("*")
    lend = f'lend(input: {{bookId: "{number(1)}", dueAt: "2026-01-01T00:00:00Z"}}) {{ title }}'
    answer = ask(library(), f"mutation {{ a: {lend} b: fail c: {lend} }}", work)
    assert answer["data"] == {"a": {"title": "book 1"}, "b": None, "c": {"title": "book 1"}}
    assert work.undone == 1
    assert work.asked == ["lend", "lend"]


def test_what_cannot_be_executed_has_no_data_and_the_new_media_type_a_400() -> None:
    graph, work = library(), cast(Work, Savepoints("*"))
    for query in ("{ nonsense }", "{", "subscription { x }", "query a { __typename } query b { __typename }"):
        plain = graph.answer(GraphQuery(query), request(), work)
        assert (plain.status, plain.media_type) == (200, "application/json")
        assert "data" not in plain.body
        modern = graph.answer(GraphQuery(query), request(accept=GRAPHQL_JSON), work)
        assert (modern.status, modern.media_type) == (400, GRAPHQL_JSON)
    fine = graph.answer(GraphQuery("{ broken }"), request(accept=GRAPHQL_JSON), work)
    assert fine.status == 200


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("{ book(id: 1) " + "{ author { books " * 9 + "{ id }" + "} }" * 9 + " }", "levels|deep"),
        ("{" + "a: broken " * 2000 + "}", "token"),
        ("{" * 3000, "token|deep|Syntax"),
    ],
)
def test_a_document_beyond_the_bounds_is_refused(query: str, said: str) -> None:
    import re

    answer = ask(library(), query)
    assert "data" not in answer
    assert re.search(said, answer["errors"][0]["message"])


def test_fragments_that_multiply_are_measured_in_linear_time() -> None:
    chain = "".join(f"fragment f{n} on Book {{ ...f{n + 1} ...f{n + 1} }} " for n in range(60))
    query = f'{{ book(id: "{number(1)}") {{ ...f0 }} }} {chain} fragment f60 on Book {{ title }}'
    assert ask(library(), query)["data"] == {"book": {"title": "book 1"}}


def test_introspection_answers_on_its_own_and_beside_data_and_not_in_production(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer = ask(library(), f'{{ __schema {{ queryType {{ name }} }} book(id: "{number(1)}") {{ title }} }}')
    assert answer["data"] == {"__schema": {"queryType": {"name": "Query"}}, "book": {"title": "book 1"}}
    from common import settings

    monkeypatch.setattr(settings, "_current", [settings.Settings(stage="prod")])
    assert "data" not in ask(library(), "{ __schema { queryType { name } } }")


def test_a_resolver_for_what_the_schema_does_not_have_is_refused() -> None:
    graph = Subgraph(SDL)
    graph.field("Query", "typo")(lambda _root, _work: 1)
    with pytest.raises(LookupError, match=r"Query\.typo"):
        ask(graph, "{ broken }")
    graph = Subgraph(SDL)
    graph.entity("Author", key="name")(lambda _keys, _work: {})
    with pytest.raises(LookupError, match="Author has no @key"):
        ask(graph, "{ broken }")
