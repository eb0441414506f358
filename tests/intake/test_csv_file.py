"""A CSV file as rows of cells, whichever program saved it."""

from __future__ import annotations

import codecs
import io

import pytest

from followup.domain.errors import InvalidInput
from followup.intake.csv_file import Cells, read_cells


def cells(raw):
    return [(row.line, row.cells) for row in read_cells(io.BytesIO(raw))]


def complaint(raw):
    with pytest.raises(InvalidInput) as refused:
        cells(raw)
    (problem,) = refused.value.problems
    return problem


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "with-bom"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["unix", "windows", "old-mac"])
@pytest.mark.parametrize("comma", [b",", b";", b"\t"], ids=["comma", "semicolon", "tab"])
def test_every_usual_way_to_save_is_read(mark, end, comma):
    raw = mark + end.join([comma.join([b"name", b"town"]), comma.join(["Zoë".encode(), b"Bath"])])

    assert cells(raw) == [(1, ["name", "town"]), (2, ["Zoë", "Bath"])]


def test_a_quoted_cell_may_hold_line_ends_commas_and_quotes():
    raw = b'a,b\n"one\ntwo","x, ""y"""\nlast,row\n'

    assert cells(raw) == [(1, ["a", "b"]), (2, ["one\ntwo", 'x, "y"']), (4, ["last", "row"])]


def test_blank_lines_are_rows_without_content():
    rows = list(read_cells(io.BytesIO(b"a,b\n\n , \nx,y\n")))

    assert [row.is_blank for row in rows] == [False, True, True, False]
    assert [row.line for row in rows] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param("a,b\nZoë,1\nPlain,2\n".encode("cp1252"), id="windows"),
        pytest.param("a,b\nZoë,1\nPlain,2\n".encode("mac-roman"), id="mac"),
        pytest.param(b"a,b\nx,\xc3\nPlain,2\n", id="half-a-letter"),
        pytest.param("a,b\nZoë,1\n".encode() + b"Plain,2\n\xff,3\n", id="mixed"),
    ],
)
def test_of_another_encoding_the_rows_are_read_that_are_alike_in_all(raw):
    found = list(read_cells(io.BytesIO(raw)))

    assert [row.line for row in found if row.fault] == [2, *([4] if b"\xff" in raw else [])]
    assert "CSV UTF-8" in found[1].fault
    assert found[2] == Cells(3, ["Plain", "2"])


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE], ids=["le", "be"])
def test_utf_16_is_read_where_its_mark_proves_it(mark):
    encoding = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"

    assert cells(mark + "name\ttown\r\nZoë\tBath\r\n".encode(encoding)) == [
        (1, ["name", "town"]),
        (2, ["Zoë", "Bath"]),
    ]


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(b"PK\x03\x04\x14\0", "Excel workbook", id="xlsx"),
        pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel workbook", id="xls"),
        pytest.param(b"%PDF-1.7\n", "PDF", id="pdf"),
        pytest.param("a,b\nx,y\n".encode("utf-16-le"), "not a CSV file", id="utf-16-unmarked"),
        pytest.param(b"\xff\xfea", "broken UTF-16", id="utf-16-cut-off"),
        pytest.param(b"a,b\n" + b"x" * 1_000_001, "no end", id="endless-line"),
    ],
)
def test_what_is_no_csv_file_is_refused_with_what_to_do(raw, told):
    problem = complaint(raw)

    assert told in problem.message
    assert "CSV UTF-8" in problem.message


@pytest.mark.parametrize(
    ("raw", "faulty"),
    [
        pytest.param(b'a,b\n"open,x\ny,z\n', [2], id="never-closed"),
        pytest.param(b'a,b\n"a"b,c\ny,z\n', [2], id="out-of-place"),
        pytest.param(b'a,b\n"open,x\n"y",z\ny,z\n', [2], id="closed-by-the-next"),
        pytest.param(b'a,b\n"' + b"x" * 200_000 + b"\ny,z\n", [2], id="too-long-a-cell"),
        pytest.param(b'a,b\n"one\n"a"b\ny,z\n', [2, 3], id="twice"),
        pytest.param(b'a,b\n"' + b"\n" * 60 + b"y,z\n", [2], id="blank-lines-behind-it"),
    ],
)
def test_a_quote_gone_wrong_costs_its_line_alone(raw, faulty):
    found = list(read_cells(io.BytesIO(raw)))

    assert [row.line for row in found if row.fault] == faulty
    assert "quotation mark" in found[1].fault
    assert found[-1].cells == ["y", "z"]


def test_many_quotes_gone_wrong_are_told_in_time():
    found = list(read_cells(io.BytesIO(b'"x,y\n\n' * 5_000)))

    assert sum(row.fault is not None for row in found) == 5_000
    assert sum(row.is_blank for row in found) == 5_000


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"a,b\nx,y\n\x1a", id="on-a-line-of-its-own"),
        pytest.param(b"a,b\nx,y\x1a", id="behind-the-last-cell"),
        pytest.param(b"a,b\nx,y\r\n\x1a\x1a\x1a", id="several"),
    ],
)
def test_the_control_z_of_old_programs_is_no_content(raw):
    found = [row for row in read_cells(io.BytesIO(raw)) if not row.is_blank]

    assert [row.cells for row in found] == [["a", "b"], ["x", "y"]]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"Theatre list, Tuesday\na;b;c\n1;2;3\n", id="a-title-with-a-comma"),
        pytest.param(b"\n\na;b;c\nLarkin, Ada;x, y;z\nOrr, Jo;1, 2;3\n", id="names-with-commas"),
        pytest.param(b'a;b;c\n"1,2,3,4,5,6,7";2;3\n', id="commas-in-quotes"),
        pytest.param(b"sep=;\na;b;c\n1,1;2,2;3,3\n", id="told-to-excel"),
    ],
)
def test_what_parts_the_cells_is_found_in_the_lines_together(raw):
    assert ["a", "b", "c"] in [row.cells for row in read_cells(io.BytesIO(raw))]


def test_the_file_is_left_open_and_can_be_read_again():
    file = io.BytesIO(b"a\nb\n")

    first = [row.cells for row in read_cells(file)]

    assert [row.cells for row in read_cells(file)] == first


def test_stopping_early_leaves_it_open_too():
    file = io.BytesIO(b"a\nb\n")

    next(read_cells(file))

    assert not file.closed
