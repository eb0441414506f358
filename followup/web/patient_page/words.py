"""Patient-page words that its template does not hold.

They are marked for the catalogues by `_`, and translated where they are shown.
"""

from __future__ import annotations


def _(text: str) -> str:
    """Mark words for `make catalogues`."""
    return text


PAGE_TITLE = _("Your advice after the procedure")
TITLE_BEFORE = _("Your advice before the procedure")

CHANNEL_STATES = {
    "sms-on": _("We send you texts."),
    "sms-off": _("We send you no texts. You will find the advice on this page."),
    "email-on": _("We send you emails."),
    "email-off": _("We send you no emails. You will find the advice on this page."),
    "normal": _("Do you find this page hard to see?"),
    "large": _("This page and our emails are in large print."),
    "easy-read": _("Do you find our words hard to understand?"),
}

CHANNEL_BUTTONS = {
    "stop-sms": _("Stop the texts"),
    "start-sms": _("Start the texts again"),
    "stop-email": _("Stop the emails"),
    "start-email": _("Start the emails again"),
    "large": _("Use large print"),
    "normal": _("Use normal print"),
    "easy-read": _("Ask somebody to go through them with me"),
}

CHANNEL_NOTES = {
    "carrier": _("To get them again, text START to the number that the texts came from."),
}

OUTLOOK_NOTES = {
    "sms": _("We will text it to you."),
    "email": _("We will email it to you."),
    "here": _("We will not send it. You will find it on this page on that day."),
}

DONE_NOTICES = {
    "stop-sms": _("Done. We will send you no more texts. The advice still holds."),
    "start-sms": _("Done. You will get the texts that are still to come."),
    "stop-email": _("Done. We will send you no more emails. The advice still holds."),
    "start-email": _("Done. You will get the emails that are still to come."),
    "large": _("Done. This page and our emails are in large print now."),
    "normal": _("Done. This page and our emails are in normal print now."),
    "easy-read": _("Done. Somebody from the clinic will ring you in office hours."),
    "language": _("Done. Your language is changed."),
}

GONE_PAGES = {
    "gone": (
        "This link does not work",
        "It may have been cut short, or it is too old. Copy the whole of it from the last message.",
    ),
    "too-many": (
        "Please wait a little",
        "This was tried too often in a short time. Wait ten minutes, and open the link again.",
    ),
    "stale": (
        "Nothing was changed",
        "Your page has changed since you opened it. Open the link again, and choose there.",
    ),
}
"""Titles and words of pages for a link that opens nothing: in English, for nobody is known."""
