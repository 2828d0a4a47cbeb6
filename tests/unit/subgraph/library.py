"""A small subgraph to ask: a library, with an in-memory store that counts how often it is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from common.errors import Conflict
from common.paging import Page
from common.principal import Principal
from common.request import Request
from common.subgraph import GraphQuery, Subgraph
from common.work import Work

SDL = """
extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@requiresScopes"])
scalar DateTime
enum Status { LENT IN_STOCK }
interface Thing { id: ID! }
union Found = Book | Author
type Query {
  book(id: ID!): Book
  books(first: Int, after: String): BookConnection!
  found: [Found!]!
  things: [Thing]
  broken: Int
  missing: Int!
  secret: String @requiresScopes(scopes: [["library.secret.read"], ["library.a.read", "library.b.read"]])
  locked: [Locked!]
}
type Mutation { lend(input: Lending!): Book! fail(keepGoing: Boolean): Int explode: Int! }
input Lending { bookId: ID! dueAt: DateTime! }
type Book implements Thing @key(fields: "id") @key(fields: "isbn") {
  id: ID!  isbn: String!  title: String!  status: Status!  addedAt: DateTime!  author: Author  strict: Author!
  sequels(first: Int = 2): [Book!]!  holes: [Int!]  deep: [[Int!]!]
}
type Author implements Thing @key(fields: "id") { id: ID! name: String! books: [Book!]! fragile: Int! }
type Reader @key(fields: "id") { id: ID!  reading: [Book!]! }
type Locked @key(fields: "id") @requiresScopes(scopes: [["library.secret.read"]]) { id: ID! }
type BookConnection { nodes: [Book!]! edges: [BookEdge!]! pageInfo: PageInfo! }
type BookEdge { node: Book! cursor: String }
type PageInfo { hasNextPage: Boolean! endCursor: String }
"""


class Author(msgspec.Struct, frozen=True):
    id: UUID
    name: str


class Book(msgspec.Struct, frozen=True):
    id: UUID
    isbn: str
    title: str
    status: str
    author_id: UUID | None
    added_at: datetime = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def number(n: int) -> UUID:
    return UUID(int=n)


AUTHORS = {number(n): Author(number(n), f"author {n}") for n in range(100, 104)}
BOOKS = {
    number(n): Book(
        number(n),
        f"isbn-{n}",
        f"book {n}",
        "lent" if n % 2 else "in_stock",
        number(100 + n % 4) if n % 5 else None,
    )
    for n in range(1, 11)
}


class Savepoints:
    """As much of a unit of work as a subgraph asks for."""

    def __init__(self, *grants: str) -> None:
        self.principal = Principal("user", number(7), number(8), grants=frozenset(grants))
        self.undone = 0
        self.asked: list[str] = []

    @contextmanager
    def savepoint(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.undone += 1
            raise


def library() -> Subgraph:
    """The subgraph, freshly declared."""
    graph = Subgraph(SDL)

    @graph.entity("Book")
    def by_id(ids: list[UUID], work: Any) -> Mapping[UUID, Book]:
        work.asked.append(f"books by id: {len(ids)}")
        return {i: BOOKS[i] for i in ids if i in BOOKS}

    @graph.entity("Book", key="isbn", of=str)
    def by_isbn(numbers: list[str], work: Any) -> Mapping[str, Book]:
        work.asked.append(f"books by isbn: {len(numbers)}")
        return {b.isbn: b for b in BOOKS.values() if b.isbn in numbers}

    @graph.entity("Author")
    def authors(ids: list[UUID], work: Any) -> Mapping[UUID, Author]:
        work.asked.append(f"authors by id: {len(ids)}")
        return {i: AUTHORS[i] for i in ids if i in AUTHORS}

    @graph.batch("Book", "author")
    def author(books: list[Book], work: Any) -> list[Author | None]:
        work.asked.append(f"authors of {len(books)}")
        return [AUTHORS.get(b.author_id) if b.author_id else None for b in books]

    @graph.batch("Book", "strict")
    def strict(books: list[Book], work: Any) -> list[Author | None]:
        return author(books, work)

    @graph.batch("Author", "books")
    def books_of(authors: list[Author], work: Any) -> list[list[Book]]:
        work.asked.append(f"books of {len(authors)}")
        # One author of the library is a plain mapping: whatever a resolver returned is a parent.
        return [[b for b in BOOKS.values() if b.author_id == getattr(a, "id", None)] for a in authors]

    @graph.field("Author", "fragile")
    def fragile(author: Any, _work: Any) -> int:
        if getattr(author, "id", None) == number(101):
            raise RuntimeError("the inside")
        return 1

    @graph.batch("Book", "sequels")
    def sequels(books: list[Book], _work: Any, first: int) -> list[list[Book]]:
        return [
            [BOOKS[number(b.id.int + k)] for k in range(1, first + 1) if b.id.int + k <= 10] for b in books
        ]

    @graph.field("Book", "holes")
    def holes(book: Book, _work: Any) -> list[int | None]:
        return [1, None if book.id.int % 2 else 2]

    @graph.field("Book", "deep")
    def deep(book: Book, _work: Any) -> list[list[Any]]:
        return [[1], [2, "no number" if book.id.int % 3 == 0 else 3]]

    @graph.batch("Reader", "reading")
    def reading(readers: list[Any], work: Any) -> list[list[Book]]:
        work.asked.append(f"reading of {len(readers)}")
        return [[BOOKS[number(1)]] for reader in readers if isinstance(reader["id"], UUID)]

    @graph.field("Query", "book")
    def book(_root: None, _work: Any, id: str) -> Book | None:  # noqa: A002 - the argument's name
        return BOOKS.get(UUID(id))

    @graph.field("Query", "books")
    def books(_root: None, _work: Any, first: int | None = None, after: str | None = None) -> Page[Book]:
        return Page(list(BOOKS.values())[: first or 10], "more" if first else None)

    @graph.field("Query", "found")
    def found(_root: None, _work: Any) -> list[Any]:
        return [BOOKS[number(1)], AUTHORS[number(100)], {"__typename": "Author", "id": "x", "name": "y"}]

    @graph.field("Query", "things")
    def things(_root: None, _work: Any) -> list[Any]:
        return [BOOKS[number(2)], AUTHORS[number(101)], None]

    @graph.field("Query", "broken")
    def broken(_root: None, _work: Any) -> int:
        raise RuntimeError("the inside")

    @graph.field("Query", "secret")
    def secret(_root: None, _work: Any) -> str:
        return "42"

    @graph.field("Query", "locked")
    def locked(_root: None, _work: Any) -> list[Any]:
        return [{"id": "1"}]

    @graph.field("Mutation", "lend")
    def lend(_root: None, work: Any, input: dict[str, Any]) -> Book:  # noqa: A002
        assert isinstance(input["due_at"], datetime)
        work.asked.append("lend")
        return BOOKS[UUID(input["book_id"])]

    @graph.field("Mutation", "fail")
    def fail(_root: None, work: Any, keep_going: bool = False) -> int:
        raise Conflict("It is lent.", holder="me")

    return graph


def request(**headers: str) -> Request:
    """A request to the subgraph."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("POST", "/library/graphql", named, {}, {}, "", "r", None, False, "https://api.test")


def ask(graph: Subgraph, query: str, work: Savepoints | None = None, **variables: Any) -> dict[str, Any]:
    """The body of the answer."""
    asked = GraphQuery(query, variables)
    body: dict[str, Any] = graph.answer(asked, request(), cast(Work, work or Savepoints("*"))).body
    return body
