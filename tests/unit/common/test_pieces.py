"""The small pieces: identifiers, entity tags, pages, settings, shards, problems, samples."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import Column, Integer, MetaData, Table, Text, select
from sqlalchemy.dialects import postgresql

from common import collector, errors, etag, paging
from common.binding import form, invalid
from common.errors import BadRequest, Invalid, PreconditionFailed, PreconditionRequired
from common.identifiers import uuid7
from common.outbox import shard_of
from common.request import Request
from common.settings import Settings
from common.tables import SHARDS


class TestIdentifiers:
    def test_they_are_version_7_of_now_and_rise(self) -> None:
        before = time.time_ns() // 1_000_000
        made = [uuid7() for _ in range(2000)]
        after = time.time_ns() // 1_000_000
        assert made == sorted(set(made))
        assert {(u.version, u.variant) for u in made} == {(7, "specified in RFC 4122")}
        assert before <= made[0].int >> 80 <= after


class TestEntityTags:
    @given(st.integers(1, 2**63 - 1))
    def test_a_version_matches_its_own_tag(self, version: int) -> None:
        etag.IfMatch.of(etag.etag(version)).check(version)
        assert etag.none_match(f'"0", {etag.etag(version)}', etag.etag(version))

    def test_a_list_matches_any_and_a_star_everything(self) -> None:
        etag.IfMatch.of('"1", "2"').check(2)
        etag.IfMatch.of("*").check(99)
        with pytest.raises(PreconditionFailed):
            etag.IfMatch.of('"1", "2"').check(3)

    def test_weak_tags_match_weakly_only(self) -> None:
        assert etag.none_match('W/"3"', '"3"')
        with pytest.raises(PreconditionFailed):
            etag.IfMatch.of('W/"3"').check(3)

    @pytest.mark.parametrize("header", ["", "7", 'x"7"', '"7" "8"', '"7",', '*, "7"'])
    def test_what_is_no_list_of_tags_is_refused(self, header: str) -> None:
        with pytest.raises(BadRequest):
            etag.IfMatch.of(header)

    def test_none_at_all_is_asked_for(self) -> None:
        with pytest.raises(PreconditionRequired):
            etag.IfMatch.of(None)
        assert not etag.none_match(None, '"1"')


TABLE = Table("t", MetaData(), Column("a", Text), Column("n", Integer))
VALUES = st.tuples(
    st.text(),
    st.integers(-(2**53), 2**53),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12),
)


class TestPaging:
    @given(VALUES)
    def test_a_cursor_gives_back_what_it_holds(self, values: tuple[Any, ...]) -> None:
        cursor = paging.cursor_of("list", values)
        types = [str, int, datetime, UUID, Decimal]
        assert paging.Paging(10, cursor).after("list", types) == list(values)

    def test_a_cursor_of_another_list_is_refused(self) -> None:
        cursor = paging.cursor_of("list", ["x"])
        with pytest.raises(BadRequest, match="another list"):
            paging.Paging(10, cursor).after("other", [str])

    @given(st.text())
    def test_any_other_text_is_refused(self, text: str) -> None:
        assume(not text.startswith(paging.cursor_of("list", ["x"])[:12]))
        with pytest.raises(BadRequest) as caught:
            paging.Paging(10, text).after("list", [str])
        assert caught.value.members == {"parameter": "cursor"}

    def test_the_statement_starts_after_the_row_and_asks_for_one_more(self) -> None:
        statement = paging.keyset(select(TABLE), [(TABLE.c.a, True), (TABLE.c.n, False)], ["x", 7], 5)
        sql = str(statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True}))
        assert "t.a < 'x' OR t.a = 'x' AND t.n > 7" in sql
        assert "t.a <= 'x'" in sql
        assert "ORDER BY t.a DESC, t.n ASC" in sql
        assert "LIMIT 6" in sql

    def test_the_last_page_has_no_next(self) -> None:
        page = paging.page([1, 2], 2, "list", lambda row: [row], str)
        assert page == paging.Page(["1", "2"], None)
        assert paging.page([1, 2, 3], 2, "list", lambda row: [row], str).next is not None


class TestSettings:
    def test_they_are_read_from_the_environment(self) -> None:
        read = Settings.read(
            {"STAGE": "dev", "DATABASE_PORT": "6432", "OPEN_SIGNUP": "false", "KAFKA_IAM": "1", "OTHER": "x"}
        )
        assert (read.stage, read.database_port, read.open_signup, read.kafka_iam) == (
            "dev",
            6432,
            False,
            True,
        )

    def test_secrets_are_not_shown(self) -> None:
        assert "hush" not in repr(Settings(signing_secret="hush", scrape_token="hush"))


class TestShards:
    def test_a_stream_stays_in_its_shard_and_streams_spread(self) -> None:
        counted = Counter(shard_of(f"customer:{n}") for n in range(4000))
        assert set(counted) == set(range(SHARDS))
        assert max(counted.values()) < 2 * min(counted.values())


class _Inner(msgspec.Struct):
    n: int


class _Outer(msgspec.Struct):
    items: list[_Inner]


class TestProblems:
    def test_a_document_is_rfc_9457(self) -> None:
        document = errors.NotFound("Gone.", hint="x").document("/here")
        assert document == {
            "type": "urn:groundwork:problem:not_found",
            "title": "Not found",
            "status": 404,
            "code": "not_found",
            "detail": "Gone.",
            "instance": "/here",
            "hint": "x",
        }

    def test_a_place_in_the_body_is_a_json_pointer(self) -> None:
        with pytest.raises(msgspec.ValidationError) as caught:
            msgspec.json.decode(b'{"items": [{"n": 1}, {"n": "x"}]}', type=_Outer)
        problem = invalid(caught.value)
        assert isinstance(problem, Invalid)
        assert problem.members["errors"] == [{"pointer": "/items/1/n", "detail": "Expected 'int', got 'str'"}]


class TestForms:
    def test_fields_are_read(self) -> None:
        assert form(b"a=1&b=%C3%A9+x&c=") == {"a": "1", "b": "é x", "c": ""}

    @pytest.mark.parametrize("body", [b"a=1&a=2", b"a", b"\xff=1", b"&".join([b"a=1"] * 101)])
    def test_a_bad_form_is_refused(self, body: bytes) -> None:
        with pytest.raises(BadRequest):
            form(body)


class TestSamples:
    def test_an_observation_falls_in_the_first_bucket_that_holds_it(self) -> None:
        line = {
            "_aws": {
                "CloudWatchMetrics": [
                    {
                        "Dimensions": [["service", "route"]],
                        "Metrics": [{"Name": "d_seconds", "Unit": "Seconds"}, {"Name": "n", "Unit": "Count"}],
                    }
                ]
            },
            "service": "auth",
            "route": "r",
            "d_seconds": [0.01, 0.011, 99.0],
            "n": [2.0, 3.0],
        }
        counted: Counter[tuple[str, str, str]] = Counter()
        for sample in collector.samples(line):
            counted[sample.series] += sample.value  # type: ignore[assignment]
        assert counted == {
            ("auth", "d_seconds_bucket", '{"le":"0.01","route":"r"}'): 1.0,
            ("auth", "d_seconds_bucket", '{"le":"0.025","route":"r"}'): 1.0,
            ("auth", "d_seconds_bucket", '{"le":"+Inf","route":"r"}'): 1.0,
            ("auth", "d_seconds_sum", '{"route":"r"}'): pytest.approx(99.021),
            ("auth", "n", '{"route":"r"}'): 5.0,
        }


def test_the_base_urls_scheme_is_lower_case_whatever_the_front_door_says() -> None:
    event = {"headers": {"Host": "api.test", "X-Forwarded-Proto": "HTTP"}, "path": "/a"}
    assert Request.of(event).base_url == "http://api.test"
