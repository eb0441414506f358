"""Faults of messages that must be mended, and what a clinic should settle about them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from followup.content.check import (
    NUMBER_CHECK,
    PROCEDURE_MOVED,
    REPLY_TEMPLATES,
    content_faults,
    content_reservations,
)
from followup.content.library import Content
from followup.content.phrases import SHIPPED_PHRASES
from followup.domain.protocols.protocol import Protocol
from tests.content.conftest import CARD, PAGE, Folder

TODAY = date(2026, 11, 22)


@pytest.fixture
def folder(folder: Folder) -> Folder:
    """The sound folder, with the texts that every clinic needs."""
    for reply in (*REPLY_TEMPLATES, *SHIPPED_PHRASES, NUMBER_CHECK):
        folder.write(f"{reply}/meta.toml", CARD + 'channels = ["sms"]\n')
        folder.write(f"{reply}/en/sms.txt", "{{ clinic.short_name }}: hello.")
    for part in ("meta.toml", "en/sms.txt", "en/subject.txt", "en/email.txt", "en/email.html"):
        folder.write(f"{PROCEDURE_MOVED}/{part}", (folder.root / "hello" / part).read_bytes())
    return folder


@pytest.fixture(scope="session")
def protocol(catalogue) -> Protocol:
    """A protocol of one step that says hello once."""
    whole = catalogue.protocols["nerve-root-block"]
    return replace(whole, steps=(replace(whole.step("dressing"), template="hello"),))


def check(folder: Folder, clinic, *protocols: Protocol) -> str:
    return "\n".join(content_faults(folder.load(), clinics=[clinic], protocols=protocols))


def test_the_shipped_messages_have_no_fault(content: Content, catalogue, one_way):
    clinics = [*catalogue.clinics.values(), one_way]

    assert content_faults(content, clinics=clinics, protocols=catalogue.protocols.values()) == ()


def test_the_shipped_messages_await_approval_and_nothing_else(content: Content, catalogue, one_way):
    clinics = [*catalogue.clinics.values(), one_way]

    arabic, english, unwritten, *page = content_reservations(content, clinics=clinics, today=TODAY)

    assert english.startswith("messages in en: no clinician has approved the words of ")
    assert all(name in english for name in content.cards)
    assert arabic.startswith("messages in ar: no clinician has approved the words of ")
    assert unwritten.startswith("messages in ar: none of facet-going-home, ")
    assert page[0] == "the patient's page in en: no clinician has approved its words"
    assert page[1].endswith("no clinician has approved its words: patients see it in English")


def test_a_sound_folder_has_no_fault(folder: Folder, clinic, protocol):
    assert check(folder, clinic, protocol) == ""


def test_words_in_a_language_that_no_clinic_writes_in_are_left_alone(folder: Folder, clinic):
    folder.translate("cy")
    folder.write("hello/cy/email.html", PAGE.format("<p>Helo.</p>"))

    assert check(folder, clinic) == ""


TYPED = {
    "a phone number": ("Ring 01752 437706.", '"01752 437706"'),
    "a phone number from abroad": ("Ring +44 1752 437706.", '"+44 1752 437706"'),
    "an address": ("See https://clinic.example/.", '"https://"'),
    "an e-mail address": ("Write to us@clinic.example.", '"us@clinic.example."'),
    "a clinic's name": ("From derriford pain clinic.", '"derriford pain clinic"'),
    "a department": ("Go to Derriford Emergency Department.", '"derriford emergency department"'),
}


@pytest.mark.parametrize(("text", "fact"), TYPED.values(), ids=TYPED)
def test_a_fact_typed_into_a_template_is_a_fault(folder: Folder, clinic, text, fact):
    folder.write("hello/en/sms.txt", text)

    assert f"hello/en/sms.txt: holds {fact}: take names, numbers" in check(folder, clinic)


def test_numbers_that_everybody_knows_may_be_typed(folder: Folder, clinic):
    folder.write("hello/en/sms.txt", "Ring NHS 111, in an emergency 999, within 24 hours.")

    assert check(folder, clinic) == ""


def test_a_step_without_its_message_is_a_fault(folder: Folder, clinic, protocol):
    (step,) = protocol.steps
    wrong = replace(protocol, steps=(replace(step, template="helo"),))

    assert (
        'protocol nerve-root-block, step "dressing": there is no message "helo"; '
        'did you mean "hello"?'
    ) in check(folder, clinic, wrong)


def test_a_step_on_a_channel_without_words_is_a_fault(folder: Folder, clinic, protocol):
    folder.write("hello/meta.toml", CARD + 'channels = ["sms"]\n')

    assert 'step "dressing": hello: has no words for email' in check(folder, clinic, protocol)


def test_a_clinics_first_language_without_words_is_a_fault(folder: Folder, clinic, protocol):
    welsh = replace(clinic, languages=("cy", "en"))

    found = check(folder, welsh, protocol)

    assert 'step "dressing": hello: has no words in "cy"' in found
    assert 'clinic derriford-pain: reply-stopped: has no words in "cy"' in found


def test_a_first_language_whose_words_nobody_approved_is_a_fault(folder: Folder, clinic, protocol):
    folder.translate("cy")
    welsh = replace(clinic, languages=("cy", "en"))

    assert "the words of hello in cy for sms are draft: have a clinician approve" in check(
        folder, welsh, protocol
    )


def test_a_further_language_without_words_is_told_and_no_fault(folder: Folder, clinic, protocol):
    bilingual = replace(clinic, languages=("en", "cy"))

    told = content_reservations(folder.load(), clinics=[bilingual], today=TODAY)

    assert check(folder, bilingual, protocol) == ""
    assert any(each.startswith("messages in cy: none of hello") for each in told)
    assert "the patient's page in cy: is not there: patients see it in English" in told


@pytest.mark.parametrize("reply", [*REPLY_TEMPLATES, NUMBER_CHECK])
def test_a_missing_reply_is_a_fault(folder: Folder, clinic, reply):
    folder.remove(f"{reply}/meta.toml")
    folder.remove(f"{reply}/en/sms.txt")

    assert f'clinic derriford-pain: there is no message "{reply}"' in check(folder, clinic)


def test_an_error_that_only_one_occurrence_meets_is_found(folder: Folder, clinic, protocol):
    (step,) = protocol.steps
    thrice = replace(protocol, steps=(replace(step, occurrences=step.occurrences * 3),))
    folder.write(
        "hello/en/sms.txt",
        "Hello.\n{% if last and occurrence == 3 %}\n{{ language.fone }}\n{% endif %}\n",
    )

    assert check(folder, clinic, protocol) == ""
    assert "hello/en/sms.txt, line 3: " in check(folder, clinic, thrice)


def test_html_and_text_that_differ_are_a_fault(folder: Folder, clinic):
    folder.write("hello/en/email.html", PAGE.format("<p>Hello from {{ clinic.phone }}.</p>"))

    assert "hello/en: email.txt and email.html do not say the same at occurrence 1" in check(
        folder, clinic
    )


def test_html_and_text_that_differ_only_beside_the_address_to_stop_are_a_fault(
    folder: Folder, clinic
):
    folder.write(
        "hello/en/email.txt",
        "Hello from {{ clinic.name }}.\n{% if stop_url %}\nStop. {{ stop_url }}\n{% endif %}\n",
    )

    assert "hello/en: email.txt and email.html do not say the same" in check(folder, clinic)


def test_a_text_that_is_too_long_for_a_clinic_should_be_settled(folder: Folder, clinic):
    folder.write("hello/en/sms.txt", "{{ clinic.short_name }}: " + "hello " * 46)
    content = folder.load()
    wordy = replace(clinic, key="wordy", short_name="Pain Management Service of the Coast")

    found = "\n".join(content_reservations(content, clinics=[clinic, wordy], today=TODAY))

    assert "clinic wordy: hello/en by sms at occurrence 1: takes 3 segments, where 2" in found
    assert "clinic derriford-pain: hello/en by sms at occurrence 1: takes" not in found


def test_a_text_that_leaves_gsm_7_for_a_clinic_should_be_settled(folder: Folder, clinic):
    welsh = replace(clinic, short_name="Clinig Poen Tŷ Gŵyr")

    found = content_reservations(folder.load(), clinics=[welsh], today=TODAY)

    assert any("hello/en by sms at occurrence 1: needs UCS-2" in sentence for sentence in found)


@pytest.mark.parametrize("part", ["sms.txt", "email.txt", "subject.txt"])
def test_words_that_are_hard_to_read_should_be_settled(folder: Folder, clinic, part):
    folder.write(f"hello/en/{part}", "Please ensure that you rest.")

    found = content_reservations(folder.load(), clinics=[clinic], today=TODAY)

    channel = "sms" if part == "sms.txt" else "email"
    assert (
        f'clinic derriford-pain: hello/en by {channel} at occurrence 1: "ensure": write: make sure'
    ) in found


def test_words_that_were_to_be_read_again_should_be_settled(folder: Folder, clinic):
    content = folder.load()

    due = content_reservations(content, clinics=[clinic], today=date(2027, 11, 30))
    overdue = content_reservations(content, clinics=[clinic], today=date(2027, 12, 1))

    assert "message hello: its words were to be read again by 30 November 2027" in "".join(overdue)
    assert "to be read again" not in "".join(due)
