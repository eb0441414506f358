"""Protocols in words: who gets a step, and what one version of a protocol changes of another."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence

from followup.domain.channel import ChannelKind
from followup.domain.errors import ProtocolError
from followup.domain.protocols.protocol import Missed, Protocol, Source, Step
from followup.domain.protocols.protocol_file import parse_protocol
from followup.wording.formats import capital, span
from followup.wording.protocols.timing import send_between, when

Titled = Callable[[str], str]
"""Returns what a message is called, for people."""
CHANNELS = {ChannelKind.SMS: "text", ChannelKind.EMAIL: "e-mail"}
LATE = {Missed.DROP: "left out", Missed.PERSON: "staff phone"}
SOURCE = {
    "reference": "reference", "title": "title", "version": "version", "issued": "date of issue",
    "review_due": "review date", "note": "note", "document": "kept text", "sha256": "digest",
}  # fmt: skip


def audience(protocol: Protocol, step: Step) -> str:
    """Return who gets a step, in the words of the questions asked at enrolment."""
    asked = {one.key: one.question for one in protocol.attributes}
    told = [
        f"“{asked.get(each.attribute, each.attribute)}” {'yes' if each.equals else 'no'}"
        for each in step.audience
    ]
    return " and ".join(told) or "Everyone"


def changes_of_files(before: str, after: str, titled: Titled) -> list[str]:
    """Return what changes from one text of a protocol's file to another; [] if either is none."""
    try:
        old, new = (
            parse_protocol(tomllib.loads(text.removeprefix("\ufeff")), file="the protocol")
            for text in (before, after)
        )
    except (tomllib.TOMLDecodeError, ProtocolError):
        return []
    return protocol_changes(old, new, titled)


def protocol_changes(old: Protocol, new: Protocol, titled: Titled) -> list[str]:
    """Return a sentence for each thing that is otherwise in the new one; never none for some."""
    if old.version == new.version:
        return ["Comments and layout alone change: what is sent, when and to whom stays."]
    found = [*_of_steps(old, new, titled), *_of_questions(old, new), *_of_the_rest(old, new)]
    return found or ["Something else changes: read the lines of the file below."]


def _of_steps(old: Protocol, new: Protocol, titled: Titled) -> Iterator[str]:
    before, after = ({step.key: step for step in one.steps} for one in (old, new))
    for key, step in after.items():
        if key not in before:
            yield (
                f"New: {_name(step, titled)}. {when(step)}, between {send_between(step)}. Who gets "
                f"it: {audience(new, step)}."
            )
    for key, step in before.items():
        if key not in after:
            yield f"No longer sent: {_name(step, titled)} ({_lower(when(step))})."
    both = [key for key in after if key in before]
    for key in both:
        name = _name(after[key], titled)
        was, now = _facts(old, before[key], titled), _facts(new, after[key], titled)
        yield from (
            f"{name}: {what} from {was[what]} to {now[what]}."
            for what in was
            if was[what] != now[what]
        )
    if both != [key for key in before if key in after]:
        yield "The order of the steps in the file changes."


def _facts(protocol: Protocol, step: Step, titled: Titled) -> Mapping[str, str]:
    """Return all that a step says, each in words."""
    return {
        "moved": _lower(when(step)),
        "sending times change": f"between {send_between(step)}",
        "who gets it changes": audience(protocol, step),
        "what happens if it is too late changes": LATE[step.missed],
        "channels change": " then ".join(CHANNELS[each] for each in step.channels),
        "sent on the other channel if one fails changes": "yes" if step.fallback else "no",
        "priority changes": str(step.priority),
        "message changes": f"{titled(step.template)} ({step.template})",
        "the answer asked for changes": (
            f"one within {span(step.reply_within)}" if step.reply_within else "none"
        ),
        "the wait for a receipt changes": span(step.receipt_deadline),
        "quotation changes": f"“{step.source}”",
    }


def _of_questions(old: Protocol, new: Protocol) -> Iterator[str]:
    before, after = ({one.key: one for one in each.attributes} for each in (old, new))
    asked = {one.key for one in new.needed_attributes()}
    for key, one in after.items():
        if key not in before:
            late = " Follow-ups that are under way have no answer to it." if key in asked else ""
            yield f"New question at enrolment: “{one.question}”{late}"
        elif before[key] != one:
            yield (
                f"The question “{before[key].question}” (--{before[key].flag}) becomes "
                f"“{one.question}” (--{one.flag})."
            )
    for key, one in before.items():
        if key not in after:
            yield f"No longer asked at enrolment: “{one.question}”"


def _of_the_rest(old: Protocol, new: Protocol) -> Iterator[str]:
    if old.name != new.name:
        yield f"Its name is {new.name}, and was {old.name}."
    if old.key != new.key:
        yield f"Its key is {new.key}, and was {old.key}: it is another protocol."
    if old.example != new.example:
        yield (
            "It is an example now, of which nothing is sent."
            if new.example
            else ("It is no example any more: it is for patients.")
        )
    yield from _of_source(old.source, new.source)
    if old.red_flags_until_reason != new.red_flags_until_reason:
        yield (
            "Why warning signs are not repeated until six weeks: "
            f"“{new.red_flags_until_reason or 'no reason'}”, and was "
            f"“{old.red_flags_until_reason or 'no reason'}”."
        )
    yield from _of_list(
        "Left out of the source",
        [f"“{one.sentence}” ({one.reason})" for one in old.left_out],
        [f"“{one.sentence}” ({one.reason})" for one in new.left_out],
    )
    yield from _of_list(
        "Beyond the source",
        [f"“{one.says}”, {one.standing.value}, {one.source}" for one in old.beyond],
        [f"“{one.says}”, {one.standing.value}, {one.source}" for one in new.beyond],
    )
    yield from _of_list(
        "Question for calls",
        [f"“{one.asks}” {one.if_yes} ({one.standing.value})" for one in old.call_questions],
        [f"“{one.asks}” {one.if_yes} ({one.standing.value})" for one in new.call_questions],
    )


def _of_source(old: Source, new: Source) -> Iterator[str]:
    for field, name in SOURCE.items():
        was, now = getattr(old, field), getattr(new, field)
        if was != now:
            yield f"The source’s {name} is {now or 'nothing'}, and was {was or 'nothing'}."


def _of_list(what: str, old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    yield from (f"{what}, new: {one}" for one in new if one not in old)
    yield from (f"{what}, taken out: {one}" for one in old if one not in new)


def _name(step: Step, titled: Titled) -> str:
    return f"{capital(titled(step.template))} (step {step.key})"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
