"""People whom a hospital knows by its own number and by the NHS number: one person under both."""

from __future__ import annotations

from followup.context import AppContext
from followup.patients.records import read_patient
from followup.store.models.patients import Patient
from tests.support.apps import rows
from tests.support.hl7 import feed, message
from tests.support.people import nhs_number

OWN, NEW_OWN, OTHER_OWN = "000001", "000002", "000009"
NUMBER, NEW_NUMBER = nhs_number(1), nhs_number(2)


def pid(
    own: str = "", number: str = "", *, name: str = "Patient-00001^Test", born: str = "19510512",
    mobile: str = "+447700900001",
) -> str:  # fmt: skip
    ids = [*([f"{own}^^^MUH^MR"] if own else []), *([f"{number}^^^NHS^NH"] if number else [])]
    return f"PID|1||{'~'.join(ids)}||{name}||{born}||||||{mobile}^PRN^CP"


def person(own: str = "", number: str = "", *, id_: str, **changed: str) -> str:
    """Return a message that tells of somebody's details alone."""
    return message("ADT^A31", id_=id_, at=f"2026101915000{id_}", pid=pid(own, number, **changed))


def merge(survivor: str, gone: str, *, id_: str, **changed: str) -> str:
    return message(
        "ADT^A40", id_=id_, at=f"2026101915000{id_}", pid=pid(survivor, NUMBER, **changed),
        mrg=f"{gone}^^^MUH^MR",
    )  # fmt: skip


def mobiles(app: AppContext) -> list[str]:
    people = (read_patient(each, app.keyring) for each in rows(app, Patient))
    return sorted(one.mobile for one in people if one is not None and one.mobile is not None)


def test_who_came_with_the_nhs_number_is_found_when_the_hospital_gives_its_own_too(app):
    feed(app, message(id_="1", pid=pid(number=NUMBER)))

    came = feed(
        app,
        person(OWN, NUMBER, id_="2", mobile="+447700900002"),
        person(OWN, id_="3", mobile="+447700900003"),
        person(number=NUMBER, id_="4", mobile="+447700900004"),
    )

    assert came == [("changed", "details")] * 3
    assert mobiles(app) == ["+447700900004"]


def test_who_is_given_another_number_by_the_hospital_is_the_same(app):
    feed(app, message(id_="1", pid=pid(OWN, NUMBER)))

    came = feed(
        app,
        person(NEW_OWN, NUMBER, id_="2", mobile="+447700900002"),
        merge(NEW_OWN, OWN, id_="3", mobile="+447700900002"),
        person(OWN, id_="4", mobile="+447700900004"),
    )

    assert came == [("changed", "details"), ("ignored", "merged-before"), ("changed", "details")]
    assert mobiles(app) == ["+447700900004"]


def test_after_a_merge_each_number_leads_to_the_survivor(app):
    feed(app, message(id_="1", pid=pid(OWN, NUMBER)))

    came = feed(
        app,
        merge(NEW_OWN, OWN, id_="2"),
        person(number=NUMBER, id_="3", mobile="+447700900003"),
        merge(OWN, NEW_OWN, id_="4"),
    )

    assert came == [("merged", "merged"), ("changed", "details"), ("refused", "merge-inverse")]
    assert mobiles(app) == ["+447700900003"]


def test_somebody_quite_different_under_the_same_nhs_number_changes_nothing(app):
    feed(app, message(id_="1", pid=pid(OWN, NUMBER)))

    feed(
        app,
        person(
            OTHER_OWN, NUMBER, id_="2", name="Larkin^Ada", born="19770707", mobile="+447700900009"
        ),
    )

    assert mobiles(app) == ["+447700900001"]


def test_a_number_that_was_corrected_leads_to_whom_it_belongs_from_then_on(app):
    feed(
        app,
        message(id_="1", pid=pid(OWN, NUMBER)),
        person(OWN, NEW_NUMBER, id_="2"),
        message(
            id_="3",
            pid=pid(OTHER_OWN, NUMBER, name="Larkin^Ada", born="19770707", mobile="+447700900009"),
            appointment="AP9",
        ),
    )
    assert mobiles(app) == ["+447700900001", "+447700900009"]

    feed(
        app,
        person(number=NUMBER, id_="4", name="Larkin^Ada", born="19770707", mobile="+447700900010"),
    )

    assert mobiles(app) == ["+447700900001", "+447700900010"]
