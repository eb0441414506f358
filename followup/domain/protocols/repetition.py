"""Repetition: which advice that went out before is given again once the procedure is moved.

What was sent before the time that it belongs to now (do not drive yourself home, take the dressing
off) was about another day, whether or not it arrived. What was sent in its time is not repeated if
it was delivered, or may still be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from followup.domain.channel import ChannelKind
from followup.domain.errors import InvalidInput
from followup.domain.lifecycle import State
from followup.domain.protocols.timeline import Fate, PlannedMessage

Key = tuple[str, int]
"""A step's key, and which of its occurrences."""

SLIGHT_MOVE = timedelta(hours=1)
"""What came so little before its time was about the same day, and is not wrong."""


class Repetition(StrEnum):
    """What is known of advice that went out before; the words are those of the API."""

    DELIVERED = "delivered"
    """The patient has it, and it holds for the new time."""
    ON_ITS_WAY = "on-its-way"
    """It was sent in its time, and may have arrived: no receipt is due yet, or none ever comes."""
    NOT_CONFIRMED = "not-confirmed"
    """It was sent in its time, and its receipt did not come."""
    TOO_EARLY = "too-early"
    """It was sent before the time that it belongs to now, or for a day that was another."""


GIVEN_AGAIN = frozenset({Repetition.NOT_CONFIRMED, Repetition.TOO_EARLY})


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBefore:
    """A message that the patient has, or may have. `confirmed_by` is when its receipt is due."""

    state: State
    channel: ChannelKind
    at: datetime
    confirmed_by: datetime | None


@dataclass(frozen=True, slots=True)
class GivenBefore:
    """Advice that went out before, what is known of that, and whether it is given again.

    It is `lost` where it should be, and has no time left.
    """

    message: SentBefore
    known: Repetition
    again: bool
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RepetitionChoice:
    """What a person decided otherwise than the rule: what is given again, and what is not.

    Without `correction` nobody is told that what they were sent is not for now.
    """

    again: frozenset[Key] = field(default_factory=frozenset)
    not_again: frozenset[Key] = field(default_factory=frozenset)
    correction: bool = True


BY_THE_RULE = RepetitionChoice()


def given_before(
    timeline: Iterable[PlannedMessage],
    sent: Mapping[Key, Iterable[SentBefore]],
    *,
    now: datetime,
    other_day: bool = False,
    choice: RepetitionChoice = BY_THE_RULE,
) -> dict[Key, GivenBefore]:
    """Return for each message of a new timeline that went out before what becomes of it.

    `other_day` says that the procedure is on another day now, of which a reminder that went before
    says nothing. Raises `InvalidInput` for a choice about advice that did not.
    """
    found: dict[Key, GivenBefore] = {}
    for planned in timeline:
        key = (planned.step.key, planned.occurrence)
        judged = [
            (judge_sent(one, planned, now=now, other_day=other_day), one)
            for one in sent.get(key, ())
        ]
        if not judged:
            continue
        known, message = min(judged, key=lambda each: [*Repetition].index(each[0]))
        wanted = (known in GIVEN_AGAIN or key in choice.again) and key not in choice.not_again
        has_time = planned.fate is Fate.PLANNED
        found[key] = GivenBefore(
            message,
            known,
            again=wanted and has_time,
            lost=wanted and not has_time and known is Repetition.TOO_EARLY,
        )
    _must_be_among(found, again=choice.again, not_again=choice.not_again)
    return found


def judge_sent(
    message: SentBefore, planned: PlannedMessage, *, now: datetime, other_day: bool = False
) -> Repetition:
    """Return what is known of a message that went out, for the time that it belongs to now."""
    if planned.comes_before and other_day and planned.target > now:
        return Repetition.TOO_EARLY
    if message.at < planned.not_before - SLIGHT_MOVE:
        return Repetition.TOO_EARLY
    if message.state is State.DELIVERED:
        return Repetition.DELIVERED
    if message.state is State.SENT and message.confirmed_by is not None:
        return Repetition.ON_ITS_WAY if now < message.confirmed_by else Repetition.NOT_CONFIRMED
    return Repetition.ON_ITS_WAY


def wrong_now(
    timeline: Iterable[PlannedMessage], given: Mapping[Key, GivenBefore], *, now: datetime
) -> dict[Key, PlannedMessage]:
    """Return what the patient was told to do, and is not to do yet."""
    by_key = {(one.step.key, one.occurrence): one for one in timeline}
    return {
        key: by_key[key]
        for key, each in given.items()
        if each.known is Repetition.TOO_EARLY and _opens_at(by_key[key]) > now
    }


def _opens_at(planned: PlannedMessage) -> datetime:
    """Return from when advice is right; a reminder is so when it is due."""
    return planned.target if planned.comes_before else planned.not_before


def parse_key(text: str) -> Key:
    """Return the message that `dressing` or `red-flags:2` names; raise `ValueError` for others."""
    step, _, number = text.partition(":")
    return step, int(number) if number else 1


def parse_keys(names: Iterable[str], *, option: str) -> frozenset[Key]:
    """Return the messages that these name; `option` is where they were said."""
    try:
        return frozenset(map(parse_key, names))
    except ValueError:
        raise InvalidInput.of(option, "name a step, as dressing, or red-flags:2") from None


def key_text(key: Key) -> str:
    """Return a message as `parse_key` reads it."""
    step, occurrence = key
    return step if occurrence == 1 else f"{step}:{occurrence}"


def _must_be_among(found: Mapping[Key, GivenBefore], **chosen: frozenset[Key]) -> None:
    for option, keys in chosen.items():
        for key in sorted(keys - found.keys()):
            known = ", ".join(map(key_text, found)) or "nothing"
            raise InvalidInput.of(
                option, f"{key_text(key)} was not sent before; these were: {known}"
            )
