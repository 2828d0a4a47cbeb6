"""Fields of one response name must be mergeable: the same verdicts as graphql-core's rule, in linear time."""

from random import Random

import pytest
from graphql import OverlappingFieldsCanBeMergedRule, build_schema, parse, validate

from gateway.planner.overlap import overlapping_fields

SCHEMA = build_schema("""
type Query {
  a: A b: B i: I u: U list: [A] some: String strict: String! number: Int args(x: Int, y: Int): String
}
interface I { x: String i: I }
type A implements I {
  x: String i: I n: Int y: String o: Query s: String! l: [String] e: E arg(k: Int): Int
}
type B implements I {
  x: String i: I n: String y: String! o: Query s: String! l: String e: F arg(k: Int): Int
}
union U = A | B
enum E { P }
enum F { P }
""")

CASES = [
    ("{ some some }", True),
    ("{ k: some k: number }", False),
    ("{ args(x: 1) args(x: 1) }", True),
    ("{ args(x: 1, y: 2) args(y: 2, x: 1) }", True),
    ("{ args(x: 1) args(x: 2) }", False),
    ("{ args(x: 1) args }", False),
    ("query($v: Int) { args(x: $v) args(x: $v) }", True),
    ("{ u { ... on A { k: n } ... on B { k: n } } }", False),
    ("{ u { ... on A { k: x } ... on B { k: x } } }", True),
    ("{ u { ... on A { k: x } ... on B { k: y } } }", False),
    ("{ u { ... on A { k: y } ... on B { k: x } } }", True),
    ("{ u { ... on A { k: arg(k: 1) } ... on B { k: arg(k: 2) } } }", True),
    ("{ u { ... on A { k: e } ... on B { k: e } } }", False),
    ("{ u { ... on A { l } ... on B { l } } }", False),
    ("{ i { x ... on A { x: y } } }", False),
    ("{ i { x ... on A { x } } }", True),
    ("{ u { ... on A { o { k: some } } ... on B { o { k: number } } } }", False),
    ("{ u { ... on A { o { k: some } } ... on B { o { k: some } } } }", True),
    ("{ a { x } a { x: y } }", False),
    ("{ ...F ...G } fragment F on Query { a { k: x } } fragment G on Query { a { k: y } }", False),
    ("{ a { ...F } } fragment F on A { i { ... on A { x ...F2 } } } fragment F2 on A { x: x }", True),
    ("{ k: __typename k: some }", False),
    ("{ __typename __typename u { __typename ... on A { __typename } } }", True),
    ("{ __schema { types { name } } __schema { types { name: kind } } }", False),
    ("{ list { x } list { n } }", True),
]


@pytest.mark.parametrize(("document", "mergeable"), CASES)
def test_conflicts_are_found(document, mergeable):
    assert (not overlapping_fields(SCHEMA, parse(document))) is mergeable
    assert (not validate(SCHEMA, parse(document), [OverlappingFieldsCanBeMergedRule])) is mergeable


def test_random_documents_get_the_verdict_of_graphql_core():
    for seed in range(150):
        document = parse(_random_document(Random(seed)))
        expected = validate(SCHEMA, document, [OverlappingFieldsCanBeMergedRule])
        assert bool(overlapping_fields(SCHEMA, document)) is bool(expected), seed


FIELDS = {
    "Query": "some/strict/number/args(x: 1)/args(x: 2)/a|A/b|B/i|I/u|U/list|A",
    "A": "x/n/y/s/l/e/i|I/o|Query",
    "B": "x/n/y/s/l/e/i|I/o|Query",
    "I": "x/i|I",
    "U": "",
}


def _random_document(random):
    def selection(type_name, depth):
        fields = FIELDS[type_name].split("/")
        texts = []
        for _ in range(random.randint(1, 3)):
            if type_name == "U" or (type_name == "I" and random.random() < 0.6):
                inner = random.choice("AB")
                texts.append(f"... on {inner} {selection(inner, depth)}")
                continue
            name, _, named = random.choice(fields).partition("|")
            alias = random.choice(["", "", "k: ", "m: "])
            if named and depth > 0:
                texts.append(f"{alias}{name} {selection(named, depth - 1)}")
            elif not named:
                texts.append(alias + name)
        return "{" + " ".join(texts or ["__typename"]) + "}"

    return selection("Query", 3)


def test_an_error_names_the_response_key_and_both_places():
    (error,) = overlapping_fields(SCHEMA, parse("{ k: some k: number }"))
    assert '\'k\' conflict because "some" and "number" are different fields' in error.message
    assert len(error.locations or ()) == 2
