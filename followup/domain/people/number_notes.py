"""Notes beside telephone numbers: those that say it is the patient's own, and what others say."""

from __future__ import annotations

import re

_WHOSE = r"own|self|patient(?:['’]?s)?|pt(?:['’]?s)?|personal|preferred|best|main|home"
_WHAT = r"mobile|mob|mbl|cell|telephone|tel|phone|ph"
_BEFORE = rf"(?:{_WHOSE}|{_WHAT}|[mth])"
_BEHIND = rf"(?:{_WHOSE}|{_WHAT})"
OWN_BEFORE = re.compile(
    rf"\A\(?{_BEFORE}(?:[ .]+(?:{_BEFORE}|no|num|number))*\)?[ .:=#-]*(?=[+(\d])",
    re.IGNORECASE | re.ASCII,
)
OWN_BEHIND = re.compile(
    rf"(?<=\d)(?:[ ,;-]*{_BEHIND}(?:[ .]+{_BEHIND})*|"
    rf"[ ,;-]*[(\[] ?(?:{_BEHIND}(?:[ .]+{_BEHIND})*|[mt]) ?[)\]])\.?$",
    re.IGNORECASE | re.ASCII,
)
SOMEBODY_ELSE = re.compile(
    r"\b(?:wife|husb(?:and)?|spouse|partner|fianc[ée]e?|"
    r"(?:grand|step)?(?:son|daughter|dau|mother|father|child|parents?)|(?:gran|nan)(?:ny)?|"
    r"mum|mam|mom|dad|brother|sister|bro|sis|aunt(?:ie)?|uncle|niece|nephew|cousin|family|"
    r"relative|next of kin|nok|friend|neighbou?rs?|carers?|guardian|warden|nurse|interpreter|"
    r"(?:key|social|support) ?worker|(?:care|nursing) home|in-law)\b",
    re.IGNORECASE,
)
FEWEST_DIGITS, MOST_DIGITS = 7, 15
"""So many digits are a telephone number; E.164 has no longer ones."""


def own_number(written: str) -> str:
    """Return a number without the notes about it that say it is the patient's own."""
    return OWN_BEHIND.sub("", OWN_BEFORE.sub("", written, count=1), count=1)


def note_fault(written: str) -> str:
    """Return why what stands there can't be taken for the patient's own number, and what to do."""
    told = "this is not one phone number: "
    digits = sum(letter.isdecimal() for letter in written)
    if digits < FEWEST_DIGITS:
        return told + "write it in digits, such as 07700 900123"
    if SOMEBODY_ELSE.search(written):
        return told + "it is marked as somebody else's; write the patient's own, or leave it out"
    if digits > MOST_DIGITS:
        return told + "there seem to be two; write the patient's own mobile"
    return told + "something stands beside it; write the number alone if it is the patient's own"
