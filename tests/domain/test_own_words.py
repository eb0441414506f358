"""What of a text the patient says: without reactions, quotes, copies of our texts and footers."""

from __future__ import annotations

import pytest

from followup.domain.triage.own_words import OurTexts, own_words

SENT = (
    "Derriford Pain Clinic: after your injection, look out for any one of these: new leg weakness, "
    "new bladder or bowel trouble, new back pain or fever. Reply STOP to stop these texts."
)
OURS = OurTexts([SENT])


@pytest.mark.parametrize(
    "text",
    [
        f"Liked “{SENT}”",
        f"Loved “{SENT[:60]}…”",
        f"Disliked “{SENT}”",
        f"Laughed at “{SENT}”",
        f"Emphasised “{SENT}”",
        f"Emphasized “{SENT}”",
        f"Questioned “{SENT}”",
        f"Removed a like from “{SENT}”",
        f"Removed a heart reaction from “{SENT}”",
        f"Reacted 👍 to “{SENT}”",
        f'Reacted 👍 to "{SENT}"',
        f"👍 to “{SENT}”",
        f"\u200a\u200b👍\u200b to “ {SENT} ”",
        f"A aimé « {SENT} »",
        f"A réagi par 👍 à « {SENT} »",
        f"Gefällt „{SENT}“",
        f"Reagierte mit 👍 auf „{SENT}“",
        f"Le gustó “{SENT}”",
        f"Ha messo Mi piace a “{SENT}”",
        f"Gostou de “{SENT}”",
        f"Polubiono „{SENT}”",
        f"أعجبه “{SENT}”",
        f"“{SENT}” öğesini beğendi",
        f"Vond “{SENT}” leuk",
        f"> {SENT}",
        "> new leg weakness\n> fever\n",
        SENT,
        SENT.upper(),
        f"-----Original Message-----\n{SENT}",
        f"On Mon, 19 Oct 2026 at 10:00, Pain Clinic wrote:\n{SENT}",
        "Reply STOP to opt out",
        "To unsubscribe reply STOP",
        "Text STOP to 60777 to unsubscribe",
        "OptOut: txt STOP",
    ],
)
def test_what_is_not_the_patients_is_taken_out(text):
    own = own_words(text, ours=OURS)

    assert own.words == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"{SENT}\nwhat is this", "what is this"),
        (f'"{SENT}" I have this', "I have this"),
        ("> new leg weakness\nyes that is me", "yes that is me"),
        ('my leg is "weak"', 'my leg is "weak"'),
        ('"I cannot feel my leg".', '"I cannot feel my leg".'),
        ('went to "hospital with chest pain"', 'went to "hospital with chest pain"'),
        ("due to “leg weakness”", "due to “leg weakness”"),
        ("new bladder or bowel trouble", "new bladder or bowel trouble"),
        ("Loved the advice but my leg is numb", "Loved the advice but my leg is numb"),
        ("my leg is weak\nSent from my iPhone", "my leg is weak"),
        (f"{SENT} https://example.com/p/x", ""),
        ("https://example.com/win", "https://example.com/win"),
        ("leg week full stop help", "leg week .  help"),
        ("x" * 70 + f" liked “{SENT}”", "x" * 70 + " liked"),
        ("", ""),
    ],
)
def test_what_the_patient_says_stays(text, words):
    assert own_words(text, ours=OURS).words == words


def test_what_was_quoted_is_kept_apart():
    own = own_words('> fever\n"new leg weakness, new bladder or bowel trouble" me', ours=OURS)

    assert (own.words, "fever" in own.quoted, "leg weakness" in own.quoted) == ("me", True, True)
