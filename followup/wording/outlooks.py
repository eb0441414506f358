"""What will become of a message that is yet to go, and of what went out before a move."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from followup.domain.outlook import Outlook
from followup.domain.protocols.repetition import GivenBefore, Repetition
from followup.domain.reasons import Reason
from followup.wording.channels import CHANNEL_NAMES, covered_text
from followup.wording.formats import moment
from followup.wording.reasons import reason_text
from followup.wording.terms import Colour, Term


def outlook_text(outlook: Outlook, channel: str) -> str:
    """Return it as a clause: `by e-mail instead: the patient stopped texts`.

    `channel` is the one that the message is planned by.
    """
    if outlook.instead_by is None:
        return f"will not be sent: {outlook_reason(outlook, channel)}"
    return f"by {CHANNEL_NAMES[outlook.instead_by]} instead: {outlook_reason(outlook, channel)}"


def outlook_term(outlook: Outlook) -> Term:
    """Return the label of such a message, in the place of that of its state."""
    if outlook.instead_by is None:
        return Term("Will not be sent", colour=Colour.MUTED)
    return Term(f"By {CHANNEL_NAMES[outlook.instead_by]} instead", colour=Colour.INFO)


def outlook_reason(outlook: Outlook, channel: str) -> str:
    """Return what stands in the message's way: `the patient stopped texts`."""
    if outlook.reason is Reason.OBJECTION:
        return f"the patient stopped {covered_text(None)}"
    if outlook.reason is Reason.OBJECTION_TO_CHANNEL:
        return f"the patient stopped {covered_text(channel)}"
    return reason_text(outlook.reason, channel)


KNOWN_TEXTS: dict[Repetition, str] = {
    Repetition.DELIVERED: "it was delivered on {at}",
    Repetition.ON_ITS_WAY: "it was sent on {at}, and nothing speaks against its arrival",
    Repetition.NOT_CONFIRMED: "it was sent on {at}, and delivery was not confirmed",
    Repetition.TOO_EARLY: "it was sent on {at}, before its new time",
}


def repetition_text(given: GivenBefore, zone: ZoneInfo) -> str:
    """Return it as a sentence: `Not sent again: it was delivered on Mon 19 Oct 2026, 3pm`."""
    known = KNOWN_TEXTS[given.known].format(at=moment(given.message.at, zone))
    return f"{'Sent again' if given.again else 'Not sent again'}: {known}"
