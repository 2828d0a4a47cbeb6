"""CSV and NDJSON, as spreadsheets and programs write them, from any offset."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masterdata.files import columns
from masterdata.files.errors import FileError
from masterdata.files.lines import MAX_ROW, lines
from masterdata.files.rows import Row, csv_rows, dialect_of, json_rows

KNOWN = {"code", "name", "credit_limit", "attributes"}


def _known(name: str) -> bool:
    return columns.is_place(name, KNOWN)


def _read(content: bytes, size: int = 7, start: int | None = None) -> list[Row]:
    dialect = dialect_of(content, _known)
    at = dialect.start if start is None else start
    chunks = (content[n : n + size] for n in range(at, len(content), size))
    return list(csv_rows(chunks, at, dialect))


def _cells(content: bytes) -> list[object]:
    return [row.value for row in _read(content)]


@pytest.mark.parametrize(
    "content",
    [
        "code,name\nC-1,Café\n".encode(),
        b"\xef\xbb\xbf" + "code;name\r\nC-1;Café\r\n".encode(),
        "code;name\r\nC-1;Café".encode("latin-1"),
        "code\tname\nC-1\tCafé\n".encode("cp1252"),
        "code|name\rC-1|Café\r".encode(),
        "sep=;\r\nCode;Name;;\r\nC-1;Café;;\r\n".encode(),
        '"code","name"\n"C-1","Café"\n'.encode(),
    ],
    ids=["unix", "excel utf-8", "excel latin-1", "tabs", "old mac", "sep", "quoted"],
)
def test_every_spreadsheets_dialect_is_read(content: bytes):
    (cells,) = _cells(content)
    assert isinstance(cells, list)
    assert cells[:2] == ["C-1", "Café"]
    assert dialect_of(content, _known).header == ("code", "name")


def test_characters_of_windows_are_read_where_the_line_is_not_utf8():
    assert _cells(b"code,name\nC-1,\x80uro \x96 caf\xe9\nC-2,caf\xc3\xa9\n") == [
        ["C-1", "€uro \u2013 café"],
        ["C-2", "café"],
    ]


def test_a_cell_may_hold_delimiters_quotes_and_line_breaks():
    assert _cells(b'code,name\r\nC-1,"a ""b"", c\r\nd"\r\nC-2,x\r\n') == [
        ["C-1", 'a "b", c\r\nd'],
        ["C-2", "x"],
    ]


def test_empty_rows_are_rows_without_value():
    assert _cells(b"code,name\n\n,,\nC-1,x\n") == [None, None, ["C-1", "x"]]


def test_an_unclosed_quotation_costs_its_row_and_no_other():
    good = b"".join(b"C-%d,x\n" % n for n in range(50))
    rows = _read(b'code,name\nC-0,"never closed\n' + good)
    assert rows[0].fault is not None
    assert [row.value[0] for row in rows[1:]] == [f"C-{n}" for n in range(50)]


def test_a_row_without_end_is_bounded():
    rows = _read(b"code,name\n" + b"x" * (MAX_ROW + 10) + b"\nC-1,x\n", size=50_000)
    assert rows[0].fault is not None
    assert rows[1].value == ["C-1", "x"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(b"", "no header"), ("code".encode("utf-16"), "UTF-16"), (b"code," * 20_000, "header row is longer")],
)
def test_a_file_that_is_no_csv_says_what_to_do(content: bytes, complaint: str):
    with pytest.raises(FileError, match=complaint):
        dialect_of(content, _known)


_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(_texts, _texts).filter(lambda cells: any(c.strip() for c in cells)), max_size=8),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.integers(1, 40),
    st.booleans(),
)
def test_what_is_written_is_read_and_reading_resumes_behind_any_row(rows, delimiter, end, size, bom):
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end, quoting=csv.QUOTE_ALL).writerows(
        [("code", "name"), *rows]
    )
    content = (b"\xef\xbb\xbf" if bom else b"") + out.getvalue().encode()
    found = _read(content, size)
    assert [tuple(row.value) for row in found] == rows
    for place, row in enumerate(found):
        assert _read(content, size, start=row.end) == found[place + 1 :]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.dictionaries(_texts, _texts, max_size=3), max_size=8), st.integers(1, 40), st.booleans())
def test_ndjson_is_read_and_resumes_behind_any_line(values, size, bom):
    content = (b"\xef\xbb\xbf" if bom else b"") + b"".join(json.dumps(v).encode() + b"\n" for v in values)
    found = list(json_rows((content[n : n + size] for n in range(0, len(content), size)), 0))
    assert [row.value for row in found if row.value is not None] == values
    for place, row in enumerate(found):
        rest = [content[row.end :]] if content[row.end :] else []
        assert list(json_rows(rest, row.end)) == found[place + 1 :]


def test_a_bad_line_of_ndjson_is_its_own_fault():
    rows = list(json_rows([b'{"a": 1}\n{"a": \n[1]\n\n' + b"[" * 100_000 + b'\n{"b": 2}'], 0))
    assert [row.value for row in rows] == [{"a": 1}, None, None, None, None, {"b": 2}]
    assert [row.fault is not None for row in rows] == [False, True, True, False, True, False]


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(1, 20))
def test_lines_do_not_depend_on_chunks(content: bytes, size: int):
    whole = list(lines([content], 0))
    assert list(lines((content[n : n + size] for n in range(0, len(content), size)), 0)) == whole
    assert b"".join(line.raw or b"" for line in whole) == content


LISTS = frozenset({"addresses", "contacts"})


def test_columns_are_places_in_the_record():
    header = [
        "code",
        "tax_id",
        "addresses.0.lines.0",
        "addresses.0.lines.2",
        "addresses.1.country",
        "attributes.tier",
    ]
    assert columns.record_of(header, ["C-1", "", "Main St", "Back", "", "'=gold"], LISTS) == {
        "code": "C-1",
        "tax_id": None,
        "addresses": [{"lines": ["Main St", "Back"]}],
        "attributes": {"tier": "=gold"},
    }


def test_a_list_whose_cells_are_empty_is_empty():
    assert columns.record_of(["code", "contacts.0.name"], ["C-1", " "], LISTS) == {
        "code": "C-1",
        "contacts": [],
    }


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {
            "code": st.text("abc=+-@'", min_size=1, max_size=5).map(lambda t: "c" + t),
            "name": st.text("abc=+-@'é ", min_size=1, max_size=9)
            .map(str.strip)
            .filter(lambda t: t and not (t.startswith("'") and t[1:2] in ("=", "+", "-", "@"))),
            "contacts": st.lists(
                st.fixed_dictionaries({"name": st.sampled_from(["Ann", "-Bea", "=1+1"])}), max_size=3
            ),
        }
    )
)
def test_what_an_export_writes_an_import_reads(record):
    cells = columns.cells_of(record, LISTS)
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells.values())
    read = columns.record_of(list(cells), list(cells.values()), LISTS)
    assert read == {k: v for k, v in record.items() if v != []}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.234,56", "1234.56"),
        ("1234,5", "1234.5"),
        ("1.234.567", "1234567"),
        ("1234.56", "1234.56"),
        ("1.234", "1.234"),
        ("12", "12"),
        ("1 234,5", "1234.5"),
        ("1,2,3", "1,2,3"),
        ("x", "x"),
    ],
)
def test_a_decimal_comma_is_a_decimal_point(text: str, number: str):
    assert columns.without_decimal_comma(text) == number
