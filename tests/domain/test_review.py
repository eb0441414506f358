"""What a person is asked to settle about protocols and clinics that can be used."""

# ruff: noqa: E501 - a complaint stands on one line here, as it does on the screen

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

from followup.domain.clinics.clinic import SendingHours
from followup.domain.protocols.review import protocol_reservations
from followup.domain.protocols.timing import After, FromProcedure, FromTarget, OnDay


def test_a_source_that_is_overdue_for_review_is_named(nerve_root_block):
    assert protocol_reservations([nerve_root_block], [], today=date(2026, 10, 1)) == (
        "protocol nerve-root-block: its source (B-465/Pain Management/Nerve Root Block v3) was due for review by 31 August 2025: have the clinic confirm that it still holds, or bring its new version in",
    )


def test_a_source_that_is_not_due_yet_is_not(nerve_root_block):
    assert protocol_reservations([nerve_root_block], [], today=date(2025, 8, 31)) == ()


def test_the_note_of_an_example_is_shown(catalogue):
    example = catalogue.protocols["facet-joint-injection"]

    assert protocol_reservations([example], [], today=date(2025, 1, 1)) == (
        "protocol facet-joint-injection: An example derived from another procedure's leaflet: replace it by the clinic's own before use.",
    )


def test_clinic_facts_that_nobody_confirmed_are_named(derriford):
    assert protocol_reservations([], [derriford], today=date(2025, 1, 1)) == (
        'clinic derriford-pain: nobody at the clinic has confirmed office_hours, sending_hours, email: ask, correct the file, and shorten its list "unconfirmed"',
    )


def test_a_clinic_whose_facts_are_confirmed_has_no_reservation(derriford, nerve_root_block):
    confirmed = replace(derriford, unconfirmed=())

    assert protocol_reservations([nerve_root_block], [confirmed], today=date(2025, 1, 1)) == ()


def test_a_message_that_no_sending_hour_can_carry_is_named(derriford, nerve_root_block):
    flare = nerve_root_block.step("flare")
    in_the_night = replace(
        flare,
        occurrences=(OnDay(2, time(10)), OnDay(5, time(21))),
        not_after=FromTarget(timedelta(hours=3)),
    )
    protocol = replace(nerve_root_block, steps=(in_the_night,))
    clinic = replace(derriford, unconfirmed=())

    assert protocol_reservations([protocol], [clinic], today=date(2025, 1, 1)) == (
        'protocol nerve-root-block, step "flare", target 2: at clinic derriford-pain its window holds no hour in which messages may be sent: move it, or widen the sending hours',
    )


def test_a_message_that_only_some_hours_of_a_procedure_allow_is_not(derriford, nerve_root_block):
    # Twelve hours after a procedure in the evening it is morning; after one by day it is night.
    half_a_day_later = replace(
        nerve_root_block.step("flare"),
        occurrences=(After(timedelta(hours=12)),),
        not_after=FromTarget(timedelta(minutes=1)),
        not_before=FromProcedure(timedelta(0)),
    )
    protocol = replace(nerve_root_block, steps=(half_a_day_later,))
    clinic = replace(derriford, unconfirmed=())

    assert protocol_reservations([protocol], [clinic], today=date(2025, 1, 1)) == ()


def test_the_sending_hours_of_each_clinic_count(derriford, nerve_root_block):
    afternoons = replace(derriford, unconfirmed=(), sending_hours=SendingHours(time(14), time(17)))

    complaints = protocol_reservations([nerve_root_block], [afternoons], today=date(2025, 1, 1))

    # Sugar at 08:30 is of use until 13:30, those in the evening until about midnight.
    assert [text.partition(": ")[0] for text in complaints] == [
        'protocol nerve-root-block, step "sugar", target 1',
        'protocol nerve-root-block, step "sugar", target 2',
        'protocol nerve-root-block, step "sugar", target 3',
        'protocol nerve-root-block, step "sugar", target 4',
    ]
