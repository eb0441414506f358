"""Audit verbs: what each event of the audit trail says that somebody did.

What stands in braces is filled in by the page: `{patient}` is the name, which leads to a report.
"""

from __future__ import annotations

from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State

PATIENT_SLOT = "{patient}"

AUDIT_VERBS: dict[str, str] = {
    "patient.viewed": "viewed the record of {patient}",
    "patient.revealed": "viewed the full contact details of {patient}",
    "patient.reported": "opened the audit report on {patient}",
    "patient.report-exported": "downloaded the audit report on {patient} as a PDF",
    "patient.seals-checked": "checked the seals of the audit trail for {patient}",
    "patients.listed": "viewed a list of patients",
    "patient.changed": "changed {fields} of {patient}",
    "patient.called": "recorded a call with {patient}",
    "patient.address-unusable": "found that the {address} of {patient} is not working",
    "number.tested": "sent a test text to a number of {patient}",
    "number.confirmed": "entered the right code of a test text to {patient}",
    "number.code-wrong": "entered a wrong code of a test text to {patient}",
    "page.new-link": "created a new link to the page of {patient}",
    "page.taken-back": "switched off the link to the page of {patient}",
    "message.answered": "answered our question: {patient}",
    "message.viewed": "viewed a message to {patient}",
    "message.again": "sent a message to {patient} again",
    "message.fallback": "tried the other way to reach {patient}",
    "message.duplicate-suspected": "found that a message to {patient} may have been sent twice",
    "messages.listed": "viewed a list of messages",
    "messages.exported": "downloaded a list of messages as CSV",
    "audit.viewed": "viewed the audit trail",
    "audit.exported": "downloaded the audit trail as CSV",
    "blast-radius.let-go": "released messages that were on hold beyond the volume limit",
    "enrolment.created": "enrolled {patient}: {protocol}",
    "enrolment.paused": "paused the follow-up of {patient}",
    "enrolment.resumed": "resumed the follow-up of {patient}",
    "enrolment.rescheduled": "moved the procedure of {patient} to {to}",
    "enrolment.withdrawn": "ended the follow-up of {patient}",
    "enrolment.reopened": "made the follow-up of {patient} active again",
    "enrolment.planned-again": "updated the timeline of {patient}",
    "enrolment.finished": "recorded that the follow-up of {patient} is finished",
    "objection.lodged": "recorded that {patient} does not want {covered}",
    "objection.lifted": "recorded that {patient} wants {covered} again",
    "inbound.taken": "sent us a text: {patient}",
    "returned-mails.listed": "viewed the e-mails that came back",
    "returned-mail.viewed": "viewed an e-mail that came back",
    "returned-mail.confirmed": "confirmed that an e-mail to {patient} came back",
    "returned-mail.dismissed": "closed an e-mail that came back",
    "worklist.escalated": "escalated an unassigned item about {patient}",
    "worklist.told": "alerted those on call to an item about {patient}",
    "worklist.gathered": "added a message to an item about {patient}",
    "worklist.viewed": "viewed an item about {patient}",
    "worklist.listed": "viewed what needs attention",
    "worklist.taken": "took on an item about {patient}",
    "worklist.closed": "closed an item about {patient}: {outcome}",
    "switch.thrown": "stopped sending: {stopped}",
    "switch.lifted": "restarted sending: {stopped}",
    "second-account.began": "switched texts to the second SMS account: the first was unavailable",
    "second-account.ended": "switched texts back to the first SMS account",
    "staff.added": "added {staff} to the team",
    "staff.changed": "changed the permissions of {staff}",
    "staff.disabled": "switched off the account of {staff}",
    "staff.enabled": "switched on the account of {staff}",
    "staff.invited": "invited somebody to the team",
    "staff.invitation-withdrawn": "withdrew an invitation",
    "staff.first-link": "created the link for the first account",
    "staff.entrance-link": "created a link that signs in to the practice clinic once",
    "staff.reset-link": "created a link by which {staff} sets a new password",
    "staff.password-changed": "set a new password: {staff}",
    "staff.code-set-up": "set up a second factor",
    "staff.code-removed": "removed the second factor of {staff}",
    "staff.linked": "signed in by the organisation’s account for the first time",
    "staff.signed-in": "signed in",
    "staff.signed-out": "signed out {staff}",
    "fhir.read": "read a record of {patient} through FHIR",
    "fhir.searched": "looked through patients’ records through FHIR",
    "api-key.added": "created an API key",
    "api-key.revoked": "revoked an API key",
    "keys.rotated": "rotated the keys that encrypt patients’ data",
    "database.restored": "restored a backup of the database",
}
"""Every action but the steps of messages, which are named after the states, and opened items."""

MESSAGE_VERBS: dict[State, str] = {
    State.PLANNED: "planned a message to {patient}",
    State.HELD: "put a message to {patient} on hold",
    State.CLAIMED: "queued a message to {patient}",
    State.SENDING: "began to send a message to {patient}",
    State.UNKNOWN: "could not tell whether a message to {patient} was sent",
    State.SENT: "sent a message to {patient}",
    State.DELIVERED: "confirmed that a message to {patient} was delivered",
    State.FAILED: "found that a message to {patient} was not delivered",
    State.EXPIRED: "found that it was too late to send a message to {patient}",
    State.SUPPRESSED: "did not send a message to {patient}",
    State.CANCELLED: "cancelled a message to {patient}",
}

ITEM_OPENED: dict[ItemKind, str] = {
    ItemKind.VOLUME_LIMIT: "Too many messages at once: this needs action",
    ItemKind.REPLY: "A reply from {patient} needs action",
    ItemKind.RESTART: "A request to restart messages from {patient} needs action",
    ItemKind.MISSED: "A message to {patient} that was too late to send needs action",
    ItemKind.FAILED: "A message to {patient} that was not delivered needs action",
    ItemKind.UNREACHABLE: "An address of {patient} that is not working needs action",
    ItemKind.UNKNOWN: "A message to {patient} with an unknown status needs action",
    ItemKind.NO_RECEIPT: "A message to {patient} whose delivery is not confirmed needs action",
    ItemKind.DUPLICATE: "A message to {patient} that may have been sent twice needs action",
    ItemKind.SET_UP: "A message to {patient} that is not set up correctly needs action",
    ItemKind.READING_NEED: "Advice for {patient} in another form needs action",
    ItemKind.ENROLLED_AFTER_STOP: "The enrolment of {patient}, who asked us to stop, needs action",
    ItemKind.NO_ANSWER: "A question that {patient} did not answer needs action",
    ItemKind.CALL_WANTED: "A request for a call from {patient} needs action",
    ItemKind.RESTORED: "The restored record of {patient} needs action",
}
"""Whole sentences: nobody did it, and who looks at it is not settled."""

PATIENT_ACTION_LABELS: dict[str, str] = {
    "enrolment.created": "Enrolled",
    "enrolment.paused": "Follow-up paused",
    "enrolment.resumed": "Follow-up resumed",
    "enrolment.rescheduled": "Timeline updated",
    "enrolment.withdrawn": "Follow-up ended",
    "enrolment.finished": "Follow-up finished",
    "enrolment.reopened": "Follow-up active again",
    "objection.lodged": "Messages stopped",
    "objection.lifted": "Messages restarted",
    "patient.changed": "Details changed",
    "patient.address-unusable": "Found not working",
}
"""The same actions in short, for the timeline of one patient."""
