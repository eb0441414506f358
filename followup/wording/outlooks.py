"""What will become of a message that is yet to go."""

from __future__ import annotations

from followup.domain.outlook import Outlook
from followup.domain.reasons import Reason
from followup.wording.channels import CHANNEL_NAMES, covered_text
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
