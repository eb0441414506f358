"""What a protocol asks of a patient, and whom a step is for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput, NotFound, Problem
from followup.domain.protocols.protocol import Missed


def test_answered_attributes_are_returned(nerve_root_block):
    given = {"diabetic": True, "steroid_given": False}

    assert nerve_root_block.check_attributes(given) == given


def test_every_missing_unknown_and_unclear_attribute_is_named(nerve_root_block):
    with pytest.raises(InvalidInput) as caught:
        nerve_root_block.check_attributes({"diabetic": "yes", "asthmatic": True})

    assert caught.value.problems == (
        Problem("attributes.diabetic", "answer true or false: Does the patient have diabetes?"),
        Problem(
            "attributes.steroid_given",
            "answer true or false: Does the injection contain a steroid?",
        ),
        Problem(
            "attributes.asthmatic",
            "Nerve root block knows no such attribute; it asks for diabetic, steroid_given",
        ),
    )


@pytest.mark.parametrize("answer", [None, 1, 0, "true", "unknown", []], ids=repr)
def test_only_true_and_false_are_answers(nerve_root_block, answer):
    with pytest.raises(InvalidInput, match=r"attributes\.diabetic: answer true or false"):
        nerve_root_block.check_attributes({"diabetic": answer, "steroid_given": True})


def test_a_protocol_that_asks_for_nothing_says_so(nerve_root_block):
    bare = replace(nerve_root_block, attributes=(), steps=nerve_root_block.steps[:1])

    assert bare.check_attributes({}) == {}
    with pytest.raises(InvalidInput, match="it asks for none"):
        bare.check_attributes({"diabetic": True})


def test_only_what_a_step_depends_on_is_needed(nerve_root_block):
    needed = [attribute.key for attribute in nerve_root_block.needed_attributes()]

    assert needed == ["diabetic", "steroid_given"]


def test_a_step_is_for_those_for_whom_all_of_its_audience_holds(nerve_root_block):
    sugar, dressing = nerve_root_block.step("sugar"), nerve_root_block.step("dressing")

    assert sugar.applies_to({"diabetic": True, "steroid_given": True})
    assert not sugar.applies_to({"diabetic": True, "steroid_given": False})
    assert not sugar.applies_to({"diabetic": False, "steroid_given": True})
    assert dressing.applies_to({"diabetic": False, "steroid_given": False})


def test_a_step_that_is_not_there_is_named(nerve_root_block):
    with pytest.raises(NotFound, match="protocol nerve-root-block has no step weighing"):
        nerve_root_block.step("weighing")


def test_the_leaflet_was_due_for_review_by_the_end_of_august_2025(nerve_root_block):
    source = nerve_root_block.source

    assert source.reference == "B-465/Pain Management/Nerve Root Block v3"
    assert not source.overdue(date(2025, 8, 31))
    assert source.overdue(date(2025, 9, 1))


def test_only_missed_red_flags_are_followed_by_a_call(nerve_root_block):
    missed = {step.key: step.missed for step in nerve_root_block.steps}

    assert missed.pop("red-flags") is Missed.PERSON
    assert set(missed.values()) == {Missed.DROP}


def test_the_most_urgent_advice_goes_first_and_every_step_may_take_the_other_channel(
    nerve_root_block,
):
    by_urgency = sorted(nerve_root_block.steps, key=lambda step: step.priority)

    assert [step.key for step in by_urgency] == [
        "red-flags",
        "going-home",
        "before-injection",
        "before-fasting",
        "sugar",
        "flare-over",
        "flare",
        "dressing",
        "moving",
    ]
    assert nerve_root_block.step("red-flags").priority == 1
    for step in nerve_root_block.steps:
        assert step.channels == (ChannelKind.SMS, ChannelKind.EMAIL)
        assert step.fallback
