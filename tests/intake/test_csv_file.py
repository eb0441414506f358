"""A CSV file as rows of cells, whichever program saved it."""

from __future__ import annotations

import io

import pytest

from followup.domain.errors import InvalidInput
from followup.intake.csv_file import read_cells


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
    ("raw", "line"),
    [
        pytest.param("a\nZoë\n".encode("latin-1"), "line 2", id="latin-1"),
        pytest.param(b"a\n" * 70_000 + b"\xff\n", "line 70001", id="far-down"),
        pytest.param(b"a,b\nx,\xc3", "line 2", id="cut-off"),
    ],
)
def test_what_is_not_utf_8_is_refused_with_its_line(raw, line):
    problem = complaint(raw)

    assert problem.field == line
    assert "this is not UTF-8" in problem.message
    assert "CSV UTF-8" in problem.message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_is_named_as_such(encoding):
    text = "name,town\n"
    raw = text.encode(encoding) if encoding == "utf-16" else b"\xfe\xff" + text.encode(encoding)

    assert "UTF-16" in complaint(raw).message


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        pytest.param(b'a,b\n"open,x\ny,z\n', "line 2", id="never-closed"),
        pytest.param(b'a,b\nx,y\n"a"b,c\n', "line 3", id="out-of-place"),
        pytest.param(b'a,b\n"' + b"x" * 200_000, "line 2", id="endless"),
    ],
)
def test_a_quote_gone_wrong_is_refused_with_the_line_it_began_on(raw, line):
    problem = complaint(raw)

    assert problem.field == line
    assert "quotation mark" in problem.message


def test_the_file_is_left_open_and_can_be_read_again():
    file = io.BytesIO(b"a\nb\n")

    first = [row.cells for row in read_cells(file)]

    assert [row.cells for row in read_cells(file)] == first


def test_stopping_early_leaves_it_open_too():
    file = io.BytesIO(b"a\nb\n")

    next(read_cells(file))

    assert not file.closed
