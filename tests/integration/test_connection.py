"""The pipelined connection behaves as pg8000's own, in fewer round trips."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pg8000.exceptions import DatabaseError

from common.postgres import Connection, InterfaceError
from local.postgres import SUPERUSER, Cluster


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[Connection]:
    made = Connection(
        SUPERUSER, host="127.0.0.1", port=cluster.port, database="groundwork", password=cluster.password
    )
    yield made
    with suppress(InterfaceError):  # one test has it cut
        made.close()


def rows(connection: Connection, statement: str, *values: Any) -> list[Any]:
    cursor = connection.cursor()
    cursor.execute(statement, values)
    return list(cursor.fetchall())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])) | st.none())
def test_text_comes_back_as_it_went(connection: Connection, value: str | None) -> None:
    assert rows(connection, "select %s::text", value) == [[value]]


def test_every_type_in_use_comes_back(connection: Connection) -> None:
    values = (1, 2.5, Decimal("1.50"), True, uuid4(), datetime(2026, 1, 2, tzinfo=UTC), [1, 2], None)
    types = ("bigint", "float8", "numeric", "boolean", "uuid", "timestamptz", "bigint[]", "text")
    columns = ", ".join(f"%s::{kind}" for kind in types)
    assert rows(connection, f"select {columns}", *values) == [list(values)]


def test_a_percent_sign_and_a_quoted_placeholder_are_text(connection: Connection) -> None:
    assert rows(connection, "select '100%', '%s', 7 %% %s::int", 4) == [["100%", "%s", 3]]


def test_row_counts_are_told(connection: Connection) -> None:
    cursor = connection.cursor()
    cursor.execute("create temporary table t (n int)")
    cursor.execute("insert into t select generate_series(1, %s)", (5,))
    assert cursor.rowcount == 5
    cursor.execute("update t set n = 0 where n > %s", (3,))
    assert cursor.rowcount == 2


@pytest.mark.parametrize("statement", ["selec %s", "select %s / 0", "select %s::int from nowhere"])
def test_an_error_leaves_the_connection_in_step(connection: Connection, statement: str) -> None:
    with pytest.raises(DatabaseError):
        rows(connection, statement, 1)
    connection.rollback()
    assert rows(connection, "select %s::int", 2) == [[2]]


def test_a_commit_of_a_failed_transaction_is_an_error(connection: Connection) -> None:
    with pytest.raises(DatabaseError):
        rows(connection, "select 1 / %s", 0)
    with pytest.raises(InterfaceError, match="failed transaction"):
        connection.commit()


def test_a_transaction_is_kept_or_undone(connection: Connection, cluster: Cluster) -> None:
    table = f"t_{uuid4().hex[:8]}"
    rows(connection, "select %s", "begins the transaction")
    connection.execute_simple(f"create table {table} (n int)")
    connection.commit()
    connection.cursor().execute(f"insert into {table} values (%s)", (1,))
    connection.rollback()
    assert cluster.run(f"select count(*) from {table}", "groundwork") == [[0]]
    connection.cursor().execute(f"insert into {table} values (%s)", (1,))
    connection.commit()
    assert cluster.run(f"select count(*) from {table}", "groundwork") == [[1]]


def test_a_connection_that_was_cut_says_so(connection: Connection, cluster: Cluster) -> None:
    ((pid, _),) = rows(connection, "select pg_backend_pid(), %s::text", None)
    cluster.run(f"select pg_terminate_backend({pid})")
    with pytest.raises((InterfaceError, DatabaseError)):
        rows(connection, "select %s", 1)


@pytest.fixture
def numbers(cluster: Cluster) -> str:
    """A table of whole numbers, each once."""
    table = f"t_{uuid4().hex[:8]}"
    cluster.run(f"create table {table} (n int primary key deferrable initially deferred)", "groundwork")
    return table


def test_a_statement_begins_its_transaction(connection: Connection, cluster: Cluster, numbers: str) -> None:
    opening = "begin read only; select set_config('app.tenant_id', 'x', true)"
    found = connection.execute_within(opening, "select current_setting('app.tenant_id') || $1", ["y"])
    assert found.rows == [["xy"]]
    with pytest.raises(DatabaseError, match="read-only"):
        connection.execute_unnamed(f"insert into {numbers} values ($1)", [1])


def test_an_opening_that_fails_is_what_went_wrong(connection: Connection) -> None:
    with pytest.raises(DatabaseError, match="division by zero"):
        connection.execute_within("begin; select 1 / 0", "select $1::int", [1])
    connection.rollback()
    assert rows(connection, "select %s::int", 2) == [[2]]


def test_a_last_statement_commits(connection: Connection, cluster: Cluster, numbers: str) -> None:
    rows(connection, "select %s", "begins the transaction")
    connection.execute_and_commit(f"insert into {numbers} values ($1)", [1])
    connection.commit()
    assert cluster.run(f"select n from {numbers}", "groundwork") == [[1]]


@pytest.mark.parametrize(("value", "wrong"), [("one", "22P02"), (2, "23505")])
def test_a_last_statement_that_fails_leaves_nothing(
    connection: Connection, cluster: Cluster, numbers: str, value: object, wrong: str
) -> None:
    connection.execute_within("begin", f"insert into {numbers} values ($1)", [2])
    with pytest.raises(DatabaseError, match=wrong):
        connection.execute_and_commit(f"insert into {numbers} values ($1)", [value])
    connection.rollback()
    assert cluster.run(f"select count(*) from {numbers}", "groundwork") == [[0]]
    assert rows(connection, "select %s::int", 3) == [[3]]


@pytest.mark.parametrize(
    "text", ["2026-01-02 03:04:05.000006+00", "1890-01-01 00:00:00-07:36:42", "infinity"]
)
def test_a_moment_is_read_as_it_was_written(connection: Connection, text: str) -> None:
    connection.execute_simple("set time zone 'UTC'")
    expected = text if text == "infinity" else datetime.fromisoformat(text)
    assert rows(connection, "select %s::timestamptz", text) == [[expected]]
