"""An enrolment as JSON: what is taken, what is refused by which field, and in which words."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.catalogue.load import Catalogue
from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.enrolment.enrol import EnrolmentRequest
from followup.intake.json_shapes import EnrolmentShape, read_enrolment
from followup.patients.records import Person
from tests.support.apps import HandClock, shipped_catalogue

PATIENT: dict[str, Any] = {
    "name": "Test Patient",
    "nhs_number": "999 000 0018",
    "date_of_birth": "1956-04-30",
    "mobile": "07700 900123",
    "email": "name@Example.com",
    "language": "en",
    "needs": [],
}
ENROLMENT: dict[str, Any] = {
    "clinic": "derriford-pain",
    "protocol": "nerve-root-block",
    "reference": "REF-1",
    "procedure_at": "2026-10-19T14:30:00+01:00",
    "attributes": {"diabetic": True, "steroid_given": True},
    "patient": PATIENT,
    "channels": ["sms", "email"],
}
ABSENT = object()


class Bare:
    """As much of an app context as reading an enrolment takes."""

    def __init__(self, catalogue: Catalogue | None = None) -> None:
        self.clock = HandClock()
        self.catalogue = catalogue or shipped_catalogue()


def read(data: object, app: Any = None) -> EnrolmentRequest:
    bare: Any = app or Bare()
    return read_enrolment(bare, data)


def enrolment(**changes: object) -> dict[str, Any]:
    return _changed(ENROLMENT, changes)


def with_patient(**changes: object) -> dict[str, Any]:
    return enrolment(patient=_changed(PATIENT, changes))


def _changed(values: dict[str, Any], changes: dict[str, object]) -> dict[str, Any]:
    return {name: value for name, value in {**values, **changes}.items() if value is not ABSENT}


def problems(data: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        read(data)
    return {problem.field: problem.message for problem in caught.value.problems}


# -------------------------------------------------------------------------------- taken


def test_every_value_comes_out_normalised():
    assert read(ENROLMENT) == EnrolmentRequest(
        clinic="derriford-pain",
        protocol="nerve-root-block",
        reference="REF-1",
        procedure_at=datetime(2026, 10, 19, 13, 30, tzinfo=UTC),
        attributes={"diabetic": True, "steroid_given": True},
        person=Person(
            name="Test Patient",
            nhs_number="9990000018",
            date_of_birth=date(1956, 4, 30),
            mobile="+447700900123",
            email="name@example.com",
            language="en",
        ),
        channels=(ChannelKind.SMS, ChannelKind.EMAIL),
    )


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-19T14:30:00+01:00",
        "2026-10-19T13:30:00Z",
        "2026-10-19T13:30Z",
        "2026-10-19 13:30:00+00:00",
        "2026-10-19T13:30:00.000Z",
        " 2026-10-19T13:30:00Z ",
        "20261019T133000Z",
        "2026-10-19T08:30:00-05:00",
    ],
)
def test_a_time_with_any_offset_is_taken(text):
    assert read(enrolment(procedure_at=text)).procedure_at == datetime(
        2026, 10, 19, 13, 30, tzinfo=UTC
    )


def test_the_hour_that_the_clocks_repeat_is_told_apart_by_its_offset():
    summer = read(enrolment(procedure_at="2026-10-25T01:30:00+01:00")).procedure_at
    winter = read(enrolment(procedure_at="2026-10-25T01:30:00+00:00")).procedure_at

    assert (winter - summer).total_seconds() == 3600


@pytest.mark.parametrize(
    ("mobile", "email", "channels"),
    [
        ("07700 900123", "name@example.com", ("sms", "email")),
        ("07700 900123", None, ("sms",)),
        (None, "name@example.com", ("email",)),
        (ABSENT, "name@example.com", ("email",)),
    ],
    ids=["both", "mobile", "email", "mobile-left-out"],
)
@pytest.mark.parametrize("given", [None, ABSENT], ids=["null", "left-out"])
def test_channels_left_out_follow_from_the_contact_details_texts_first(
    given, mobile, email, channels
):
    data = {**with_patient(mobile=mobile, email=email), "channels": given}

    assert read(_changed(data, {})).channels == channels


@pytest.mark.parametrize(
    ("given", "channels"),
    [
        (["email", "sms"], ("email", "sms")),
        (["sms"], ("sms",)),
        (["email", "sms", "email"], ("email", "sms")),
        ([], ()),
    ],
    ids=["email-first", "one", "twice", "none"],
)
def test_channels_that_are_given_stay_in_their_order(given, channels):
    assert read(enrolment(channels=given)).channels == channels


def test_optional_fields_may_be_null_or_left_out():
    for nothing in (None, ABSENT):
        request = read(
            {
                **with_patient(name=nothing, date_of_birth=nothing, email=nothing),
                "reference": None,
                "channels": ["sms"],
            }
        )
        assert (request.person.name, request.person.date_of_birth) == (None, None)
        assert request.reference is None


def test_a_name_and_a_date_of_birth_do_without_an_nhs_number():
    person = read(with_patient(nhs_number=ABSENT)).person

    assert (person.nhs_number, person.name) == (None, "Test Patient")


def test_without_a_language_it_is_the_clinics_first():
    assert read(with_patient(language=ABSENT)).person.language == "en"


def test_an_unknown_clinic_is_left_to_enrolment_to_refuse():
    assert read({**with_patient(language=ABSENT), "clinic": "x"}).clinic == "x"


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("  Ann   Example ", "Ann Example"), ("Zoë", "Zoë"), ("O'Brien-Smith", "O'Brien-Smith"),
     ("李小龍", "李小龍"), ("X" + "x" * 199, "X" + "x" * 199)],
    ids=["spaces", "accent", "marks", "han", "longest"],
)  # fmt: skip
def test_a_name_is_whatever_people_are_called(written, read_as):
    assert read(with_patient(name=written)).person.name == read_as


# ------------------------------------------------------------------------------- refused


@pytest.mark.parametrize("data", [None, [], "text", 5, True, [ENROLMENT]], ids=repr)
def test_what_is_no_object_is_refused(data):
    assert problems(data) == {"": "this must be an object, in braces"}


def test_every_field_that_is_missing_is_named():
    assert set(problems({})) == {"clinic", "protocol", "procedure_at", "patient"}


def test_every_field_that_is_wrong_is_named_at_once():
    wrong = {
        **with_patient(name="1", nhs_number="1", date_of_birth="x", mobile="x", email="x"),
        "procedure_at": "x",
        "channels": ["fax"],
        "reference": "",
    }

    assert set(problems(wrong)) == {
        "patient.name",
        "patient.nhs_number",
        "patient.date_of_birth",
        "patient.mobile",
        "patient.email",
        "procedure_at",
        "channels.0",
        "reference",
    }


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("protocl", 'did you mean "protocol"?'),
        ("procedure_time", 'did you mean "procedure_at"?'),
        ("zzz", "known here: clinic, protocol"),
        ("", "known here"),
        ("x" * 500, "known here"),
    ],
    ids=["slip", "like", "other", "empty", "endless"],
)
def test_an_unknown_field_is_refused_with_what_is_meant(key, meant):
    [(field, message)] = problems(enrolment(**{key: "x"})).items()

    assert field == key[:40]
    assert meant in message


def test_an_unknown_field_of_the_patient_is_refused_with_what_is_meant():
    told = problems(with_patient(phone="07700 900123", date_of_brith="1956-04-30"))

    assert set(told) == {"patient.phone", "patient.date_of_brith"}
    assert 'did you mean "date_of_birth"?' in told["patient.date_of_brith"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-10-19T14:30:00", "no offset"),
        ("2026-10-19", "no offset"),
        ("19/10/2026 14:30", "not a date and time"),
        ("tomorrow", "not a date and time"),
        ("2026-02-30T14:30:00Z", "not a date and time"),
        ("2026-10-19T25:30:00Z", "not a date and time"),
        ("0001-01-01T00:00:00+14:00", "not a date and time"),
        ("9999-12-31T23:59:59-14:00", "not a date and time"),
        ("", "not a date and time"),
        ("\x00", "not a date and time"),
        (1792416600, "in quotes"),
        (None, "in quotes"),
        (["2026-10-19T14:30:00Z"], "in quotes"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_time_that_could_be_misunderstood_is_refused_with_an_example(text, words):
    told = problems(enrolment(procedure_at=text))

    assert set(told) == {"procedure_at"}
    assert words in told["procedure_at"]


def test_a_naive_time_is_refused_with_what_to_write():
    told = problems(enrolment(procedure_at="2026-10-19T14:30:00"))

    assert "write it like 2026-10-23T14:30:00+01:00" in told["procedure_at"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("30/04/1956", "write it like 1956-04-30"),
        ("1956-02-30", "not a date"),
        ("1956-04-30T00:00:00", "not a date"),
        ("2026-10-20", "in the future"),
        ("2026-10-19", "less than a year ago"),
        ("1900-01-01", "over 120 years"),
        ("0001-01-01", "over 120 years"),
        (19560430, "in quotes"),
    ],
    ids=str,
)
def test_a_date_of_birth_that_can_not_be_is_refused(text, words):
    told = problems(with_patient(date_of_birth=text))

    assert words in told["patient.date_of_birth"]


@pytest.mark.parametrize("text", ["2025-10-19", "1926-02-28", "2004-02-29"])
def test_a_date_of_birth_of_a_year_ago_or_long_ago_can_be(text):
    assert read(with_patient(date_of_birth=text)).person.date_of_birth == date.fromisoformat(text)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"nhs_number": ABSENT, "name": ABSENT}, {"patient.name"}),
        ({"nhs_number": None, "date_of_birth": None}, {"patient.date_of_birth"}),
        (
            {"nhs_number": None, "name": None, "date_of_birth": None},
            {"patient.name", "patient.date_of_birth"},
        ),
    ],
    ids=["no-name", "no-date", "nothing"],
)
def test_a_patient_whom_nothing_identifies_is_refused(changes, fields):
    told = problems(with_patient(**changes))

    assert set(told) == fields
    assert all("NHS number" in message for message in told.values())


def test_a_patient_whom_nothing_reaches_is_refused():
    told = problems({**with_patient(mobile=None, email=None), "channels": None})

    assert told == {
        "patient.mobile": "needed to reach the patient: give a mobile number or an email"
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "12345"}, "patient.name"),
        ({"name": "   "}, "patient.name"),
        ({"name": "Ann\x00"}, "patient.name"),
        ({"name": "Ann\nExample"}, "patient.name"),
        ({"name": "x" * 201}, "patient.name"),
        ({"name": "Ann\ud800"}, "patient.name"),
        ({"name": 5}, "patient.name"),
        ({"mobile": 447700900123}, "patient.mobile"),
        ({"mobile": ""}, "patient.mobile"),
        ({"mobile": "01752 437706"}, "patient.mobile"),
        ({"email": ["a@example.com"]}, "patient.email"),
        ({"nhs_number": 9990000018}, "patient.nhs_number"),
        ({"nhs_number": "999 000 0019"}, "patient.nhs_number"),
        ({"language": ""}, "patient.language"),
        ({"language": "x" * 13}, "patient.language"),
        ({"language": 5}, "patient.language"),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, dict) else "",
)
def test_a_detail_of_the_patient_that_can_not_be_is_refused(changes, field):
    assert set(problems(with_patient(**changes))) == {field}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"reference": "  "}, "reference"),
        ({"reference": "x" * 81}, "reference"),
        ({"reference": "a\x00b"}, "reference"),
        ({"reference": "a\ud800"}, "reference"),
        ({"reference": 5}, "reference"),
        ({"clinic": ""}, "clinic"),
        ({"clinic": None}, "clinic"),
        ({"clinic": "x" * 81}, "clinic"),
        ({"protocol": 5}, "protocol"),
        ({"patient": None}, "patient"),
        ({"patient": []}, "patient"),
        ({"channels": "sms"}, "channels"),
        ({"channels": {"sms": True}}, "channels"),
        ({"channels": ["SMS"]}, "channels.0"),
        ({"channels": [None]}, "channels.0"),
        ({"channels": ["sms"] * 11}, "channels"),
        ({"attributes": []}, "attributes"),
        ({"attributes": None}, "attributes"),
        ({"attributes": {"": True}}, "attributes."),
        ({"attributes": {str(n): True for n in range(51)}}, "attributes"),
    ],
    ids=lambda value: repr(value)[:30] if isinstance(value, dict) else "",
)
def test_a_field_that_can_not_be_is_refused(changes, field):
    assert set(problems(enrolment(**changes))) == {field}


def test_answers_are_left_to_the_protocol_to_check():
    answers = {"diabetic": "perhaps", "other": None}

    assert read(enrolment(attributes=answers)).attributes == answers


def test_no_complaint_repeats_what_was_sent():
    sent = {
        **with_patient(
            name="Zebedee\x00",
            nhs_number="zebedee",
            date_of_birth="zebedee",
            mobile="zebedee",
            email="zebedee",
            language="zebedee" * 3,
        ),
        "procedure_at": "zebedee",
        "channels": ["zebedee"],
        "reference": "zebedee" * 20,
    }

    told = problems(sent)

    assert len(told) == 9
    assert "zebedee" not in json.dumps(told).lower()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(
    changes=st.dictionaries(st.sampled_from([*ENROLMENT, "other"]), JSON, max_size=4),
    details=st.dictionaries(st.sampled_from([*PATIENT, "other"]), JSON, max_size=4),
)
def test_whatever_is_sent_is_read_or_refused_by_field(changes, details):
    refusal = None
    try:
        read({**with_patient(**details), **changes})
    except InvalidInput as error:
        refusal = error

    assert refusal is None or (refusal.problems and all(one.message for one in refusal.problems))


def test_the_app_of_the_product_will_do(sqlite_app: AppContext):
    assert read(ENROLMENT, sqlite_app) == read(ENROLMENT)


def test_the_published_shape_names_no_field_that_is_not_read():
    schema = EnrolmentShape.model_json_schema()

    assert set(schema["properties"]) == {*ENROLMENT, "on_conflict"}
    assert set(schema["$defs"]["PatientShape"]["properties"]) == set(PATIENT)
    assert schema["additionalProperties"] is False
