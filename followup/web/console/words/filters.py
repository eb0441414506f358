"""Filters of the console's templates: the dictionary of words, on the colours of its tags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from followup.content.languages import staff_name
from followup.domain.item_outcome import ADVISED
from followup.wording import formats
from followup.wording.approvals import approval_text
from followup.wording.calls import CALL_OUTCOMES, call_text
from followup.wording.channels import channel_text, covered_text
from followup.wording.duty import told_text
from followup.wording.enrolments import WITHDRAWAL_REASONS, enrolment_term
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.figures import cost_of, cost_text
from followup.wording.intake.feeds import feed_reason_text
from followup.wording.intake.lists import list_term
from followup.wording.outlooks import outlook_reason, outlook_term
from followup.wording.patients import READING_NEEDS, confirmed_text, need_text
from followup.wording.providers import attempt_text, provider_text, report_text
from followup.wording.reasons import moved_text, reason_text
from followup.wording.records.erasure import decision_text, ground_text
from followup.wording.records.retention import class_text, review_text
from followup.wording.replies import late_reply_text, possible_text
from followup.wording.staff import actor_text, role_text
from followup.wording.states import state_term
from followup.wording.terms import Colour, Term
from followup.wording.worklist import (
    CLOSING_CHOICES,
    ITEM_OUTCOMES,
    assignment_text,
    item_term,
    item_to_do,
    outcome_text,
    respond_term,
)

TAG_COLOURS: dict[Colour, str] = {
    Colour.INFO: "blue",
    Colour.PROGRESS: "aqua-green",
    Colour.NEUTRAL: "white",
    Colour.SUCCESS: "green",
    Colour.CAUTION: "yellow",
    Colour.UNSURE: "orange",
    Colour.WARNING: "orange",
    Colour.DANGER: "red",
    Colour.MUTED: "grey",
}
"""The tag of the NHS design system for each meaning of a colour."""
STATE_ICONS = {Colour.SUCCESS: "tick", Colour.DANGER: "cross"}


@dataclass(frozen=True, slots=True)
class Tag:
    """A term as the design system shows it."""

    text: str
    colour: str
    meaning: str
    icon: str = ""


class DueItem(Protocol):
    """An item of the worklist, as far as its tag goes."""

    @property
    def urgency(self) -> int: ...

    @property
    def due_at(self) -> datetime: ...


def tag_of(term: Term) -> Tag:
    """Return a term on a colour of the design system."""
    return Tag(term.label, TAG_COLOURS[term.colour], term.meaning)


def tag_of_state(state: str) -> Tag:
    """Return the state of a message; whether it arrived is also told by an icon."""
    term = state_term(state)
    return replace(tag_of(term), icon=STATE_ICONS.get(term.colour, ""))


def cause(code: str | None, channel: str | None = None) -> str:
    """Return what a reason or a provider's code means, as the beginning of a sentence."""
    return formats.capital(failure_reason_of(code, channel).happened) if code else ""


def item_label(kind: str, channel: str | None = None) -> str:
    """Return what an item of the worklist is about."""
    return item_term(kind, channel or None).label


def respond_tag(item: DueItem, now: datetime, zone: ZoneInfo) -> Tag:
    """Return by when an item needs action."""
    return tag_of(respond_term(item.urgency, due_at=item.due_at, now=now, zone=zone))


TEMPLATE_FILTERS: dict[str, Callable[..., Any]] = {
    "actor": actor_text,
    "approval_words": approval_text,
    "assignment": assignment_text,
    "outcome_word": attempt_text,
    "call_word": call_text,
    "capital": formats.capital,
    "cause": cause,
    "channel_word": channel_text,
    "clock": formats.clock,
    "confirmed_word": confirmed_text,
    "cost_of": cost_of,
    "cost_text": cost_text,
    "count_of": formats.count,
    "covered": covered_text,
    "day": formats.day,
    "erasure_decision": lambda request: decision_text(request.decision, request.refusal),
    "erasure_ground": ground_text,
    "record_class": class_text,
    "review_state": lambda one: review_text(one.decision, one.ground, one.keep_until),
    "told_word": told_text,
    "enrolment_tag": lambda state: tag_of(enrolment_term(state)),
    "item_label": item_label,
    "item_to_do": item_to_do,
    "language_word": staff_name,
    "list_tag": lambda state: tag_of(list_term(state)),
    "late_reply": late_reply_text,
    "feed_reason": feed_reason_text,
    "moment": formats.moment,
    "moved": moved_text,
    "need_word": need_text,
    "item_outcome": outcome_text,
    "outlook_tag": lambda outlook: tag_of(outlook_term(outlook)),
    "outlook_why": outlook_reason,
    "possible": possible_text,
    "provider_word": provider_text,
    "receipt_word": report_text,
    "reason": reason_text,
    "role_word": role_text,
    "span": formats.span,
    "week_day": formats.week_day,
    "state_label": lambda state: state_term(state).label,
    "as_tag": tag_of,
    "state_tag": tag_of_state,
    "respond_tag": respond_tag,
}

FORM_CHOICES: dict[str, list[tuple[str, ...]]] = {
    "call": [(outcome.value, text) for outcome, text in CALL_OUTCOMES.items()],
    "advised": [(outcome.value, ITEM_OUTCOMES[outcome]) for outcome in ADVISED],
    "close": [(outcome.value, ITEM_OUTCOMES[outcome]) for outcome in CLOSING_CHOICES],
    "end": list(WITHDRAWAL_REASONS.items()),
    "needs": [(need.value, term.label, term.meaning) for need, term in READING_NEEDS.items()],
}
"""What staff choose from, as templates offer it."""
