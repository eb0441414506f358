"""Words of the card to hand over that the page has not; `make catalogues` finds them."""

from __future__ import annotations


def _(text: str) -> str:
    """Mark words for `make catalogues`."""
    return text


PROCEDURE = _("Your procedure: %(when)s")
MESSAGES = _("The messages that we will send you")
BY_CHANNEL = {"sms": _("by text"), "email": _("by email"), None: _("on your page only")}
MAY_MOVE = _("If your procedure moves, these dates move too.")
OWN_PAGE = _("Your own page")
SCAN = _(
    "Scan this with the camera of your phone. Your page has all our advice and the latest dates."
)
KEEP = _("Keep this card to yourself: it opens your page, where what we send can be changed.")
STOP = _("How to stop the messages")
STOP_TEXTS = _("Texts: reply STOP to any of them.")
STOP_TEXTS_ELSEWHERE = _("Texts: %(contact)s")
STOP_EMAILS = _("Emails: open the link at the end of any of them.")
STOP_HOLDS = _("Or ring the clinic. The advice on this card still holds.")
