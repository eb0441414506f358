"""Patients from a CSV file, row by row."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from followup.content.handbook import ContentContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.intake.csv_document import Defaults
from followup.intake.csv_rows import read_rows
from tests.support.apps import HandClock, shipped_catalogue, shipped_content
from tests.support.people import nhs_number

DEFAULTS = Defaults("derriford-pain", "nerve-root-block")
HEADER = "reference,procedure_at,nhs_number,mobile,diabetic,steroid"
RIGHT = f"REF-1,2026-10-19T14:30,{nhs_number(1)},07700 900123,yes,no"


def rows(text, *, defaults=DEFAULTS):
    handbook = ContentContext(
        clock=HandClock(), catalogue=shipped_catalogue(), content=shipped_content()
    )
    return list(read_rows(handbook, io.BytesIO(text.encode()), defaults=defaults))


def only(text, **given):
    (row,) = rows(text, **given)
    return row


def header_complaints(text):
    with pytest.raises(InvalidInput) as refused:
        rows(text)
    return {(problem.field, problem.message) for problem in refused.value.problems}


def with_cell(name, value):
    cells = dict(zip(HEADER.split(","), RIGHT.split(","), strict=True))
    cells[name] = value
    return f"{','.join(cells)}\n{','.join(cells.values())}\n"


def test_a_right_row_becomes_a_request():
    row = only(f"{HEADER}\n{RIGHT}\n")

    assert row.line == 2
    assert row.problems == ()
    request = row.request
    assert request.clinic == "derriford-pain"
    assert request.protocol == "nerve-root-block"
    assert request.reference == "REF-1"
    assert request.procedure_at == datetime(2026, 10, 19, 13, 30, tzinfo=UTC)
    assert request.attributes == {"diabetic": True, "steroid_given": False}
    assert request.person.mobile == "+447700900123"
    assert request.person.language == "en"
    assert request.channels == (ChannelKind.SMS,)


def test_columns_may_stand_in_any_order_and_be_named_as_in_json():
    row = only(
        "Patient.Mobile;ATTRIBUTES.steroid_given;Procedure At;diabetic;patient.NHS-number\n"
        f"07700900123;TRUE;19/10/2026 14:30;0;{nhs_number(1)}\n"
    )

    assert row.problems == ()
    assert row.request.attributes == {"diabetic": False, "steroid_given": True}
    assert row.request.reference is None


@pytest.mark.parametrize("cell", ["sms email", "sms;email", "SMS+Email", "sms / email"])
def test_channels_may_be_parted_by_what_one_likes(cell):
    header, line = f"{HEADER},email,channels", f"{RIGHT},p@example.com,{cell}"

    assert only(f"{header}\n{line}\n").request.channels == (ChannelKind.SMS, ChannelKind.EMAIL)


def test_a_row_may_name_its_protocol_and_leave_the_questions_of_others_empty():
    row = only(
        f"{HEADER},protocol,sugar_may_rise\n"
        f"R,2026-10-19T14:30,{nhs_number(1)},07700900123,,,facet-joint-injection,yes\n"
    )

    assert row.request.protocol == "facet-joint-injection"
    assert row.request.attributes == {"sugar_may_rise": True}


def test_a_question_of_another_protocol_is_not_to_be_answered():
    row = only(f"{HEADER},sugar_may_rise\n{RIGHT},yes\n")

    assert [problem.field for problem in row.problems] == ["sugar_may_rise"]
    assert "Nerve root block does not ask this" in row.problems[0].message


def test_blank_rows_are_passed_over_and_lines_counted_on():
    found = rows(f"{HEADER}\n\n,,,,,\n{RIGHT}\n")

    assert [row.line for row in found] == [4]


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        pytest.param("procedure_at", "", "this is missing: fill it in", id="no-time"),
        pytest.param("procedure_at", "tomorrow", "this is not a date and time", id="bad-time"),
        pytest.param("nhs_number", "9990000019", "valid NHS number", id="nhs-number"),
        pytest.param("mobile", "01752 437706", "can't take texts", id="landline"),
        pytest.param("diabetic", "perhaps", "write yes or no: Does the patient", id="answer"),
        pytest.param("reference", "x" * 81, "at most 80", id="long-reference"),
    ],
)
def test_a_wrong_cell_is_told_by_its_column_and_never_repeated(name, cell, told):
    row = only(with_cell(name, cell))

    assert row.request is None
    (problem,) = row.problems
    assert problem.field == name
    assert told in problem.message
    assert not cell or cell not in problem.message


def test_every_wrong_cell_of_a_row_is_told():
    row = only(
        "reference,procedure_at,nhs_number,date_of_birth,mobile,diabetic\n"
        "R,never,999,30/02/1956,07,maybe\n"
    )

    assert {problem.field for problem in row.problems} == {
        "procedure_at",
        "nhs_number",
        "date_of_birth",
        "mobile",
        "diabetic",
    }


@pytest.mark.parametrize("line", ["a,b", f"{RIGHT},more", "x"], ids=["short", "long", "one"])
def test_a_ragged_row_is_refused_and_the_others_are_read(line):
    bad, good = rows(f"{HEADER}\n{line}\n{RIGHT}\n")

    assert "cells for 6 headings" in bad.problems[0].message
    assert good.problems == ()


def test_a_trailing_comma_does_no_harm_unless_something_stands_behind_it():
    good, bad = rows(f"{HEADER},\n{RIGHT},\n{RIGHT},note\n")

    assert good.problems == ()
    assert "a column with no name" in bad.problems[0].message


def test_without_a_default_the_row_must_name_clinic_and_protocol():
    row = only(f"{HEADER}\n{RIGHT}\n", defaults=Defaults())

    assert [problem.field for problem in row.problems][:2] == ["clinic", "protocol"]
    assert "derriford-pain" in row.problems[0].message


@pytest.mark.parametrize(
    ("header", "told"),
    [
        pytest.param("procedure_at,ward", "there is no column 'ward'", id="unknown"),
        pytest.param("procedure_at,mobil", 'did you mean "mobile"?', id="misspelt"),
        pytest.param("procedure_at,email,Email", "the column email is there twice", id="twice"),
        pytest.param(
            "procedure_at,steroid,steroid_given", "steroid_given is there twice", id="alike"
        ),
        pytest.param("mobile,email", "the column procedure_at is missing", id="no-time"),
    ],
)
def test_a_wrong_header_is_refused(header, told):
    (complaint,) = header_complaints(f"{header}\nx\n")

    assert complaint[0] == "line 1"
    assert told in complaint[1]


def test_a_file_without_a_header_is_told_so_and_its_first_patient_not_repeated():
    ((field, message),) = header_complaints(f"{RIGHT}\n")

    assert field == "line 1"
    assert "this does not name the columns" in message
    assert "900123" not in message


def test_an_empty_file_is_refused():
    ((field, message),) = header_complaints("")

    assert field == "file"
    assert "this is empty" in message
