"""Corrections in a CSV file, and on the command line: named by line, applied with --update."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import document, enrolled
from tests.cli.test_importing import HEADER, enrolments
from tests.support.people import nhs_number

FULL = f"{HEADER},date_of_birth,language"
CELLS = {
    "reference": "REF-1",
    "procedure_at": "2026-10-19T14:30",
    "nhs_number": nhs_number(1),
    "name": "Siân O'Neill",
    "mobile": "07700 900001",
    "email": "sian@example.com",
    "diabetic": "no",
    "steroid": "yes",
    "channels": "sms email",
    "date_of_birth": "1956-04-30",
    "language": "en",
}


def row(**cells):
    return ",".join({**CELLS, **cells}.values())


def brought(followup, *rows, args=(), name="list.csv"):
    file = followup.folder / name
    file.write_text("\n".join([FULL, *rows]) + "\n", encoding="utf-8")
    return followup("import", file, *args)


CHANGES = {
    "answer": ({"diabetic": "yes"}, "diabetic"),
    "mobile": ({"mobile": "07700 900777"}, "mobile"),
    "e-mail": ({"email": "other@example.com"}, "email"),
    "name": ({"name": "Sian Ogden"}, "name"),
    "birth date": ({"date_of_birth": "30/05/1956"}, "date_of_birth"),
    "language": ({"language": "ar"}, "language"),
    "channels": ({"channels": "email"}, "channels"),
    "time": ({"procedure_at": "2026-10-19T15:10"}, "procedure_at"),
    "two": ({"diabetic": "yes", "mobile": "07700 900777"}, "diabetic and mobile"),
}
EACH_CHANGE = pytest.mark.parametrize(("cells", "named"), CHANGES.values(), ids=CHANGES.keys())


@EACH_CHANGE
def test_a_row_that_differs_is_refused_by_its_line_with_what_differs(on_both, cells, named):
    brought(on_both, row())

    answer = brought(on_both, row(reference="REF-2", nhs_number=nhs_number(2)), row(**cells))

    assert answer.code == 1
    assert "line 3: row: this is enrolled already, as enrolment " in answer.err
    assert f"with another {named}; nothing was changed" in answer.err
    assert "--update" in answer.err
    assert len(enrolments(on_both)) == 1
    for value in (each for each in cells.values() if len(each) > 2):
        assert value not in answer.err + answer.out


@EACH_CHANGE
def test_with_update_it_is_applied_and_then_it_is_as_it_stands(on_both, cells, named):
    brought(on_both, row())

    looked = brought(on_both, row(**cells), args=("--update", "--dry-run"))
    updated = brought(on_both, row(**cells), args=("--update",))
    again = brought(on_both, row(**cells), args=("--update", "--json"))

    assert "0 patients would be enrolled; 1 would be updated" in looked.out
    assert updated.code == 0
    assert updated.out == "0 patients enrolled; 1 updated, 0 are enrolled already, 0 refused.\n"
    assert (again.json["updated"], again.json["already_enrolled"]) == (0, 1)
    assert brought(on_both, row(**cells)).code == 0
    assert named


def test_two_rows_with_one_reference_that_differ_are_told_apart_from_a_row_twice(on_both):
    differs = brought(on_both, row(), row(diabetic="yes"))
    twice = brought(on_both, row(), row())

    assert differs.code == twice.code == 1
    assert "line 3: reference: line 2 has the same and says something else" in differs.err
    assert "line 3: reference: line 2 has the same: give each one its own" in twice.err
    assert enrolments(on_both) == set()


def test_a_list_of_new_corrected_and_known_patients_is_counted_as_such(on_both):
    brought(on_both, row(), row(reference="REF-2", nhs_number=nhs_number(2), mobile="07700900002"))

    answer = brought(
        on_both,
        row(diabetic="yes"),
        row(reference="REF-2", nhs_number=nhs_number(2), mobile="07700900002"),
        row(reference="REF-3", nhs_number=nhs_number(3), mobile="07700900003"),
        args=("--update", "--json"),
    )

    assert {name: answer.json[name] for name in ("enrolled", "updated", "already_enrolled")} == {
        "enrolled": 1,
        "updated": 1,
        "already_enrolled": 1,
    }
    assert on_both("timeline", "REF-1", "--json").json["attributes"]["diabetic"] is True


def test_a_row_of_an_enrolment_that_was_ended_is_refused_unless_asked_to_open_it(on_both):
    brought(on_both, row())
    on_both("withdraw", "REF-1", "--reason", "wrong list")

    refused = brought(on_both, row(), args=("--update",))
    opened = brought(on_both, row(), args=("--reopen",))

    assert refused.code == 1
    assert "line 2: row: this was enrolled as enrolment " in refused.err
    assert "which was ended" in refused.err
    assert opened.code == 0
    assert opened.out.startswith("0 patients enrolled; 1 updated")
    assert on_both("timeline", "REF-1", "--json").json["state"] == "active"


@pytest.mark.parametrize("reference", ["THEATRE-9", ""], ids=["another reference", "none"])
def test_another_time_that_day_is_asked_back_and_moved_with_update(on_both, reference):
    brought(on_both, row(procedure_at="2026-10-19T09:00"))
    later = row(procedure_at="2026-10-19T09:40", reference=reference)

    refused = brought(on_both, later)
    moved = brought(on_both, later, args=("--update",))

    assert refused.code == 1
    assert "line 2: row: this patient is enrolled for 09:00 that day" in refused.err
    assert moved.out.startswith("0 patients enrolled; 1 updated")
    assert len(enrolments(on_both)) == 1
    assert (
        on_both("timeline", "REF-1", "--json").json["procedure_at"].startswith("2026-10-19T08:40")
    )


def test_without_a_reference_a_row_that_differs_is_not_swallowed(on_both):
    brought(on_both, row(reference=""))

    answer = brought(on_both, row(reference="", mobile="07700 900777"))

    assert answer.code == 1
    assert "with another mobile" in answer.err


def test_who_is_nearly_alike_is_named_by_line_and_settled_with_worklist(on_both):
    bare = {"nhs_number": "", "reference": ""}
    brought(on_both, row(**bare, procedure_at="2026-10-16T09:00"))
    file = row(**bare, name="Sian ONeill")

    looked = brought(on_both, file, args=("--dry-run",))
    done = brought(on_both, file)
    [item] = on_both("worklist", "--json").lines
    shown = on_both("worklist", "show", item["id"])
    shut = on_both("worklist", "close", item["id"], "--outcome", "told")
    settled = on_both("worklist", "same", item["id"])
    again = brought(on_both, file, args=("--json",))

    for answer in (looked, done):
        assert "line 2: This may be a patient who is known here under other det" in answer.out
    assert "Siân O'Neill" in shown.out
    assert shut.code == 1
    assert "followup worklist same" in shut.err
    assert settled.code == 0
    assert (again.json["already_enrolled"], again.json["notes"]) == (1, [])


def test_two_people_are_settled_with_worklist_too(on_both):
    bare = {"nhs_number": "", "reference": ""}
    brought(on_both, row(**bare, procedure_at="2026-10-16T09:00"), row(**bare, name="Sian ONeill"))
    [item] = on_both("worklist", "--json").lines

    settled = on_both("worklist", "two", item["id"])

    assert settled.code == 0
    assert "messages to come" in settled.out


def test_one_person_under_two_spellings_in_one_file_is_one_patient(on_both):
    answer = brought(
        on_both,
        row(nhs_number="", procedure_at="2026-10-16T09:00"),
        row(reference="REF-2", name='"O\N{RIGHT SINGLE QUOTATION MARK}NEILL, SIÂN"'),
        args=("--json",),
    )

    assert answer.json["enrolled"] == 2
    [note] = answer.json["notes"]
    assert note["line"] == 3
    assert note["message"].startswith("The follow-up after the procedure of Fri 16 Oct 2026, 9am")


def test_one_person_twice_for_one_day_in_one_file_is_refused(on_both):
    answer = brought(
        on_both,
        row(nhs_number=""),
        row(reference="REF-2", name='"O\N{RIGHT SINGLE QUOTATION MARK}NEILL, SIÂN"'),
        row(reference="REF-3", nhs_number="", procedure_at="2026-10-19T15:00"),
    )

    assert answer.code == 1
    assert "line 3: row: this patient and procedure stand on line 2 already" in answer.err
    assert "line 4: row: this patient and procedure stand on line 2 already" in answer.err


def test_an_older_follow_up_that_ends_is_named_by_line_before_and_after(on_both):
    brought(on_both, row(procedure_at="2026-10-15T09:00"))
    file = row(reference="REF-2")
    told = "line 2: The follow-up after the procedure of Thu 15 Oct 2026, 9am goes over into this"

    assert told in brought(on_both, file, args=("--dry-run",)).out
    assert told in brought(on_both, file).out


def test_enrol_refuses_what_differs_and_applies_it_with_update(on_both):
    first = enrolled(on_both, 1)
    other = json.dumps(document(1, attributes={"diabetic": False, "steroid_given": True}))

    refused = on_both("enrol", "--json", "-", stdin=other)
    updated = on_both("enrol", "--json", "-", "--update", stdin=other)

    assert refused.code == 1
    assert refused.json["enrolment_id"] == first["enrolment_id"]
    assert (refused.json["fields"], refused.json["on_conflict"]) == (
        ["attributes.diabetic"],
        "update",
    )
    assert updated.json["updated"] == ["attributes.diabetic"]


def test_json_itself_may_ask_for_the_update(followup):
    enrolled(followup, 1)

    told = enrolled(
        followup, 1, attributes={"diabetic": False, "steroid_given": True}, on_conflict="update"
    )

    assert told["updated"] == ["attributes.diabetic"]
    assert not told["created"]


def test_options_say_what_was_updated_and_what_was_opened_again(followup):
    def enrol(*more, diabetic="--no-diabetic"):
        return followup(
            "enrol", "--procedure-at", "2026-10-19T14:30", diabetic, "--steroid", "--nhs-number",
            nhs_number(1), "--mobile", "07700 900001", "--reference", "R1", *more,
        )  # fmt: skip

    enrol()
    refused = enrol(diabetic="--diabetic")
    updated = enrol("--update", diabetic="--diabetic")
    same = enrol(diabetic="--diabetic")
    followup("withdraw", "R1", "--reason", "wrong list")
    opened = enrol("--reopen", diabetic="--diabetic")
    followup("withdraw", "R1", "--reason", "wrong list")
    both = enrol("--reopen")

    assert refused.code == 1
    assert "with another diabetic; nothing was changed" in refused.err
    assert updated.out.startswith("Updated diabetic of enrolment ")
    assert same.out.startswith("Enrolled already, as ")
    assert opened.out.startswith("Opened again ")
    assert both.out.startswith("Opened again, and updated diabetic of, enrolment ")
