"""`followup import`: the patients of a CSV file."""

from __future__ import annotations

import pytest

from followup.enrolment import bulk
from followup.intake import csv_import, kept_rows
from tests.cli.conftest import enrolled
from tests.support.people import nhs_number

HEADER = "reference,procedure_at,nhs_number,name,mobile,email,diabetic,steroid,channels"


def line(serial, **cells):
    values = {
        "reference": f"REF-{serial}",
        "procedure_at": "2026-10-19T14:30",
        "nhs_number": nhs_number(serial),
        "name": f"Test Patient-{serial}",
        "mobile": f"07700 900{serial % 1000:03d}",
        "email": f"patient{serial}@example.com",
        "diabetic": "yes",
        "steroid": "no",
        "channels": "sms email",
        **cells,
    }
    return ",".join(values.values())


def file_of(followup, *lines, name="patients.csv"):
    file = followup.folder / name
    file.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return file


def enrolments(followup):
    return {message["enrolment_id"] for message in followup("messages", "--json").lines}


def test_every_row_is_enrolled(on_both):
    file = file_of(on_both, *(line(serial) for serial in range(1, 6)))

    answer = on_both("import", file)

    assert answer.code == 0
    assert answer.out == "5 patients enrolled; 0 are enrolled already, 0 refused.\n"
    assert len(enrolments(on_both)) == 5
    assert on_both("timeline", "REF-3", "--json").json["attributes"] == {
        "diabetic": True,
        "steroid_given": False,
    }


def test_a_second_time_changes_nothing(on_both):
    file = file_of(on_both, line(1), line(2))
    on_both("import", file)
    before = enrolments(on_both)

    answer = on_both("import", file)

    assert answer.code == 0
    assert answer.out == "0 patients enrolled; 2 are enrolled already, 0 refused.\n"
    assert enrolments(on_both) == before


def test_without_references_a_second_time_changes_nothing_either(followup):
    file = file_of(followup, line(1, reference=""), line(2, reference=""))
    followup("import", file)

    answer = followup("import", file, "--json")

    assert answer.code == 0
    assert answer.json["already_enrolled"] == 2
    assert len(enrolments(followup)) == 2


def test_a_grown_file_brings_in_what_is_new(followup):
    followup("import", file_of(followup, line(1), line(2)))

    answer = followup("import", file_of(followup, line(1), line(2), line(3)), "--json")

    assert (answer.json["enrolled"], answer.json["already_enrolled"]) == (1, 2)


def test_one_wrong_row_and_nobody_is_enrolled(on_both):
    file = file_of(on_both, line(1), line(2, mobile="07"), line(3))

    answer = on_both("import", file)

    assert answer.code == 1
    assert "line 3: mobile: this number is too short" in answer.err
    assert "1 of 3 patients need correcting, so nobody was enrolled" in answer.err
    assert answer.out == ""
    assert enrolments(on_both) == set()


def test_with_partial_the_others_are_enrolled(on_both):
    file = file_of(on_both, line(1), line(2, mobile="07"), line(3))

    answer = on_both("import", file, "--partial")

    assert answer.code == 1
    assert "line 3: mobile: " in answer.err
    assert answer.out == "2 patients enrolled; 0 are enrolled already, 1 refused.\n"
    assert len(enrolments(on_both)) == 2


def test_a_dry_run_looks_and_writes_nothing(followup):
    file = file_of(followup, line(1), line(2))

    right = followup("import", file, "--dry-run")
    wrong = followup("import", file_of(followup, line(1), "x"), "--dry-run", "--partial")

    assert right.code == 0
    assert "2 patients would be enrolled" in right.out
    assert wrong.code == 1
    assert enrolments(followup) == set()


def test_the_summary_in_json_names_lines_and_fields(followup):
    file = file_of(followup, line(1), line(2, diabetic=""), "short,row", line(1))

    answer = followup("import", file, "--json")

    assert answer.code == 1
    assert answer.json == {
        "rows": 4,
        "enrolled": 0,
        "updated": 0,
        "already_enrolled": 0,
        "refused": 3,
        "dry_run": False,
        "objections": [],
        "notes": [],
        "errors": [
            {
                "line": 3,
                "field": "diabetic",
                "message": "write yes or no: Does the patient have diabetes?",
            },
            {
                "line": 4,
                "field": "row",
                "message": "this row has 2 cells for 9 headings: check its commas and quotes",
            },
            {
                "line": 5,
                "field": "reference",
                "message": "line 2 has the same: give each one its own",
            },
        ],
        "error": "nothing was written, because rows were refused",
    }


@pytest.mark.parametrize(
    ("second", "told"),
    [
        pytest.param({"reference": "REF-1"}, "line 2 has the same", id="same-reference"),
        pytest.param({"nhs_number": nhs_number(1)}, "stand on line 2 already", id="same-procedure"),
    ],
)
def test_what_stands_twice_in_a_file_is_refused(followup, second, told):
    answer = followup("import", file_of(followup, line(1), line(2, **second)))

    assert answer.code == 1
    assert "line 3: " in answer.err
    assert told in answer.err


def test_a_patient_with_two_procedures_is_no_duplicate(followup):
    file = file_of(
        followup, line(1), line(2, nhs_number=nhs_number(1), procedure_at="2026-10-18 09:00")
    )

    assert followup("import", file).code == 0


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        pytest.param({"reference": "OTHER"}, "this is enrolled already", id="procedure"),
        pytest.param({"nhs_number": nhs_number(9)}, "of another patient", id="reference"),
    ],
)
def test_what_clashes_with_the_database_is_told_before_anything_is_written(followup, cells, told):
    identifier = enrolled(followup, 1)["enrolment_id"]

    answer = followup("import", file_of(followup, line(5), line(1, **cells)))

    assert answer.code == 1
    assert "line 3: row: " in answer.err
    assert told in answer.err
    assert identifier in answer.err
    assert enrolments(followup) == {identifier}


def test_a_patient_who_has_died_is_not_enrolled_again(followup):
    enrolled(followup, 1)
    followup("withdraw", "REF-1", "--reason", "told by the family", "--deceased")

    answer = followup("import", file_of(followup, line(1, reference="NEW")))

    assert answer.code == 1
    assert "recorded as having died" in answer.err


def test_a_time_that_enrolment_refuses_is_told_by_its_line(followup):
    answer = followup("import", file_of(followup, line(1, procedure_at="2027-02-24T10:00")))

    assert "line 2: procedure_at: this is more than 90 days ahead" in answer.err


def test_more_than_a_batch_is_written_in_steps(on_both, monkeypatch):
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 3)
    file = file_of(on_both, *(line(serial) for serial in range(1, 9)), "", line(9))

    answer = on_both("import", file, "--json")

    assert answer.json["enrolled"] == 9
    assert len(enrolments(on_both)) == 9


@pytest.mark.parametrize("bears", [kept_rows.MOST_BYTES, 0], ids=["kept", "too-many"])
def test_a_row_is_enrolled_as_it_was_checked_whether_it_is_kept_or_read_again(
    followup, monkeypatch, bears
):
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 2)
    monkeypatch.setattr(kept_rows, "MOST_BYTES", bears)
    times_read = []
    read_rows = csv_import.read_rows
    monkeypatch.setattr(
        csv_import, "read_rows", lambda *a, **given: times_read.append(1) or read_rows(*a, **given)
    )
    by_text = line(4, email="", channels="sms")
    rows = [line(1), line(2, mobile="07"), line(3, diabetic="no"), by_text, line(5)]

    answer = followup("import", file_of(followup, *rows), "--partial", "--json")

    assert (answer.json["enrolled"], answer.json["refused"]) == (4, 1)
    assert len(times_read) == (1 if bears else 2)
    again = followup("import", file_of(followup, *rows), "--partial", "--json")
    assert (again.json["already_enrolled"], again.json["refused"]) == (4, 1)


def test_rows_are_told_apart_across_batches(followup, monkeypatch):
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 2)
    rows = [line(serial) for serial in range(1, 8)]
    rows[4] = line(1)
    rows[6] = line(7, mobile="07")

    answer = followup("import", file_of(followup, *rows), "--partial", "--json")

    assert [error["line"] for error in answer.json["errors"]] == [6, 8]
    assert answer.json["enrolled"] == 5


def test_a_clash_that_comes_about_meanwhile_stops_it_and_says_how_far_it_came(
    followup, monkeypatch
):
    file = file_of(followup, *(line(serial) for serial in range(1, 5)))
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 2)
    rival_enrols_before_batch(followup, monkeypatch, number=2, serial=4)

    answer = followup("import", file)

    assert answer.code == 1
    assert "2 of its patients are enrolled, the others are not; run it again" in answer.err


def test_with_partial_such_a_clash_costs_its_own_row_only(followup, monkeypatch):
    file = file_of(followup, *(line(serial) for serial in range(1, 5)))
    monkeypatch.setattr(csv_import, "ENROLMENT_BATCH", 2)
    rival_enrols_before_batch(followup, monkeypatch, number=2, serial=4)

    answer = followup("import", file, "--partial", "--json")

    assert answer.json["enrolled"] == 3
    assert [error["line"] for error in answer.json["errors"]] == [5]


def rival_enrols_before_batch(followup, monkeypatch, *, number, serial):
    """Let somebody else enrol a patient of the file, under another reference, in the middle."""
    batches = []

    def enrol_prepared(app, prepared, **given):
        batches.append(prepared)
        if len(batches) == number:
            enrolled(followup, serial, reference="RIVAL", procedure_at="2026-10-19T13:30:00Z")
        return bulk.enrol_prepared(app, prepared, **given)

    monkeypatch.setattr(csv_import, "enrol_prepared", enrol_prepared)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        pytest.param(b"", "this is empty", id="empty"),
        pytest.param(HEADER.encode(), "this holds no patients", id="header-only"),
        pytest.param(HEADER.encode("utf-16"), "this holds no patients", id="utf-16"),
        pytest.param(b"ward,procedure_at\nx,y\n", "line 1: there is no column 'ward'", id="column"),
        pytest.param(b"\x00\x01\x02", "this is not a CSV file", id="no-text"),
    ],
)
def test_a_file_that_can_t_be_read_is_refused_whole(followup, raw, told):
    file = followup.folder / "patients.csv"
    file.write_bytes(raw)

    for args in ((), ("--partial",)):
        answer = followup("import", file, *args)
        assert answer.code == 1
        assert told in answer.err
    refused = followup("import", file, "--json")
    assert refused.json["problems"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param(line(2, name="Zoë").encode("cp1252"), "this has letters", id="windows-1252"),
        pytest.param(b'"open', "a quotation mark", id="open-quote"),
    ],
)
def test_a_row_that_can_t_be_read_costs_itself_alone(followup, wrong, told):
    file = followup.folder / "patients.csv"
    file.write_bytes(b"\n".join([HEADER.encode(), wrong, line(3).encode()]))

    answer = followup("import", file, "--partial")

    assert f"line 2: row: {told}" in answer.err
    assert answer.out == "1 patient enrolled; 0 are enrolled already, 1 refused.\n"


@pytest.mark.parametrize("name", ["missing.csv", "."], ids=["missing", "a-folder"])
def test_a_file_that_is_not_there_is_a_wrong_use(followup, name):
    answer = followup("import", name)

    assert answer.code == 2
    assert "can't be read" in answer.err


def test_standard_input_is_read_too_with_a_byte_order_mark(followup):
    text = "\ufeff" + "\r\n".join([HEADER, line(1), line(2)])

    answer = followup("import", "-", stdin=text.encode())

    assert answer.code == 0
    assert len(enrolments(followup)) == 2


def test_no_cell_is_repeated_in_a_complaint(followup):
    file = file_of(
        followup,
        line(1, nhs_number="4321098765", mobile="01752 437706", email="ada at example"),
    )

    answer = followup("import", file)

    for private in ("4321098765", "437706", "ada at"):
        assert private not in answer.out + answer.err


def test_a_person_is_shown_a_hundred_complaints_and_programs_all(followup):
    file = file_of(followup, *["x"] * 150)

    answer = followup("import", file)

    assert answer.err.count("line ") == 100
    assert "... and 50 more; --json lists all." in answer.err
    assert len(followup("import", file, "--json").json["errors"]) == 150


def test_a_default_is_taken_for_rows_without_a_protocol_of_their_own(followup):
    file = followup.folder / "facet.csv"
    file.write_text(
        "procedure_at,nhs_number,mobile,sugar_may_rise,protocol\n"
        f"2026-10-19T14:30,{nhs_number(1)},07700900001,yes,\n"
        f"2026-10-19T14:30,{nhs_number(2)},07700900002,,nerve-root-block\n"
    )

    answer = followup("import", file, "--protocol", "facet-joint-injection", "--partial", "--json")

    assert answer.json["enrolled"] == 1
    assert {error["field"] for error in answer.json["errors"]} == {"diabetic", "steroid_given"}
    assert followup("import", file, "--protocol", "nothing").code == 1


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else(followup):
    file = file_of(followup, *(line(serial) for serial in range(1, 40)))
    assert followup.process("import", file, "--dry-run").err == ""

    answer, drawn = followup.on_terminal("import", file, "--json", stream="stderr")

    assert "Checking" in drawn
    assert "Enrolling" in drawn
    assert answer.json["enrolled"] == 39


def test_lines_of_patients_who_want_no_messages_are_named(on_both):
    enrolled(on_both, 2)
    on_both("stop", "REF-2")
    file = file_of(
        on_both, line(1), line(2, reference="SECOND", procedure_at="2026-10-18T14:30"), line(3)
    )
    told = "The patient wants no messages since Mon 19 Oct 2026, 3pm; nothing will be sent."

    looked = on_both("import", file, "--dry-run")
    done = on_both("import", file)
    again = on_both("import", file, "--json").json

    assert looked.out.splitlines()[1:] == [f"line 3: {told}"]
    assert done.out.splitlines() == [
        "3 patients enrolled; 0 are enrolled already, 0 refused.",
        f"line 3: {told}",
    ]
    assert again["objections"] == [
        {
            "line": 3,
            "channel": None,
            "since": "2026-10-19T14:00:00Z",
            "covers_all": True,
            "message": told,
        }
    ]
    items = on_both("worklist", "--json").lines
    assert [item["kind"] for item in items] == ["advice-stopped"]


DATED = f"{HEADER},date_of_birth"


def of_nobody_known(serial, name, born, mobile):
    return line(serial, nhs_number="", name=name, mobile=mobile, email="", channels="sms") + (
        f",{born}"
    )


def test_one_name_whose_birth_date_may_be_mistyped_is_held_also_within_a_list(on_both):
    file = on_both.folder / "patients.csv"
    rows = [
        of_nobody_known(1, "Peter Lennox", "12/03/1958", "07700 900111"),
        of_nobody_known(2, "PETER LENNOX", "12/03/1985", "07700 900112"),
        of_nobody_known(3, "Carol Dixon", "29/04/1955", "07700 900113"),
    ]
    file.write_text("\n".join([DATED, *rows]) + "\n")
    on_both("import", file)
    later = [
        of_nobody_known(4, "Carol Dixon", "29/04/1956", "07700 900114"),
        of_nobody_known(5, "Peter Lennox", "13/05/1958", "07700 900115"),
    ]
    file.write_text("\n".join([DATED, *later]) + "\n")

    looked = on_both("import", file, "--dry-run", "--json").json
    done = on_both("import", file, "--json").json

    assert [note["line"] for note in looked["notes"]] == [2]
    assert [note["line"] for note in done["notes"]] == [2]
    asked = [item for item in on_both("worklist", "--json").lines if item["kind"] == "same-person"]
    assert len(asked) == 2


def test_rows_that_could_be_read_wrongly_are_refused_alone_and_what_they_say_not_repeated(followup):
    file = followup.folder / "patients.csv"
    rows = [
        of_nobody_known(1, "Mr & Mrs Walker", "12/03/1958", "07700 900111"),
        of_nobody_known(2, "Ren?e Hale", "12/03/1958", "07700 900112"),
        of_nobody_known(3, "Carol Dixon", "29/04/19", "07700 900113"),
        of_nobody_known(4, "Kevin Shaw", "29/04/1955", "07700 900114 (wife)"),
        of_nobody_known(5, "SIAN O'NEILL", "29/04/1955", "M: 07700.900.115 (own)"),
    ]
    file.write_text("\n".join([DATED, *rows]) + "\n")

    answer = followup("import", file, "--partial")

    for told in (
        "line 2: name: this may name more than one person",
        "line 3: name: letters of this name were lost",
        "line 4: date_of_birth: the year has two digits",
        "line 5: mobile: this is not one phone number: it is marked as somebody else's",
    ):
        assert told in answer.err
    for private in ("Walker", "Hale", "29/04", "1919", "900114"):
        assert private not in answer.out + answer.err
    assert len(enrolments(followup)) == 1
