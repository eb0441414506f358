"""A theatre list in whichever spelling a spreadsheet gave it: read the same, or asked back."""

from __future__ import annotations

import csv
import io
from datetime import date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.content.handbook import ContentContext
from followup.domain.errors import InvalidInput
from followup.intake.csv_columns import find_layout
from followup.intake.csv_document import Defaults
from followup.intake.csv_rows import read_rows
from tests.support.apps import HandClock, shipped_catalogue, shipped_content
from tests.support.people import nhs_number

DEFAULTS = Defaults("derriford-pain", "nerve-root-block")
HANDBOOK = ContentContext(
    clock=HandClock(), catalogue=shipped_catalogue(), content=shipped_content()
)
CLINIC_NAME = HANDBOOK.catalogue.clinics["derriford-pain"].name
HEADINGS = {
    "reference": ("reference", "Ref", "Our reference", "REF NO."),
    "nhs_number": ("nhs_number", "NHS No", "NHS Number", "NHS no.", "nhs-number", "NHSNumber"),
    "date_of_birth": ("date_of_birth", "DOB", "D.O.B.", "Date of birth", "DateOfBirth"),
    "mobile": ("mobile", "Mobile No.", "Mobile number", "MOBILE PHONE", "Tel (mobile)"),
    "email": ("email", "E-mail", "Email address", "E-Mail Address"),
    "diabetic": ("diabetic", "Diabetic (Y/N)", "Does the patient have diabetes?"),
    "steroid": ("steroid", "Steroid?", "steroid_given"),
    "procedure_at": ("procedure_at", "Procedure At", "Procedure date and time"),
    "procedure_date": ("Procedure date", "Date of op", "Theatre date"),
    "procedure_time": ("Procedure time", "Time of procedure"),
    "name": ("name", "Patient name", "Full Name"),
    "forename": ("Forename", "First name", "Given names"),
    "surname": ("Surname", "Last name", "Patient surname"),
}
DATES = (
    *("%Y-%m-%d", "%d/%m/%Y", "%d-%b-%Y", "%d %B %Y", "%d.%m.%Y"),
    *("%Y/%m/%d", "%d / %m / %Y", "%a %d %b %Y", "%B %d, %Y"),
)
CLOCKS = ("%H:%M", "%H:%M:%S", "%H.%M", "%I:%M %p", "%H%M")
YES, NO = ("yes", "Y", "TRUE", "1", " Yes "), ("no", "N", "FALSE", "0", "NO")
MOBILES = (
    "07700 900{:03d}",
    "7700900{:03d}",
    "+447700900{:03d}",
    "447700900{:03d}",
    "7700900{:03d}.0",
    "’07700900{:03d}",
)


def rows(raw):
    raw = raw.encode() if isinstance(raw, str) else raw
    return list(read_rows(HANDBOOK, io.BytesIO(raw), defaults=DEFAULTS))


def only(raw):
    (row,) = rows(raw)
    return row


def table(*lines):
    return "\n".join(lines) + "\n"


HEADER = "Procedure date and time,NHS No,DOB,Mobile No.,E-mail,Diabetic,Steroid"


def cells(**changed):
    """Return a header and one right row, with some cells otherwise."""
    right = {
        "Procedure date and time": "19/10/2026 14:30",
        "NHS No": nhs_number(1),
        "Name": "Ada Larkin",
        "DOB": "17/05/1957",
        "Mobile No.": "07700 900123",
        "Diabetic": "Y",
        "Steroid": "N",
    }
    named = {
        "at": "Procedure date and time", "nhs": "NHS No", "name": "Name", "dob": "DOB",
        "mobile": "Mobile No.", "diabetic": "Diabetic", "steroid": "Steroid",
    }  # fmt: skip
    right |= {named[key]: value for key, value in changed.items()}
    text = io.StringIO()
    csv.writer(text).writerows([list(right), list(right.values())])
    return text.getvalue()


# ------------------------------------------------------------- every spelling, the same requests

PERSON = st.fixed_dictionaries(
    {
        "serial": st.integers(1, 900),
        "name": st.sampled_from(["Ada Larkin", "Siân O’Neill", "Zoë van den Berg", "Jo Orr"]),
        "born": st.dates(date(1920, 1, 1), date(2005, 12, 31)),
        "day": st.dates(date(2026, 9, 20), date(2026, 10, 22)),
        "clock": st.times(time(0, 1)),
        "diabetic": st.booleans(),
        "steroid": st.booleans(),
    }
)


@st.composite
def spelt(draw):
    """Return people, and a table of them in some spelling."""
    people = draw(st.lists(PERSON, min_size=1, max_size=4, unique_by=lambda one: one["serial"]))
    for one in people:
        one["at"] = datetime.combine(one["day"], one["clock"].replace(second=0, microsecond=0))
    fields = ["reference", "nhs_number", "date_of_birth", "mobile", "email", "diabetic", "steroid"]
    when = draw(st.sampled_from([("procedure_at",), ("procedure_date", "procedure_time")]))
    who = draw(st.sampled_from([("name",), ("forename", "surname")]))
    fields = draw(st.permutations([*fields, *when, *who]))
    day, clock = draw(st.sampled_from(DATES)), draw(st.sampled_from(CLOCKS))
    spoilt_day = draw(st.booleans())
    written = [[draw(st.sampled_from(HEADINGS[field])) for field in fields]]
    for one in people:
        forename, _, surname = one["name"].partition(" ")
        values = {
            "reference": f"R{one['serial']}",
            "nhs_number": draw(st.sampled_from(["{}", "{}.0", '="{}"', "'{}"])).format(
                nhs_number(one["serial"])
            ),
            "date_of_birth": one["born"].strftime(draw(st.sampled_from(DATES))),
            "mobile": draw(st.sampled_from(MOBILES)).format(one["serial"]),
            "email": draw(st.sampled_from(["", f"p{one['serial']}@example.com"])),
            "diabetic": draw(st.sampled_from(YES if one["diabetic"] else NO)),
            "steroid": draw(st.sampled_from(YES if one["steroid"] else NO)),
            "procedure_at": one["at"].strftime(f"{day} {clock}"),
            "procedure_date": one["at"].strftime(f"{day} 00:00" if spoilt_day else day),
            "procedure_time": one["at"].strftime(clock),
            "name": one["name"],
            "forename": forename,
            "surname": surname,
        }
        written.append([values[field] for field in fields])
        one["email"] = values["email"] or None
    return people, _file(draw, written)


def _file(draw, written):
    delimiter, end = draw(st.sampled_from(",;\t")), draw(st.sampled_from(["\n", "\r\n", "\r"]))
    text = io.StringIO(newline="")
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(written)
    before = draw(
        st.sampled_from(["", end, f"Theatre list, Tuesday{end}{end}", delimiter * 3 + end])
    )
    after = draw(
        st.sampled_from(["", end * 2, "\x1a", f"Total{delimiter}3{end}", f"End of list{end}"])
    )
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    return (before + text.getvalue() + after).encode(encoding)


@given(spelt())
def test_a_well_formed_table_says_the_same_in_every_spelling(case):
    people, raw = case

    found = rows(raw)

    assert [row.problems for row in found] == [()] * len(people)
    assert [
        (
            row.request.reference,
            row.request.person.nhs_number,
            row.request.person.name,
            row.request.person.date_of_birth,
            row.request.person.mobile,
            row.request.person.email,
            row.request.attributes,
            row.request.procedure_at.astimezone(
                HANDBOOK.catalogue.clinics["derriford-pain"].zone
            ).replace(tzinfo=None),
        )
        for row in found
    ] == [
        (
            f"R{one['serial']}",
            nhs_number(one["serial"]),
            one["name"],
            one["born"],
            f"+447700900{one['serial']:03d}",
            one["email"],
            {"diabetic": one["diabetic"], "steroid_given": one["steroid"]},
            one["at"],
        )
        for one in people
    ]


# ------------------------------------------------------------------------------ one by one


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"mobile": '="07700900123"'}, id="formula"),
        pytest.param({"mobile": "'07700900123"}, id="apostrophe"),
        pytest.param({"mobile": "7700900123"}, id="lost-nought"),
        pytest.param({"mobile": "447700900123"}, id="lost-plus"),
        pytest.param({"mobile": "7700900123.0"}, id="decimal"),
        pytest.param({"mobile": "\u202a07700\u00a0900123\u202c"}, id="address-book"),
        pytest.param({"nhs": '="9990000018"'}, id="nhs-number-as-formula"),
        pytest.param({"name": "\ufeff Ada Larkin\u00a0"}, id="hard-space-in-a-name"),
        pytest.param({"diabetic": '="Y"'}, id="answer-as-formula"),
        pytest.param({"dob": "17 May 1957"}, id="birth-date-in-letters"),
    ],
)
def test_what_a_spreadsheet_put_around_a_cell_is_taken_off(changed):
    row = only(cells(**changed))

    assert row.problems == ()
    assert row.request.person.mobile == "+447700900123"
    assert row.request.person.name == "Ada Larkin"
    assert row.request.attributes["diabetic"]


@pytest.mark.parametrize(
    ("changed", "field", "told"),
    [
        pytest.param({"at": "28/10/2026 00:00"}, "procedure_at", "this is midnight", id="midnight"),
        pytest.param({"at": "19/10/2026"}, "procedure_at", "time of day is missing", id="no-time"),
        pytest.param({"at": "10/19/2026 14:30"}, "procedure_at", "day before the month", id="us"),
        pytest.param({"at": "46314"}, "procedure_at", "this is midnight", id="serial-of-a-day"),
        pytest.param({"at": "46306.6"}, "procedure_at", "of these weeks", id="serial-too-early"),
        pytest.param({"at": "46405.6"}, "procedure_at", "of these weeks", id="serial-too-late"),
        pytest.param({"at": "10/19/26 14:30"}, "procedure_at", "before the month", id="us-short"),
        pytest.param({"at": "14:30 on 32.10.2026"}, "procedure_at", "not a date", id="no-day"),
        pytest.param({"dob": "46315"}, "date_of_birth", "could have been born", id="not-born"),
        pytest.param({"dob": "20958.5"}, "date_of_birth", "could have been born", id="half-a-day"),
        pytest.param({"at": "########"}, "procedure_at", "too narrow", id="narrow"),
        pytest.param(
            {"dob": "17/05/24"}, "date_of_birth", "this century or the last", id="either-century"
        ),
        pytest.param({"dob": "#VALUE!"}, "date_of_birth", "formula failed", id="formula-failed"),
        pytest.param({"mobile": "7.7E+09"}, "mobile", "cut this number short", id="7.7E+09"),
        pytest.param({"mobile": "7.7009E+09"}, "mobile", "format Text", id="7.7009E+09"),
        pytest.param({"nhs": "9.99E+09"}, "nhs_number", "cut this number short", id="nhs-number"),
        pytest.param({"mobile": "01752 437706"}, "mobile", "can't take texts", id="landline"),
        pytest.param({"diabetic": "Pre-diabetic"}, "diabetic", "write yes or no", id="nearly"),
        pytest.param({"diabetic": "x"}, "diabetic", "write yes or no", id="a-cross"),
        pytest.param({"diabetic": "not known"}, "diabetic", "write yes or no", id="not-known"),
        pytest.param({"name": "O\x07Neill"}, "name", "control characters", id="control-character"),
    ],
)
def test_what_is_not_certain_costs_its_own_row_alone(changed, field, told):
    wrong, right = cells(**changed), cells(nhs=nhs_number(2))

    bad, good = rows(wrong + right.splitlines()[1] + "\n")

    assert [problem.field for problem in bad.problems] == [field]
    assert told in bad.problems[0].message
    assert good.problems == ()


def test_short_years_serial_numbers_and_times_before_dates_are_read():
    born = {
        "12-Mar-47": "1947-03-12", "03/04/47": "1947-04-03", "3.4.47": "1947-04-03",
        "12 March '47": "1947-03-12", "Mar 12, 47": "1947-03-12", "12th Mar 47": "1947-03-12",
        "01/01/27": "1927-01-01", "20/10/26": "1926-10-20", "31/12/00": "2000-12-31",
        "04/07/05": "2005-07-04", "17238": "1947-03-12", "17238.0": "1947-03-12",
        "12-Mar-47 00:00": "1947-03-12", "Wed 12/03/47": "1947-03-12",
    }  # fmt: skip
    at = (
        "19-Oct-26 1430", "19/10/26 14:30", "19.10.26, 2.30pm", "14:30 on 19.10.2026",
        "14:30 19/10/26", "2.30 pm, 19 Oct 2026", "1430hrs 19-Oct-26", "19/10/2026 1430hrs",
        "2:30pm on Mon 19/10/26", "46314.6041667", "46314.60417", "Oct 19, 26 14:30",
    )  # fmt: skip

    read = {each: only(cells(dob=each)) for each in born}
    times = {each: only(cells(at=each)) for each in at}

    assert [row.problems for row in (*read.values(), *times.values()) if row.problems] == []
    assert {each: str(row.request.person.date_of_birth) for each, row in read.items()} == born
    assert {f"{row.request.procedure_at:%d %H:%M}" for row in times.values()} == {"19 13:30"}


def test_of_two_columns_a_date_and_a_fraction_of_a_day_are_read():
    parted = table(
        "NHS No,Procedure date,Procedure time,Mobile,Diabetic,Steroid,E-mail",
        *(
            f"{nhs_number(1)},{day},{clock},07700900123,{yes},{no},{email}"
            for day, clock, yes, no, email in (
                ("46314", "0.6041667", "\N{CHECK MARK}", "N.", "Ada Larkin <a@example.com>"),
                ("19/10/26", "14:30", "\N{HEAVY CHECK MARK}\N{VARIATION SELECTOR-16}", "no.",
                 "mailto:a@example.com"),
                ("46314.0", "1430", "\N{BALLOT BOX WITH CHECK}", "n", "<a@example.com>"),
                ("19-Oct-26", ".60416667", "Y.", "N.", "mailto:a@example.com?subject=list"),
            )
        ),
    )  # fmt: skip

    found = rows(parted)

    assert [row.problems for row in found] == [()] * 4
    assert {(f"{row.request.procedure_at:%d %H:%M}", row.request.person.email,
             tuple(row.request.attributes.values())) for row in found} == {
        ("19 13:30", "a@example.com", (True, False))
    }  # fmt: skip
    [unclear] = rows(
        parted.splitlines()[0] + "\n" + parted.splitlines()[1].replace("0.6041667", "0.25")
    )
    assert "fraction of a day" in unclear.problems[0].message


@pytest.mark.parametrize("name", ["’t Hooft", "'t Hooft", "'Abd al-Karim"])
def test_a_name_keeps_the_apostrophe_it_begins_with(name):
    assert only(cells(name=name)).request.person.name == name


@pytest.mark.parametrize(
    ("day", "clock"),
    [
        ("19/10/2026", "14:30"),
        ("19/10/2026 00:00", "14:30:00"),
        ("2026-10-19 00:00:00", "2.30 pm"),
        ("19/10/2026", "30/12/1899 14:30"),
        ("19/10/2026", "1899-12-30 14:30:00"),
        ("19/10/2026 14:30", "14:30"),
        ("19/10/2026 14:30", ""),
    ],
)
def test_date_and_time_may_stand_in_two_columns(day, clock):
    row = only(
        table(
            "Procedure date,Procedure time,NHS No,Mobile,Diabetic,Steroid",
            f"{day},{clock},{nhs_number(1)},07700900123,y,n",
        )
    )

    assert row.problems == ()
    assert row.request.procedure_at.isoformat() == "2026-10-19T13:30:00+00:00"


@pytest.mark.parametrize(
    ("day", "clock", "field", "told"),
    [
        ("19/10/2026", "", "procedure_date", "the time of day is missing"),
        ("19/10/2026 00:00", "", "procedure_date", "this is midnight"),
        ("19/10/2026", "00:00", "procedure_time", "this is midnight"),
        ("19/10/2026", "after lunch", "procedure_time", "not a time of day"),
        ("19/10/2026", "2:30", "procedure_time", "at night"),
        ("19/10/2026", "0.1041667", "procedure_time", "at night"),
        ("19/10/2026 09:00", "14:30", "procedure_time", "another time beside it"),
        ("", "14:30", "procedure_at", "this is missing"),
        ("25/10/2026", "01:30", "procedure_time", "show this time twice"),
    ],
)
def test_two_columns_that_make_no_time_are_asked_back(day, clock, field, told):
    row = only(
        table(
            "Procedure date,Procedure time,NHS No,Mobile,Diabetic,Steroid",
            f"{day},{clock},{nhs_number(1)},07700900123,y,n",
        )
    )

    assert [problem.field for problem in row.problems] == [field]
    assert told in row.problems[0].message


@pytest.mark.parametrize(
    ("names", "field"), [("Ada,", "surname"), (",Larkin", "forename")], ids=["first", "last"]
)
def test_half_a_name_is_asked_back(names, field):
    row = only(
        table(
            "Procedure at,Forename,Surname,DOB,Mobile,Diabetic,Steroid",
            f"2026-10-19 14:30,{names},17/05/1957,07700900123,y,n",
        )
    )

    assert [problem.field for problem in row.problems] == [field]


@pytest.mark.parametrize(
    "above",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n\n,,,,,,\n", id="blank-lines"),
        pytest.param("Theatre list\n", id="title"),
        pytest.param('"Theatre list, Tuesday 20 October 2026",,,,,,\n\n', id="title-with-a-comma"),
        pytest.param("Clinic:,Derriford\nPrinted:,20/10/2026 07:00\n\n", id="particulars"),
        pytest.param("sep=,\n", id="told-to-excel"),
    ],
)
@pytest.mark.parametrize(
    "below",
    [
        pytest.param("", id="nothing"),
        pytest.param("\n\n", id="blank-lines"),
        pytest.param("Total,,,1,,,\n", id="total"),
        pytest.param(",,,,,,Total: 1\n", id="total-at-the-right"),
        pytest.param("Total patients,1\n", id="short-total"),
        pytest.param("1 patients\n", id="count"),
        pytest.param("End of list\n\x1a", id="end-and-control-z"),
        pytest.param(f"{HEADER}\n", id="headings-again"),
    ],
)
def test_what_stands_above_and_below_a_list_is_no_patient(above, below):
    line = f"19/10/2026 14:30,{nhs_number(1)},17/05/1957,07700900123,,y,n"

    (row,) = rows(f"{above}{HEADER}\n{line}\n{below}")

    assert row.problems == ()
    assert row.line == above.count("\n") + 2


def test_a_row_with_little_in_it_that_is_no_total_is_told():
    row = only(table(HEADER, ",,,,Larkin,,"))

    assert row.problems


def test_excel_may_leave_out_empty_cells_at_the_end():
    header = "Procedure at,NHS No,Mobile,Diabetic,Steroid,E-mail,Channels"
    row = only(table(header, f"2026-10-19 14:30,{nhs_number(1)},07700900123,y,n"))

    assert row.problems == ()


@pytest.mark.parametrize(
    ("column", "wrong"),
    [("DOB", "05/17/1957"), ("Procedure at", "10/13/2026 09:00")],
    ids=["birth", "procedure"],
)
def test_where_one_row_puts_the_month_first_the_others_may_have_meant_it_too(column, wrong):
    either = {"DOB": "03/04/1957", "Procedure at": "09/10/2026 14:30"}[column]
    same, doubtful, american = rows(dated({}, {column: either}, {column: wrong}))

    assert same.problems == ()
    assert "other rows put the month first" in doubtful.problems[0].message
    assert "put the day before the month" in american.problems[0].message


DATED = {
    "Procedure at": "10/10/2026 14:30",
    "NHS No": "",
    "DOB": "05/05/1957",
    "Mobile": "07700900123",
    "Diabetic": "y",
    "Steroid": "n",
}


def dated(*changes):
    """Return a table whose rows say the same in either order of day and month, but for changes."""
    lines = ({**DATED, "NHS No": nhs_number(at), **each} for at, each in enumerate(changes, 1))
    return table(",".join(DATED), *(",".join(each.values()) for each in lines))


def test_what_wrote_birth_dates_month_first_may_have_written_the_procedures_so():
    other = {"DOB": "05/17/1957"}
    either = {"Procedure at": "09/10/2026 14:30"}

    doubtful, _ = rows(dated(either, other))
    sure, _, told = rows(dated(either, other, {"Procedure at": "13/10/2026 14:30"}))

    assert [each.field for each in doubtful.problems] == ["procedure_at"]
    assert "other rows put the month first" in doubtful.problems[0].message
    assert (sure.problems, told.problems) == ((), ())


def test_a_column_that_a_person_names_is_doubted_as_well():
    raw = dated({"DOB": "03/04/1957"}, {"DOB": "05/17/1957"}).replace("DOB", "When").encode()
    layout = find_layout(io.BytesIO(raw), HANDBOOK.catalogue)
    fields = [field or "date_of_birth" for field in layout.fields]

    doubtful, _ = read_rows(
        HANDBOOK, io.BytesIO(raw), defaults=DEFAULTS, layout=layout.with_fields(fields)
    )

    assert "other rows put the month first" in doubtful.problems[0].message


def test_clinic_and_protocol_may_be_named_as_people_call_them():
    row = only(
        table(
            f"{HEADER},Clinic,Protocol,Messages by",
            f"19/10/2026 14:30,{nhs_number(1)},17/05/1957,07700900123,a@example.com,y,n,"
            f"{CLINIC_NAME},Nerve root block,Texts and e-mail",
        )
    )

    assert row.problems == ()
    assert row.request.clinic == "derriford-pain"
    assert row.request.protocol == "nerve-root-block"
    assert [channel.value for channel in row.request.channels] == ["sms", "email"]


@pytest.mark.parametrize("heading", ["Phone", "Tel", "Date", "Time", "Hospital No", "Patient ID"])
def test_a_heading_that_could_mean_several_things_is_not_guessed(heading):
    layout = find_layout(io.BytesIO(f"{heading},Mobile,{HEADER}\n".encode()), HANDBOOK.catalogue)

    assert layout.fields[0] is None


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("Procedure at,Procedure date", "procedure_at and procedure_date say the same"),
        ("Procedure at,Name,Surname", "name and surname say the same"),
        ("Procedure at,Forename", "the column surname is missing"),
        ("Procedure time,Mobile", "the column procedure_at is missing"),
        ("Mobile,Mobile No.,Procedure at", "the column mobile is there twice"),
    ],
)
def test_columns_that_do_not_go_together_are_refused(header, told):
    with pytest.raises(InvalidInput) as refused:
        rows(f"{header}\n")

    assert any(told in problem.message for problem in refused.value.problems)


def test_a_file_of_another_encoding_costs_the_rows_with_letters_of_it():
    raw = table(
        "Procedure at,Name,DOB,Mobile,Diabetic,Steroid",
        "2026-10-19 14:30,Siân O'Neill,17/05/1957,07700900123,y,n",
        "2026-10-19 15:30,Ada Larkin,18/05/1957,07700900124,y,n",
    ).encode("cp1252")

    bad, good = rows(raw)

    assert "CSV UTF-8" in bad.problems[0].message
    assert good.request.person.name == "Ada Larkin"
