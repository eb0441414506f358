"""What a text that came in asks for: to stop, to stop and something else, to start, or a person."""

from __future__ import annotations

from enum import StrEnum

from followup.domain.consent import is_start
from followup.domain.triage.stop_request import StopRequest, stop_request


class ReplyIntent(StrEnum):
    """What is done about an incoming text."""

    STOP = "stop"
    """No more messages, and nothing else: no person need read it."""
    STOP_AND_MORE = "stop-and-more"
    """No more messages, and something that a person must read."""
    START = "start"
    ANSWER = "answer"
    """The number that a text of ours asked for, and nothing else."""
    OTHER = "other"
    """A person must read it, unless it is provably harmless."""


_OF_WISH = {StopRequest.ONLY: ReplyIntent.STOP, StopRequest.AND_MORE: ReplyIntent.STOP_AND_MORE}


def reply_intent(text: str, *, opt_out_type: str | None = None) -> ReplyIntent:
    """Return what a text asks for; `text` is what of it is the patient's own words.

    `opt_out_type` is what the provider made of it, and has acted on: STOP, START or HELP.

    "STOP cant feel my legs" is both a request and a cry for help. "Stop taking the tablets?" is a
    question: in doubt nothing is stopped, because the person who reads it can still do that, while
    nobody would notice advice that was stopped by mistake.
    """
    request = stop_request(text)
    if request is StopRequest.ONLY:
        return ReplyIntent.STOP
    if opt_out_type == "STOP":
        return ReplyIntent.STOP_AND_MORE if text.strip() else ReplyIntent.STOP
    if request is StopRequest.AND_MORE:
        return ReplyIntent.STOP_AND_MORE
    if is_start(text) or opt_out_type == "START":
        return ReplyIntent.START
    return ReplyIntent.OTHER
