"""Returned mails in words: what each kind is, and what a person does about it."""

from __future__ import annotations

from followup.providers.email.returned_mail import ReturnedKind

KIND_LABELS: dict[ReturnedKind, str] = {
    ReturnedKind.REPORT: "Report of an undelivered e-mail",
    ReturnedKind.COMPLAINT: "Marked as junk",
    ReturnedKind.AUTOMATIC: "Automatic reply",
    ReturnedKind.OTHER: "Written by somebody",
}
KIND_TO_DO: dict[ReturnedKind, str] = {
    ReturnedKind.REPORT: "Choose the e-mail that was not delivered. It is then marked as not "
    "delivered, and the advice goes another way or you are asked to phone.",
    ReturnedKind.COMPLAINT: "Choose the e-mail that was marked as junk. E-mails to that patient "
    "are then stopped.",
    ReturnedKind.AUTOMATIC: "Nothing has to be done.",
    ReturnedKind.OTHER: "Read it now: a patient may have written. If so, phone them.",
}
