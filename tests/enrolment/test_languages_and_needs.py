"""A patient's language and reading needs: drafts are never sent, and needs are honoured."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy.orm import Session

from followup.catalogue.load import load_catalogue
from followup.content.languages import direction, own_name, staff_name
from followup.content.library import Content, shipped_messages
from followup.content.metadata import ApprovalShape
from followup.content.page_words import PageWords
from followup.content.sources import read_sources
from followup.content.version import ApprovalStatus
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import InvalidInput
from followup.domain.needs import ReadingNeed
from followup.enrolment.enrol import check_request
from followup.enrolment.language_note import language_note
from followup.enrolment.preview import preview_enrolment
from followup.enrolment.reading_needs import change_needs
from followup.patients import records as patients
from followup.store.models.enrolments import Enrolment
from followup.store.models.patients import Patient
from scripts.refresh_catalogues import main as refresh
from tests.support.apps import (
    email_of,
    enrol_one,
    make_app,
    messages,
    rows,
    run_until,
    sms_of,
    tasks,
)
from tests.support.people import EMAIL, ENROLLED_AT, SMS, request
from tests.web.conftest import served
from tests.web.test_patient_page import EVENING, path_of, press

DAY = timedelta(days=1)


def approved_in_arabic() -> Content:
    """Return the shipped messages as if a clinician had approved the Arabic ones."""
    sources, cards = read_sources(shipped_messages())
    approved = ApprovalShape(language="ar", status=ApprovalStatus.APPROVED)
    signed = {
        name: card.model_copy(update={"approval": [approved]})
        for name, card in cards.items()
        if any(one.language == "ar" for one in card.approval)
    }
    return Content(sources, {**cards, **signed})


# ------------------------------------------------------------------------------ language


def test_who_reads_arabic_gets_english_until_it_is_approved(sqlite_app: AppContext):
    enrol_one(sqlite_app, language="ar")
    run_until(sqlite_app, ENROLLED_AT + 2 * DAY)

    assert sms_of(sqlite_app).calls
    for call in (*sms_of(sqlite_app).calls, *email_of(sqlite_app).calls):
        assert call.text.isascii()


def test_the_preview_shows_what_will_go_and_why(sqlite_app: AppContext):
    checked = check_request(sqlite_app, request(language="ar"))

    note = language_note(
        sqlite_app, language="ar", clinic=checked.clinic, protocol=checked.protocol
    )

    assert note == (
        "No clinician has approved the words in Arabic yet: the messages will be in English until "
        "then."
    )
    assert all(view.text.isascii() for view in preview_enrolment(sqlite_app, checked))
    assert not language_note(
        sqlite_app, language="en", clinic=checked.clinic, protocol=checked.protocol
    )


def test_once_approved_arabic_is_sent_and_counted_in_ucs_2(migrated_sqlite_url):
    with closing(make_app(migrated_sqlite_url, content=approved_in_arabic())) as app:
        enrol_one(app, language="ar")
        enrol_one(app, 2, language="ar", channels=(EMAIL,))
        run_until(app, ENROLLED_AT + 2 * DAY)

        shown = preview_enrolment(app, check_request(app, request(3, language="ar")))
        assert sms_of(app).calls[0].text.startswith("من Derriford Pain Clinic:")
        assert {view.encoding for view in shown if view.channel == "sms"} == {"UCS-2"}
        assert max(view.segments for view in shown if view.channel == "sms") > 4
        mail = email_of(app).calls[0]
        assert '<html lang="ar" dir="rtl">' in mail.html
        checked = check_request(app, request(language="ar"))
        assert not language_note(
            app, language="ar", clinic=checked.clinic, protocol=checked.protocol
        )


def test_on_a_live_system_the_page_is_english_until_it_is_approved(sqlite_app: AppContext):
    enrolment = enrol_one(sqlite_app, language="ar")
    run_until(sqlite_app, EVENING)

    with served(sqlite_app) as client:
        page = client.get(path_of(sqlite_app, enrolment)).text

    assert '<html lang="en" dir="ltr">' in page
    assert "You asked for العربية. Its words have not been checked yet" in page


def test_on_a_practice_system_the_draft_is_shown_from_right_to_left_and_says_so(
    migrated_sqlite_url,
):
    with closing(make_app(migrated_sqlite_url, sandbox=True)) as app:
        enrolment = enrol_one(app, language="ar", diabetic=True)
        run_until(app, EVENING)
        with served(app) as client:
            path = path_of(app, enrolment)
            page = client.get(path).text
            done = client.get(press(client, path, "stop-sms").headers["location"]).text

    assert '<html lang="ar" dir="rtl">' in page
    assert "Draft translation, made by machine" in page
    assert "متى تطلب المساعدة فورًا" in page
    assert "سكر الدم بعد الحقنة" in page
    assert "Project-Id-Version" not in page
    assert "تم. لن نرسل إليك رسائل نصية بعد الآن" in done


def test_the_patient_changes_the_language_on_the_page(sqlite_app: AppContext):
    enrolment = enrol_one(sqlite_app)
    run_until(sqlite_app, EVENING)

    with served(sqlite_app) as client:
        answer = press(client, path_of(sqlite_app, enrolment), "language-ar")

    assert answer.status_code == 303
    assert rows(sqlite_app, Patient)[0].language == "ar"


def test_the_catalogues_are_in_step_with_the_page_and_complete(capsys):
    assert refresh(check=True) == 0, capsys.readouterr().out


def test_the_words_of_the_page_are_approved_as_they_stand_or_not_at_all():
    words = PageWords.load()

    assert words.shows("en")
    assert not words.shows("ar")
    assert not words.shows("cy")
    for protocol in ("nerve-root-block",):
        assert all(
            words.leaflet(protocol, language, next(iter(load_catalogue().clinics.values())))
            for language in words.languages
        )


def test_languages_have_names_and_a_direction():
    assert (staff_name("ar"), own_name("ar"), direction("ar")) == ("Arabic", "العربية", "rtl")
    assert (staff_name("en"), direction("en"), direction("xx")) == ("English", "ltr", "ltr")


# ------------------------------------------------------------------------------ needs


def test_needs_are_kept_sealed_and_stay_when_enrolled_again(sqlite_app: AppContext):
    enrol_one(sqlite_app, needs=frozenset({ReadingNeed.LARGE_PRINT}))
    enrol_one(sqlite_app, procedure_at=ENROLLED_AT - 3 * DAY, reference="again")

    [patient] = rows(sqlite_app, Patient)
    assert patients.read_patient(patient, sqlite_app.keyring).needs == {ReadingNeed.LARGE_PRINT}
    assert b"print" not in patient.needs_sealed


def test_large_print_makes_e_mails_large_and_leaves_others_alone(sqlite_app: AppContext):
    enrol_one(sqlite_app, channels=(EMAIL,), needs=frozenset({ReadingNeed.LARGE_PRINT}))
    enrol_one(sqlite_app, 2, channels=(EMAIL,))
    run_until(sqlite_app, ENROLLED_AT + timedelta(minutes=1))

    assert sorted("26px" in call.html for call in email_of(sqlite_app).calls) == [False, True]


def test_who_needs_easy_read_is_rung(sqlite_app: AppContext):
    enrolment = enrol_one(sqlite_app, needs=frozenset({ReadingNeed.EASY_READ}))

    [item] = tasks(sqlite_app)
    assert (item.kind, item.enrolment_id) == ("reading-need", enrolment)
    assert "easy" not in str(item.detail)


def test_no_texts_means_e_mails_alone(sqlite_app: AppContext):
    with pytest.raises(InvalidInput) as refused:
        enrol_one(sqlite_app, needs=frozenset({ReadingNeed.NO_TEXTS}))
    enrol_one(sqlite_app, channels=(EMAIL,), needs=frozenset({ReadingNeed.NO_TEXTS}))

    assert refused.value.problems[0].field == "channels"
    assert {one.channel for one in messages(sqlite_app)} == {"email"}
    assert tasks(sqlite_app) == []


def test_whom_neither_texts_nor_e_mails_reach_a_person_rings(sqlite_app: AppContext):
    enrolment = enrol_one(
        sqlite_app, channels=(), email=None, needs=frozenset({ReadingNeed.NO_TEXTS})
    )

    [item] = tasks(sqlite_app)
    assert (item.kind, item.enrolment_id) == ("reading-need", enrolment)
    assert {one.state for one in messages(sqlite_app)} == {"suppressed"}


def test_texts_that_turn_out_to_be_of_no_use_go_as_e_mails(sqlite_app: AppContext):
    enrolment = enrol_one(sqlite_app, channels=(SMS, EMAIL))

    def work(session: Session) -> None:
        of: UUID = session.get_one(Enrolment, enrolment).patient_id
        patient = session.get_one(Patient, of)
        by = sqlite_app.by("web:x")
        needs = frozenset({ReadingNeed.NO_TEXTS})
        change_needs(UnitOfWork(session, sqlite_app, by), patient, needs, enrolment_id=enrolment)

    sqlite_app.store.transact(work)
    run_until(sqlite_app, ENROLLED_AT + 2 * DAY)

    assert sms_of(sqlite_app).calls == []
    assert email_of(sqlite_app).calls


def test_a_clinic_that_writes_in_one_language_offers_no_other(sqlite_app: AppContext):
    clinics = {
        key: replace(clinic, languages=("en",))
        for key, clinic in sqlite_app.catalogue.clinics.items()
    }
    app = replace(sqlite_app, catalogue=replace(sqlite_app.catalogue, clinics=clinics))
    enrolment = enrol_one(app)

    with served(app) as client:
        assert 'value="language-' not in client.get(path_of(app, enrolment)).text
