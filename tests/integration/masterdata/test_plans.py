"""What the database does for a page and for a search: told by its plans, as the service's own login."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, create_engine, text

from masterdata import customers
from masterdata.matching.folding import fold, patterns
from tests.integration.masterdata import files
from tests.integration.masterdata.statements import sent
from tests.integration.platform import Caller, Platform

TENANTS = 5
CUSTOMERS = 8000
"""Of each tenant."""

_FILL = """
insert into masterdata.customers
    (id, tenant_id, code, name, created_at, created_by, updated_at, updated_by, search)
select gen_random_uuid(), :tenant, 'C-' || n, 'Customer ' || md5(n::text),
       now() - n * interval '1 second', 'system', now(), 'system',
       ' c ' || n || ' customer ' || md5(n::text || :tenant) || ' '
from generate_series(1, :count) n
"""


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    """A tenant with thousands of customers, among others that have as many."""
    caller = platform.register()
    for tenant in [caller.tenant, *(str(uuid4()) for _ in range(TENANTS - 1))]:
        with platform.admin.begin() as connection:
            connection.execute(text(_FILL), {"tenant": tenant, "count": CUSTOMERS})
    _settle(platform)
    return caller


def _settle(platform: Platform) -> None:
    """What autovacuum does in its time."""
    with platform.admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze masterdata.customers"))


@contextmanager
def _within(platform: Platform, caller: Caller) -> Iterator[Connection]:
    """A connection as masterdata's login, within the caller's tenant."""
    engine = create_engine(platform.settings["masterdata"].database_url)
    with engine.connect() as connection:
        connection.execute(text("select set_config('app.tenant_id', :t, false)"), {"t": caller.tenant})
        yield connection
    engine.dispose()


@pytest.fixture
def login(platform: Platform, owner: Caller) -> Iterator[Connection]:
    """A connection as masterdata's login, within the tenant."""
    with _within(platform, owner) as connection:
        yield connection


def _statement(owner: Caller, **query: Any) -> tuple[str, Sequence[Any]]:
    """The SQL that the list operation really sends, with its parameters."""
    with sent() as seen:
        owner.call(customers.list_, query=query).ok()
    (found,) = [(statement, values) for statement, values in seen if "row_to_json" in statement]
    return found


def _plan(connection: Connection, statement: str, values: Sequence[Any]) -> str:
    """The plan of a statement, as text."""
    driver: Any = connection.connection.driver_connection
    return "\n".join(
        line for (line,) in driver.execute_unnamed("explain (analyze) " + statement, values).rows
    )


def _buffers(connection: Connection, statement: str, values: Sequence[Any]) -> tuple[int, str]:
    """Blocks that a statement touches, and its plan."""
    driver: Any = connection.connection.driver_connection
    explained = driver.execute_unnamed("explain (analyze, buffers, format json) " + statement, values)
    [[[plan]]] = explained.rows
    return plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"], json.dumps(plan)


@pytest.mark.parametrize("sort", ["", "name", "-created_at", "updated_at"])
def test_a_late_page_costs_what_the_first_one_costs(
    platform: Platform, owner: Caller, login: Connection, sort: str
) -> None:
    from common.paging import cursor_of
    from masterdata.lists import Wanted

    first, plan = _buffers(login, *_statement(owner, limit=20, sort=sort))
    assert "Seq Scan" not in plan
    column, falls = sort.lstrip("-") or "code", sort.startswith("-")
    late = login.execute(
        text(
            f"select {column}, id from masterdata.customers where tenant_id = :t "
            f"order by {column} {'desc' if falls else ''}, id offset :n limit 1"
        ),
        {"t": owner.tenant, "n": CUSTOMERS - 100},
    ).one()
    values = [late[0]] if column == "code" else list(late)
    cursor = cursor_of(f"customers\n{Wanted(sort=sort).scope}", values)
    last, plan = _buffers(login, *_statement(owner, limit=20, sort=sort, cursor=cursor))
    assert "Seq Scan" not in plan
    assert "Index Cond" in plan
    assert last <= 2 * first + 20


def test_equal_names_do_not_make_late_pages_dear(
    platform: Platform, owner: Caller, login: Connection
) -> None:
    """All customers have one name: only the id tells where the page starts, and the index knows it."""
    from common.paging import cursor_of
    from masterdata.lists import Wanted

    twin = platform.register()
    with platform.admin.begin() as connection:
        connection.execute(
            text(_FILL.replace("md5(n::text)", "'x'", 1)), {"tenant": twin.tenant, "count": 3000}
        )
    _settle(platform)
    login.execute(text("select set_config('app.tenant_id', :t, false)"), {"t": twin.tenant})
    ids = login.execute(
        text("select id from masterdata.customers where tenant_id = :t order by id"), {"t": twin.tenant}
    ).scalars()
    late: UUID = list(ids)[2900]
    cursor = cursor_of(f"customers\n{Wanted(sort='name').scope}", ["Customer x", late])
    first, _ = _buffers(login, *_statement(twin, limit=20, sort="name"))
    last, _ = _buffers(login, *_statement(twin, limit=20, sort="name", cursor=cursor))
    assert last <= 2 * first + 20


def test_an_import_looks_up_its_codes_and_reads_nothing_else(
    platform: Platform, owner: Caller, login: Connection
) -> None:
    """Though the planner knows nothing yet of what a tenant has: it is not read again for each batch."""
    rows = "".join(f"X-{n},New\n" for n in range(500))
    with files.bucket(platform) as s3, sent() as seen:
        files.run(s3, owner, f"code,name\n{rows}", entity="customers")
    (look_up,) = [(statement, values) for statement, values in seen if "for update" in statement.lower()]
    try:
        with platform.admin.begin() as connection:
            connection.execute(
                text("delete from pg_statistic where starelid = 'masterdata.customers'::regclass")
            )
        plan = _plan(login, *look_up)
    finally:
        _settle(platform)
    assert "Index Scan using customers_tenant_id_code_key" in plan
    assert "Rows Removed by Filter" not in plan


def _search_plans(platform: Platform, tenant: str, *arguments: Any) -> list[str]:
    """The plans of the statements inside the search function, run as the service's login."""
    with platform.admin.connect() as connection:
        connection.execute(text("load 'auto_explain'"))
        for setting, value in (
            ("auto_explain.log_min_duration", "0"),
            ("auto_explain.log_nested_statements", "on"),
            ("auto_explain.log_level", "notice"),
            ("auto_explain.log_analyze", "on"),
            ("client_min_messages", "notice"),
            ("app.tenant_id", tenant),
        ):
            connection.execute(text("select set_config(:s, :v, false)"), {"s": setting, "v": value})
        connection.execute(text("set role groundwork_masterdata"))
        driver: Any = connection.connection.driver_connection
        driver.notices.clear()
        connection.execute(
            text("select * from masterdata.search('customers', :p, :q)"),
            {"p": arguments[0], "q": arguments[1]},
        )
        return [notice[b"M"].decode() for notice in driver.notices if b"masterdata.customers" in notice[b"M"]]


def test_search_is_an_index_scan_under_row_level_security(platform: Platform, owner: Caller) -> None:
    (name,) = platform.rows(
        "select search from masterdata.customers where tenant_id = :t and code = 'C-4321'", t=owner.tenant
    )[0]
    word = name.split()[-1][:10]
    for terms in ([word], [word[:4], word[5:]], ["customer", word], ["customer", " c"], [" 4"]):
        (plan,) = _search_plans(platform, owner.tenant, [f"%{term}%" for term in terms], " ".join(terms))
        assert "Bitmap Index Scan on customers_pieces_idx" in plan
        assert "Index Cond: (masterdata.pieces(tenant_id, search) @>" in plan
        assert "Seq Scan" not in plan


def test_a_search_without_result_tries_words_alike_by_index_too(platform: Platform, owner: Caller) -> None:
    (name,) = platform.rows(
        "select search from masterdata.customers where tenant_id = :t and code = 'C-4321'", t=owner.tenant
    )[0]
    word = name.split()[-1]
    misspelt = word[:9] + "xy" + word[11:]
    as_written, alike = _search_plans(platform, owner.tenant, [f"%{misspelt}%"], misspelt)
    assert "Index Cond: (masterdata.pieces(tenant_id, search) @>" in as_written
    assert alike.count("masterdata.pieces(tenant_id, search) &&") >= 2
    assert all("Bitmap Index Scan on customers_pieces_idx" in p for p in (as_written, alike))
    candidates = re.search(r"Bitmap Index Scan.*rows=(\d+)", alike)
    assert candidates is not None
    assert int(candidates[1]) < CUSTOMERS / 50


def test_no_tenant_reads_on_in_the_index_what_another_has(platform: Platform, owner: Caller) -> None:
    """Each tenant's pieces are its own: so what a search costs follows from the tenant's size alone."""
    (shared,) = platform.rows(
        "select count(*) as n from unnest(masterdata.pieces(:a, 'acme')) a, "
        "unnest(masterdata.pieces(:b, 'acme')) b where a = b",
        a=owner.tenant,
        b=str(uuid4()),
    )
    assert shared.n == 0


WORDS = (
    "müller",
    "bakery",
    "straße",
    "иванов",
    "東京都",
    "acme",
    "zebra",
    "o'neill",
    "c-42",
    "ab",
    "x",
    "naïve",
)


def test_search_finds_what_reading_every_row_would_find(platform: Platform) -> None:
    """As written, in any script, or alike where nothing is as written."""
    chosen = random.Random(4)
    caller = platform.register()
    names = [" ".join(chosen.choices(WORDS, k=3)) + f" {n:03}" for n in range(120)]
    for name in names:
        caller.call(customers.create, {"code": f"S-{name[-3:]}", "name": name}).ok(201)

    def find(where: str, **parameters: Any) -> set[UUID]:
        statement = f"select id from masterdata.customers where tenant_id = :t and {where}"
        return {row.id for row in platform.rows(statement, t=caller.tenant, **parameters)}

    alike = 0
    for _ in range(150):
        letters = list(chosen.choice(names))
        start = chosen.randrange(len(letters) - 3)
        letters = letters[start : start + chosen.randint(1, 14)]
        if chosen.random() < 0.5:
            letters[chosen.randrange(len(letters))] = chosen.choice("abcxyz")
        wanted, query = patterns("".join(letters)), fold("".join(letters))
        if not wanted:
            continue
        expected = find("search like all (cast(:p as text[]))", p=wanted)
        if not expected:
            expected = find("platform.word_similarity(:q, search) >= 0.6", q=query)
            alike += bool(expected)
        with _within(platform, caller) as connection:
            statement = text("select id from masterdata.search('customers', :p, :q)")
            found = connection.execute(statement, {"p": wanted, "q": query}).scalars()
            # Of letters that the database's locale does not know, reading every row would make nothing of.
            assert expected == set(found) if query.isascii() else expected >= set(found), query
    assert alike > 10


def test_without_the_function_row_level_security_would_keep_the_index_unused(
    login: Connection, owner: Caller
) -> None:
    """Why the function is there: if PostgreSQL ever changes this, it can go."""
    plan = login.execute(
        text("explain select id from masterdata.customers where tenant_id = :t and search like '%abcdef%'"),
        {"t": owner.tenant},
    ).scalars()
    assert not any("search ~~" in line and "Index Cond" in line for line in plan)


def test_the_login_can_search_only_its_own_tenant(platform: Platform, owner: Caller) -> None:
    statement = text("select count(*) from masterdata.search('customers', '{% c%}', 'c')")
    with _within(platform, owner) as connection:
        assert connection.execute(statement).scalar() == CUSTOMERS
        connection.execute(text("select set_config('app.tenant_id', '', false)"))
        assert connection.execute(statement).scalar() == 0
