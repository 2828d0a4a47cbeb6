"""Lists: filters, orders, pages and search, against the same thing done in Python."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from masterdata import customers, products
from tests.integration.platform import Caller, Platform


@pytest.fixture(scope="module")
def owner(platform: Platform) -> Caller:
    """A tenant with sixty customers."""
    caller = platform.register()
    for n in range(60):
        new: dict[str, Any] = {
            "code": f"C-{n:02}",
            "name": f"Name {n % 7}%_{'é' if n % 2 else 'e'}",
            "currency": ["EUR", "USD", None][n % 3],
            "credit_limit": None if n % 5 == 0 else f"{n * 10}.5",
            "payment_terms_days": None if n % 4 == 0 else n,
            "attributes": {"n": n, "tier": "gold" if n % 2 else "silver", "vip": n % 3 == 0},
        }
        if n % 6 == 0:
            del new["attributes"]["tier"]
        caller.call(customers.create, new).ok(201)
    return caller


def _walk(owner: Caller, **query: Any) -> list[dict[str, Any]]:
    seen, cursor = [], None
    while True:
        asked = {"limit": 7} | query | ({"cursor": cursor} if cursor else {})
        page = owner.call(customers.list_, query=asked).ok()
        seen += page["items"]
        if (cursor := page["next"]) is None:
            return seen


def _limit(c: dict[str, Any]) -> Decimal | None:
    return None if c["credit_limit"] is None else Decimal(c["credit_limit"])


FILTERS: list[tuple[str, Callable[[dict[str, Any]], bool]]] = [
    ('currency eq "EUR"', lambda c: c["currency"] == "EUR"),
    ('currency ne "EUR"', lambda c: c["currency"] != "EUR"),
    ("currency eq null", lambda c: c["currency"] is None),
    ("currency pr", lambda c: c["currency"] is not None),
    ("credit_limit ge 100.5", lambda c: (_limit(c) or -1) >= Decimal("100.5")),
    ('credit_limit lt "50"', lambda c: _limit(c) is not None and (_limit(c) or 0) < 50),
    ("payment_terms_days gt 30.5", lambda c: (c["payment_terms_days"] or 0) > 30),
    ('name co "%_E"', lambda c: "%_e" in c["name"].lower()),
    ('name sw "NAME 3"', lambda c: c["name"].startswith("Name 3")),
    ('name ew "é"', lambda c: c["name"].endswith("é")),
    ('name co "%%"', lambda c: False),
    ('not (currency eq "EUR") and code lt "C-30"', lambda c: c["currency"] != "EUR" and c["code"] < "C-30"),
    ('currency eq "USD" or credit_limit eq null', lambda c: c["currency"] == "USD" or _limit(c) is None),
    ('attributes.tier eq "gold"', lambda c: c["attributes"].get("tier") == "gold"),
    ('attributes.tier ne "gold"', lambda c: c["attributes"].get("tier") != "gold"),
    ("attributes.tier pr", lambda c: "tier" in c["attributes"]),
    ("attributes.n ge 55", lambda c: c["attributes"]["n"] >= 55),
    ("attributes.vip eq true", lambda c: c["attributes"]["vip"]),
    ('attributes.n eq "5"', lambda c: False),
    ("attributes.none eq null", lambda c: True),
]


@pytest.mark.parametrize(("source", "holds"), FILTERS, ids=[source for source, _ in FILTERS])
def test_a_filter_selects_what_it_says(owner: Caller, source: str, holds: Callable[[Any], bool]) -> None:
    everything = _walk(owner)
    assert len(everything) == 60
    assert _walk(owner, filter=source) == [c for c in everything if holds(c)]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"filter": "colour eq 1"}, "filter"),
        ({"filter": "name eq 1"}, "filter"),
        ({"filter": 'credit_limit co "1"'}, "filter"),
        ({"filter": 'credit_limit eq "x"'}, "filter"),
        ({"filter": 'created_at gt "yesterday"'}, "filter"),
        ({"filter": 'id eq "x"'}, "filter"),
        ({"filter": "name gt null"}, "filter"),
        ({"filter": "addresses pr"}, "filter"),
        ({"sort": "addresses"}, "sort"),
        ({"sort": "-code,code"}, "sort"),
        ({"limit": 201}, "limit"),
        ({"cursor": "x"}, "cursor"),
    ],
)
def test_what_makes_no_sense_is_told_by_its_parameter(
    owner: Caller, query: dict[str, Any], parameter: str
) -> None:
    assert owner.call(customers.list_, query=query).problem(400)["parameter"] == parameter


ORDERS: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("code", lambda c: c["code"]),
    ("name", lambda c: (c["name"], c["id"])),
    ("credit_limit", lambda c: (Decimal(-1) if _limit(c) is None else _limit(c), c["id"])),
    (
        "payment_terms_days,currency,code",
        lambda c: (c["payment_terms_days"] or -1, c["currency"] or "", c["code"]),
    ),
    ("created_at", lambda c: (c["created_at"], c["id"])),
    ("updated_at,id", lambda c: (c["updated_at"], c["id"])),
]


@pytest.mark.parametrize(("sort", "key"), ORDERS, ids=[sort for sort, _ in ORDERS])
def test_an_order_is_kept_from_page_to_page(owner: Caller, sort: str, key: Callable[[Any], Any]) -> None:
    assert _walk(owner, sort=sort) == sorted(_walk(owner), key=key)


def test_orders_may_rise_and_fall(owner: Caller) -> None:
    wanted = sorted(_walk(owner), key=lambda c: c["id"])
    wanted = sorted(wanted, key=lambda c: c["name"], reverse=True)
    wanted = sorted(wanted, key=lambda c: Decimal(c["credit_limit"] or -1))
    assert _walk(owner, sort="credit_limit,-name") == wanted


def test_a_cursor_is_good_for_its_list_only(owner: Caller) -> None:
    cursor = owner.call(customers.list_, query={"limit": 2, "sort": "name"}).ok()["next"]
    owner.call(customers.list_, query={"limit": 2, "cursor": cursor}).problem(400)
    owner.call(
        customers.list_, query={"limit": 2, "sort": "name", "filter": "name pr", "cursor": cursor}
    ).problem(400)


@pytest.fixture(scope="module")
def searched(platform: Platform) -> Caller:
    """A tenant with a few customers to be found."""
    caller = platform.register()
    for code, name, contact in (
        ("ZUR-1", "Café Zürich GmbH", {"name": "Änne Müller", "email": "anne@cafe-zuerich.test"}),
        ("BER-1", "Zuckerbäckerei Berlin", {"name": "Bob", "phone": "+49 30 5551234"}),
        ("BER-2", "100% Bio_Markt", {"name": "Carla O'Neill"}),
    ):
        caller.call(customers.create, {"code": code, "name": name, "contacts": [contact]}).ok(201)
    return caller


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("zurich", ["ZUR-1"]),
        ("ZÜRICH café", ["ZUR-1"]),
        ("ber", ["BER-1", "BER-2"]),
        ("ber-2", ["BER-2"]),
        ("muller", ["ZUR-1"]),
        ("anne@cafe-zuerich.test", ["ZUR-1"]),
        ("5551234", ["BER-1"]),
        ("z", ["BER-1", "ZUR-1"]),
        ("100%", ["BER-2"]),
        ("%", []),
        ("_", []),
        ("o'neill", ["BER-2"]),
        ("zuckerbakerei", ["BER-1"]),
        ("nothing like it", []),
        ("'; drop table masterdata.customers; --", []),
    ],
)
def test_search_finds_words_and_parts_of_them(searched: Caller, q: str, found: list[str]) -> None:
    items = searched.call(customers.list_, query={"q": q}).ok()["items"]
    assert sorted(item["code"] for item in items) == found


def test_search_combines_with_filters_orders_archiving_and_pages(searched: Caller) -> None:
    query = {"q": "ber", "sort": "-code", "limit": 1}
    first = searched.call(customers.list_, query=query).ok()
    second = searched.call(customers.list_, query=query | {"cursor": first["next"]}).ok()
    assert [first["items"][0]["code"], second["items"][0]["code"]] == ["BER-2", "BER-1"]
    assert second["next"] is None
    ranked = searched.call(customers.list_, query={"q": "ber", "limit": 1}).ok()
    rest = searched.call(customers.list_, query={"q": "ber", "limit": 1, "cursor": ranked["next"]}).ok()
    assert {page["items"][0]["code"] for page in (ranked, rest)} == {"BER-1", "BER-2"}
    narrowed = searched.call(customers.list_, query={"q": "ber", "filter": 'name co "markt"'}).ok()
    assert [item["code"] for item in narrowed["items"]] == ["BER-2"]


def test_a_search_follows_changes(platform: Platform) -> None:
    owner = platform.register()
    made = owner.call(products.create, {"code": "P-1", "name": "Hammer", "category": "Tools"})
    place = {"id": made.ok(201)["id"]}
    assert len(owner.call(products.list_, query={"q": "tools"}).ok()["items"]) == 1
    changed = owner.call(products.patch, {"name": "Saw"}, path=place, headers={"If-Match": made.etag})
    assert owner.call(products.list_, query={"q": "hammer"}).ok()["items"] == []
    assert len(owner.call(products.list_, query={"q": "saw"}).ok()["items"]) == 1
    owner.call(products.archive, path=place, headers={"If-Match": changed.etag}).ok(204)
    assert owner.call(products.list_, query={"q": "saw"}).ok()["items"] == []
    assert len(owner.call(products.list_, query={"q": "saw", "archived": "true"}).ok()["items"]) == 1


def test_a_repeated_list_does_not_see_other_tenants(platform: Platform, searched: Caller) -> None:
    other = platform.register()
    other.call(customers.create, {"code": f"O-{uuid4().hex[:4]}", "name": "Café Zürich"}).ok(201)
    assert len(other.call(customers.list_, query={"q": "zurich"}).ok()["items"]) == 1
    assert len(searched.call(customers.list_, query={"q": "zurich"}).ok()["items"]) == 1
