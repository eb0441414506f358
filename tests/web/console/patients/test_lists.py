"""Enrolling from a list: uploaded, its columns checked, every row looked at, and then enrolled."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from followup.consent.objections import lodge_objection
from followup.domain.roles import Role
from followup.intake import uploaded_lists
from followup.store.models.audit import AuditEvent
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from followup.store.models.uploaded_lists import UploadedList
from followup.web.console.framework import routes
from tests.support.apps import clock_of, enrol_one, rows, sweep
from tests.support.people import nhs_number
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import join

HEADER = (
    "Reference,NHS No,Patient name,DOB,Op date,Procedure time,Mobile No.,E-mail,Diabetic,Steroid"
)
CHOICES = {"protocol": "nerve-root-block"}


def line(serial, **changed):
    cells = {
        "reference": f"R{serial}",
        "nhs": nhs_number(serial),
        "name": f"Test Patient-{serial:05d}",
        "born": "17/05/1957",
        "date": "19/10/2026",
        "time": "14:30",
        "mobile": f"07700 900{serial:03d}",
        "email": "",
        "diabetic": "Y",
        "steroid": "N",
        **changed,
    }
    return ",".join(cells.values())


def table(*lines, header=HEADER):
    return "\r\n".join([header, *lines, ""]).encode()


def upload(visitor, content, *, name="list.csv", status=200, **answers):
    files = {"file": (name, content, "text/csv")}
    return visitor.post("/enrol/list", {**CHOICES, **answers}, files=files, status=status)


def checked(app, visitor, content, **answers):
    """Upload a list, leave its columns as they are found, and have it checked."""
    page = upload(visitor, content, **answers)
    assert page.path.endswith("/columns")
    under_way = visitor.post(page.path, page.values(page.path))
    assert under_way.heading.endswith("Checking the list")
    sweep(app, "work-off-lists")
    return visitor.get(under_way.path)


def enrolled(app, visitor, page):
    under_way = visitor.post(f"{page.path}/enrol")
    sweep(app, "work-off-lists")
    return visitor.get(under_way.path)


def facts(page):
    keys = [each.text for each in page.page.one("main").all("dt")]
    values = [each.text for each in page.page.one("main").all("dd")]
    return dict(zip(keys, values, strict=True))


def actions(app):
    return [event.action for event in rows(app, AuditEvent) if event.action.startswith("list.")]


# ------------------------------------------------------------------------- from file to patients


def test_a_list_leads_by_its_columns_and_its_rows_to_the_patients(sqlite_app, admin):
    page = upload(admin, table(line(1), line(2)))

    assert page.heading == "list.csv Check the columns"
    assert "Date of birth First rows: 17/05/1957, 17/05/1957" in page.text
    assert not page.page.all("select")

    found = checked(sqlite_app, admin, table(line(1), line(2)))

    assert found.heading == "list.csv Check the list before enrolling"
    assert facts(found)["To enrol"] == "2 patients"
    assert "Patient Test Patient-00001 Procedure Nerve root block" in found.text
    assert "Mon 19 Oct 2026, 2:30pm Status To enrol" in found.text

    done = enrolled(sqlite_app, admin, found)

    assert done.heading == "list.csv 2 patients enrolled"
    assert {one.reference for one in rows(sqlite_app, Enrolment)} == {"R1", "R2"}
    assert {one.created_by for one in rows(sqlite_app, Enrolment)} == {f"web:{admin.email}"}
    assert actions(sqlite_app)[-4:] == [
        "list.checked",
        "list.viewed",
        "list.enrolled",
        "list.viewed",
    ]


def test_a_list_that_says_no_procedure_is_told_so_once_and_not_row_by_row(sqlite_app, admin):
    page = upload(admin, table(line(1), line(2)), protocol="")

    refused = admin.post(page.path, page.values(page.path), status=422)

    (error,) = refused.errors
    assert error.startswith("No column says which procedure it was: choose the column that does")
    assert not rows(sqlite_app, Enrolment)


def test_each_wrong_row_is_told_with_its_column_and_its_cell(sqlite_app, admin):
    page = checked(
        sqlite_app,
        admin,
        table(line(1), line(2, mobile="7.7E+09", time="00:00"), line(3, diabetic="borderline")),
    )

    assert facts(page)["To correct"] == "2 rows: not enrolled"
    assert "Line 3: Test Patient-00002" in page.text
    assert "Mobile No. “7.7E+09”: A spreadsheet cut this number short" in page.text
    assert "Procedure time “00:00”: This is midnight" in page.text
    assert "Diabetic “borderline”: Write yes or no: Does the patient have diabetes?" in page.text


def test_corrected_rows_are_uploaded_again_and_double_nobody(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1), line(2, mobile="07"), line(3)))
    assert "2 patients enrolled" in enrolled(sqlite_app, admin, page).heading

    again = checked(sqlite_app, admin, table(line(1), line(2), line(3)))

    assert facts(again)["To enrol"] == "1 patient"
    assert facts(again)["Enrolled already"] == "2 patients: left as they are"
    assert "1 patient enrolled" in enrolled(sqlite_app, admin, again).heading
    assert len(rows(sqlite_app, Enrolment)) == 3


def test_what_a_list_says_of_one_who_is_enrolled_is_applied_where_that_is_chosen(sqlite_app, admin):
    enrolled(sqlite_app, admin, checked(sqlite_app, admin, table(line(1), line(2))))
    page = checked(
        sqlite_app,
        admin,
        table(line(1, mobile="07700 900771"), line(2, time="15:10"), line(3)),
    )
    assert facts(page)["Different from the enrolment"] == "2 patients: none to update"
    assert "Line 2: Test Patient-00001 Mobile in the list: “07700 900771”" in page.text
    assert "in the list: “19/10/2026 15:10”" in page.text

    chosen = admin.post(f"{page.path}/updates", {"apply": "yes", "line": "2", "page": "1"})

    assert facts(chosen)["Different from the enrolment"] == "2 patients: 1 to update"
    assert "Enrol 1 patient and update 1" in chosen.text
    done = enrolled(sqlite_app, admin, page)
    assert done.heading == "list.csv 1 patient enrolled, 1 updated"
    again = checked(
        sqlite_app,
        admin,
        table(line(1, mobile="07700 900771"), line(2, time="15:10"), line(3)),
    )
    assert facts(again)["Enrolled already"] == "2 patients: left as they are"
    everything = admin.post(f"{again.path}/updates", {"apply": "yes"})
    assert "Update 1 patient" in everything.text
    nothing = admin.post(f"{again.path}/updates", {"apply": "no"})
    assert "There is nobody to enrol in this list" in nothing.text
    admin.post(f"{again.path}/updates", {"apply": "yes", "line": "x"}, status=404)


def test_the_rows_to_correct_are_downloaded_and_read_again_as_they_are(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1), line(2, mobile="07", name="=Smith"), line(3)))
    answer = admin.client.get(f"{page.path}/to-correct.csv")

    name = "rows-to-correct-derriford-pain-2026-10-19.csv"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    text = answer.content.decode("utf-8-sig")
    assert len(text.splitlines()) == 2
    assert "'=Smith" in text
    assert text.splitlines()[0] == f"{HEADER},What to correct"
    assert "Mobile No.: This number is too short" in text

    corrected = checked(sqlite_app, admin, text.replace(",07,", ",07700 900002,").encode())

    assert facts(corrected)["To enrol"] == "1 patient"


def test_the_timeline_of_a_row_is_one_click_away(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1, steroid="Y")))

    row = admin.get(page.links()["View timeline of Test Patient-00001, line 2"])

    assert row.heading == "list.csv Line 2: Test Patient-00001"
    assert "Blood sugar, by text" in row.text
    assert facts(row)["Does the patient have diabetes?"] == "Yes"


def test_the_timeline_of_a_row_that_is_enrolled_already_leads_to_the_patient(sqlite_app, admin):
    enrolled(sqlite_app, admin, checked(sqlite_app, admin, table(line(1))))
    page = checked(sqlite_app, admin, table(line(1)))

    row = admin.get(f"{page.path}/rows/2")

    assert "enrolled for this procedure already" in row.text


def test_a_row_without_a_timeline_says_why(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1, mobile="07"), line(2, date="19/10/2025")))

    assert "Mobile: This number is too short" in admin.get(f"{page.path}/rows/2").text
    assert "42 days ago" in admin.get(f"{page.path}/rows/3").text
    admin.get(f"{page.path}/rows/99", status=404)
    admin.get(f"{page.path}/rows/two", status=404)


def test_a_patient_who_wants_no_messages_is_named_beside_the_row(sqlite_app, admin):
    enrol_one(sqlite_app, 1, reference="OLD")
    (patient,) = rows(sqlite_app, Patient)
    by = sqlite_app.by("patient")
    sqlite_app.store.transact(
        lambda session: lodge_objection(session, by, patient=patient, channel=None, source="sms")
    )
    page = checked(sqlite_app, admin, table(line(1, date="18/10/2026")))

    assert "wants no messages" in page.text
    assert "wants no messages" in admin.get(f"{page.path}/rows/2").text


def test_many_rows_are_shown_page_by_page(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(*(line(serial) for serial in range(1, 61))))

    assert page.text.count("View timeline") == 50
    assert admin.get(f"{page.path}?page=2").text.count("View timeline") == 10


# --------------------------------------------------------------------------------- its columns


def test_a_heading_that_is_not_known_is_asked_about_and_not_used_unless_chosen(sqlite_app, admin):
    header = HEADER.replace("Mobile No.", "Contact").replace("E-mail", "Ward")
    page = upload(admin, table(line(1, email="A3"), header=header))

    assert [each.attributes["name"] for each in page.page.all("select")] == ["column-6", "column-7"]
    assert page.values(page.path) == {"column-6": "-", "column-7": "-"}
    admin.post(page.path, {"column-6": "mobile", "column-7": "-"})
    sweep(sqlite_app, "work-off-lists")
    found = admin.get(page.path.removesuffix("/columns"))

    assert facts(found)["To enrol"] == "1 patient"


def test_a_column_that_is_found_may_be_changed(sqlite_app, admin):
    page = upload(admin, table(line(1)))
    everything = admin.get(f"{page.path}?change=1")

    assert len(everything.page.all("select")) == 10
    values = everything.values(page.path)
    assert values["column-6"] == "mobile"
    admin.post(page.path, {**values, "column-6": "-"})
    sweep(sqlite_app, "work-off-lists")

    assert "Needed to reach the patient" in admin.get(page.path.removesuffix("/columns")).text


def test_columns_that_do_not_go_together_are_told_and_asked_about(admin):
    header = HEADER.replace("E-mail", "Mobile").replace("Op date", "Day")
    page = upload(admin, table(line(1), header=header))
    refused = admin.post(page.path, page.values(page.path), status=422)

    assert refused.errors == [
        "The column Mobile is there twice: leave one out",
        "The column Procedure date and time is missing: add it",
    ]
    assert len(refused.page.all("select")) == 10


def test_columns_are_chosen_again_once_every_row_was_checked(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1)))
    again = admin.get(page.links()["Change the columns"])
    admin.post(f"{page.path}/columns", {**again.values(f"{page.path}/columns"), "column-0": "-"})
    sweep(sqlite_app, "work-off-lists")

    enrolled(sqlite_app, admin, page)

    assert [one.reference for one in rows(sqlite_app, Enrolment)] == [None]


@pytest.mark.parametrize("protocol", ["nerve-root-block", "facet-joint-injection"])
def test_the_template_is_understood_as_it_is(sqlite_app, admin, protocol):
    answer = admin.client.get(f"/enrol/list/template.csv?protocol={protocol}")
    header = answer.content.decode("utf-8-sig").strip()
    answers = line(1).split(",")[:8]
    questions = header.count("?")
    row = ",".join([*answers, "text", *["yes"] * questions])

    page = upload(admin, f"{header}\r\n{row}\r\n".encode(), protocol=protocol)

    assert not page.page.all("select")
    admin.post(page.path)
    sweep(sqlite_app, "work-off-lists")
    assert facts(admin.get(page.path.removesuffix("/columns")))["To enrol"] == "1 patient"


# ------------------------------------------------------------------------------ a wrong file


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", "The file is empty", id="empty"),
        pytest.param(b"PK\x03\x04\x14\x00", "This is an Excel workbook", id="workbook"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00", "This is not a CSV file", id="picture"),
        pytest.param(line(1).encode(), "This does not name the columns", id="no-headings"),
        pytest.param(f"{HEADER}\n".encode(), "This has no patients", id="no-patients"),
        pytest.param(b"a" * (2 * 1024 * 1024 + 1), "larger than 2 MB", id="too-large"),
        pytest.param(b"a" * (3 * 1024 * 1024), "larger than 2 MB", id="much-too-large"),
    ],
)
def test_a_wrong_file_is_told_where_it_was_chosen(sqlite_app, admin, content, told):
    page = upload(admin, content, status=422)

    assert page.path == "/enrol/list"
    (error,) = page.errors
    assert told in error
    assert page.values("/enrol/list")["protocol"] == "nerve-root-block"
    assert rows(sqlite_app, UploadedList) == []


def test_a_list_of_too_many_rows_is_told_so(admin):
    content = table(*["x"] * 5_001)

    (error,) = upload(admin, content, status=422).errors

    assert error.startswith("This has more than 5,000 rows")


def test_what_has_no_end_is_cut_off(admin, monkeypatch):
    monkeypatch.setattr(routes, "MOST_READ", 3 * 1024 * 1024)
    answer = admin.client.post("/enrol/list", files={"file": ("x", b"a" * 4 * 1024 * 1024)})

    assert answer.status_code in {413, 422}


def test_no_file_and_a_form_that_is_broken(admin):
    assert admin.post("/enrol/list", CHOICES, status=422).errors == ["Choose a file"]
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert admin.client.post("/enrol/list", content=b"nonsense", headers=broken).status_code == 422


def test_a_file_of_other_letters_costs_their_rows_alone(sqlite_app, admin):
    content = table(line(1, name="Zoë Orr"), line(2)).decode().encode("cp1252")
    page = checked(sqlite_app, admin, content)

    assert facts(page)["To enrol"] == "1 patient"
    assert "Line 2" in page.text
    assert "This has letters that are not saved as UTF-8" in page.text


def test_what_is_written_in_a_list_is_shown_and_never_obeyed(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1, mobile="<script>alert(1)</script>")))

    assert "<script>alert" not in page.html
    assert "&lt;script&gt;alert" in page.html


# ------------------------------------------------------------------------- whose it is, how long


def test_a_list_is_its_owners_alone(sqlite_app, admin, joined):
    page = checked(sqlite_app, admin, table(line(1)))
    somebody = joined(Role.ENROL)

    for path in (page.path, f"{page.path}/columns", f"{page.path}/rows/2", f"{page.path}/progress"):
        assert somebody.client.get(path).status_code == 404
    somebody.post(f"{page.path}/enrol", status=404)
    somebody.post(f"{page.path}/remove", status=404)
    assert "list.csv" not in somebody.get("/enrol/list").text


def test_a_clinic_that_is_not_theirs_can_be_named_by_no_row(sqlite_app):
    ours = sqlite_app.catalogue.clinics["derriford-pain"]
    other = replace(ours, key="elsewhere", name="Elsewhere Clinic")
    clinics = {ours.key: ours, other.key: other}
    app = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, clinics=clinics))
    visitor = join(app, make_asgi(app), Role.ENROL, clinics=[ours.key])

    page = checked(
        app, visitor, table(f"{line(1)},elsewhere", f"{line(2)},", header=f"{HEADER},Clinic")
    )

    assert facts(page)["To enrol"] == "1 patient"
    assert "“elsewhere”: Name one of: derriford-pain" in page.text
    assert "Elsewhere Clinic" not in page.text


def test_what_was_uploaded_is_sealed_and_gone_once_it_was_used(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1), line(2, mobile="07")))
    (kept,) = rows(sqlite_app, UploadedList)
    sealed = kept.content_sealed + kept.findings_sealed
    assert b"Test Patient" not in sealed
    assert b"list.csv" not in sealed

    enrolled(sqlite_app, admin, page)

    (kept,) = rows(sqlite_app, UploadedList)
    assert kept.content_sealed is None
    assert "Line 3" in admin.get(page.path).text
    admin.get(f"{page.path}/rows/2", status=404)


def test_a_list_is_forgotten_after_a_day_whatever_its_state(sqlite_app, admin):
    page = upload(admin, table(line(1)))
    clock_of(sqlite_app).advance_real(timedelta(hours=23, minutes=59))
    sweep(sqlite_app, "forget-lists")
    assert len(rows(sqlite_app, UploadedList)) == 1

    clock_of(sqlite_app).advance_real(timedelta(minutes=2))
    sweep(sqlite_app, "forget-lists")

    assert rows(sqlite_app, UploadedList) == []
    assert page.path


def test_a_list_may_be_removed_at_once(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1)))

    gone = admin.post(f"{page.path}/remove")

    assert "The list is removed." in gone.html
    assert rows(sqlite_app, UploadedList) == []
    assert actions(sqlite_app)[-1] == "list.removed"
    admin.get(page.path, status=404)


def test_a_list_is_not_removed_while_its_patients_are_enrolled(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1)))
    admin.post(f"{page.path}/enrol")

    admin.post(f"{page.path}/remove", status=409)


def test_enrolling_twice_is_done_once(sqlite_app, admin):
    page = checked(sqlite_app, admin, table(line(1)))
    admin.post(f"{page.path}/enrol")
    admin.post(f"{page.path}/enrol")
    sweep(sqlite_app, "work-off-lists")
    done = admin.post(f"{page.path}/enrol")

    assert done.heading == "list.csv 1 patient enrolled"
    assert len(rows(sqlite_app, Enrolment)) == 1


def test_only_so_many_lists_are_kept_for_one_person(sqlite_app, admin, monkeypatch):
    monkeypatch.setattr(uploaded_lists, "MOST_LISTS", 1)
    upload(admin, table(line(1)))

    (error,) = upload(admin, table(line(1)), status=422).errors

    assert error == "You have 1 lists here: remove one of them first"


# ------------------------------------------------------------------------------- under way


def test_how_far_it_is_is_asked_for_by_the_page_itself(sqlite_app, admin):
    page = upload(admin, table(line(1)))
    admin.post(page.path)
    path = page.path.removesuffix("/columns")

    waiting = admin.client.get(f"{path}/progress")
    assert "0 % done" in waiting.text
    assert "hx-redirect" not in waiting.headers
    with sqlite_app.store.write() as session:
        session.execute(update(UploadedList).values(progress=40))
    assert 'value="40"' in admin.client.get(f"{path}/progress").text
    sweep(sqlite_app, "work-off-lists")

    assert admin.client.get(f"{path}/progress").headers["hx-redirect"] == path


def test_a_list_that_nobody_begins_with_says_so(sqlite_app, admin):
    page = upload(admin, table(line(1)))
    path = admin.post(page.path).path
    clock_of(sqlite_app).advance_real(timedelta(minutes=1))

    assert "It has not started yet" in admin.get(path).text


def test_a_name_that_browsers_send_with_its_folder_is_shortened(admin):
    page = upload(admin, table(line(1)), name="C:\\fakepath\\Theatre list.csv")

    assert page.heading == "Theatre list.csv Check the columns"


def test_the_form_to_enrol_leads_here(admin):
    assert re.search("from a list", admin.get("/enrol").text)
