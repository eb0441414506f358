"""Audit sentences: what each event says that somebody did, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from followup.audit.queries import patients_in
from followup.domain.lifecycle import State
from followup.patients import records as patients
from followup.staff.members import all_members
from followup.store.models.audit import AuditEvent
from followup.web.console.framework.request import Here
from followup.web.console.words import labels as words

PATIENT = "{patient}"
DEEDS: dict[str, str] = {
    "patient.viewed": "looked at {patient}",
    "patient.revealed": "looked at the full contact details of {patient}",
    "patient.reported": "opened the report on {patient}",
    "patient.report-exported": "took the report on {patient} away as a PDF",
    "patient.seals-checked": "had the seals checked for {patient}",
    "patients.listed": "looked at a list of patients",
    "patient.changed": "changed {fields} of {patient}",
    "patient.called": "noted a call with {patient}",
    "patient.address-unusable": "found that an address of {patient} can’t be reached",
    "number.tested": "sent a test text to a number of {patient}",
    "number.confirmed": "entered the right code of a test text to {patient}",
    "number.code-wrong": "entered a wrong code of a test text to {patient}",
    "page.new-link": "made a new link to the page of {patient}",
    "page.taken-back": "switched off the link to the page of {patient}",
    "message.answered": "answered our question: {patient}",
    "message.viewed": "looked at a message to {patient}",
    "message.again": "sent a message to {patient} again",
    "message.fallback": "tried the other way to reach {patient}",
    "message.duplicate-suspected": "found that a message to {patient} may have been sent twice",
    "messages.listed": "looked at a list of messages",
    "messages.exported": "took a list of messages away as a table",
    "audit.viewed": "looked at the audit trail",
    "audit.exported": "took the audit trail away as a table",
    "blast-radius.let-go": "let go what was held as more than may go at once",
    "enrolment.created": "enrolled {patient}: {protocol}",
    "enrolment.paused": "paused the follow-up of {patient}",
    "enrolment.resumed": "resumed the follow-up of {patient}",
    "enrolment.rescheduled": "moved the procedure of {patient} to {to}",
    "enrolment.withdrawn": "ended the follow-up of {patient}",
    "enrolment.planned-again": "planned the follow-up of {patient} again",
    "enrolment.finished": "found the follow-up of {patient} finished",
    "objection.lodged": "noted that {patient} does not want {covered}",
    "objection.lifted": "noted that {patient} wants {covered} again",
    "inbound.taken": "sent us a text: {patient}",
    "worklist.opened": "asked a person to look after {patient}: {kind}",
    "worklist.escalated": "found that nobody had taken what needs a person about {patient}",
    "worklist.told": "told those on call about what needs a person about {patient}",
    "worklist.gathered": "added a message to what needs a person about {patient}",
    "worklist.viewed": "looked at what needs a person about {patient}",
    "worklist.listed": "looked at what needs attention",
    "worklist.taken": "took on what needs a person about {patient}",
    "worklist.closed": "dealt with what needed a person about {patient}",
    "switch.thrown": "stopped sending: {stopped}",
    "switch.lifted": "let sending go again: {stopped}",
    "second-account.began": "let texts go through the second SMS account: the first was away",
    "second-account.ended": "found that the first SMS account takes texts again",
    "staff.added": "put {staff} on the team",
    "staff.changed": "changed what {staff} may do",
    "staff.disabled": "switched off the account of {staff}",
    "staff.enabled": "switched on the account of {staff}",
    "staff.invited": "invited somebody to the team",
    "staff.invitation-withdrawn": "withdrew an invitation",
    "staff.first-link": "made the link for the first account",
    "staff.entrance-link": "made a link that signs in to the practice clinic once",
    "staff.reset-link": "made a link by which {staff} sets a new password",
    "staff.password-changed": "set a new password: {staff}",
    "staff.code-set-up": "set up a second factor",
    "staff.code-removed": "removed the second factor of {staff}",
    "staff.linked": "signed in by the organisation’s account for the first time",
    "staff.signed-in": "signed in",
    "staff.signed-out": "signed out {staff}",
    "api-key.added": "made a key for another system",
    "api-key.revoked": "took a key from another system",
    "keys.rotated": "changed the keys that seal patients’ data",
    "database.restored": "went back to a backup of the database",
}
"""Every action but the steps of messages, which are named after the states."""

STATES: dict[State, str] = {
    State.PLANNED: "planned a message to {patient}",
    State.HELD: "held a message to {patient}",
    State.CLAIMED: "took up a message to {patient}",
    State.SENDING: "began to send a message to {patient}",
    State.UNKNOWN: "could not tell whether a message to {patient} went out",
    State.SENT: "sent a message to {patient}",
    State.DELIVERED: "confirmed that a message reached {patient}",
    State.FAILED: "found that a message did not reach {patient}",
    State.EXPIRED: "gave up a message to {patient}: its time was over",
    State.SUPPRESSED: "did not send a message to {patient}",
    State.CANCELLED: "cancelled a message to {patient}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What was done, as words before and after the patient's name, which leads to their page.

    `name` is None where no patient is meant, `why` the words for a reason that was given.
    """

    event: AuditEvent
    who: str
    before: str
    name: str | None
    after: str
    why: str

    @property
    def text(self) -> str:
        """The whole sentence; the patient is named by a word only."""
        told = f"{self.before}{'the patient' if self.name else ''}{self.after}"
        return f"{self.who} {told}" + (f" ({self.why})" if self.why else "")


def sentences(here: Here, events: Sequence[AuditEvent]) -> list[Sentence]:
    """Return events as sentences: two queries, however many there are."""
    with here.app.store.read() as session:
        people = {
            one.id: patients.read_patient(one, here.app.keyring)
            for one in patients_in(session, events)
        }
        team = all_members(session)
    staff = {str(one.id): one.name for one in team}
    named = {f"web:{one.email}": one.name for one in team}
    writer = _Writer(here, people=people, staff=staff, named=named)
    return [writer.sentence(event) for event in events]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """What may stand in a sentence, each found when it is asked for."""

    made: Mapping[str, Callable[[], str]]

    def __getitem__(self, name: str) -> str:
        return self.made[name]()


class _Writer:
    def __init__(
        self,
        here: Here,
        *,
        people: Mapping[UUID, patients.Person | None],
        staff: Mapping[str, str],
        named: Mapping[str, str],
    ) -> None:
        self._here = here
        self._people = people
        self._staff = staff
        self._named = named

    def sentence(self, event: AuditEvent) -> Sentence:
        detail: Mapping[str, Any] = event.detail or {}
        plain = _template(event.action)
        if event.patient_id is None:
            # A list of patients, or a text from a number that nobody is known by.
            plain = plain.replace(PATIENT, "somebody unknown")
        before, found, after = plain.partition(PATIENT)
        facts = _Facts(made=self._facts(event, detail))
        return Sentence(
            event=event,
            who=self._named.get(event.actor) or _capital(words.actor(event.actor)),
            before=before.format_map(facts),
            name=self._name(event.patient_id) if found else None,
            after=after.format_map(facts),
            why=_why(event, detail),
        )

    def _name(self, patient_id: UUID | None) -> str:
        person = self._people.get(patient_id) if patient_id else None
        if person is None:
            return "a patient whose data was erased"
        return person.name or "a patient without a name"

    def _facts(
        self, event: AuditEvent, detail: Mapping[str, Any]
    ) -> Mapping[str, Callable[[], str]]:
        here = self._here
        return {
            "fields": lambda: ", ".join(words.FIELDS.get(f, f) for f in detail.get("fields", ())),
            "protocol": lambda: here.protocol_name(detail.get("protocol")),
            "to": lambda: _moment(here, event, detail.get("to")),
            "covered": lambda: words.covered(detail.get("channel")),
            "kind": lambda: words.kind(str(detail.get("kind"))).lower(),
            "stopped": lambda: str(detail.get("value") or "everything"),
            "staff": lambda: self._member(event, str(detail.get("staff"))),
        }

    def _member(self, event: AuditEvent, staff_id: str) -> str:
        name = self._staff.get(staff_id, "somebody who is not there any more")
        if event.action == "staff.signed-out" and name == self._named.get(event.actor):
            return ""
        return name


def _template(action: str) -> str:
    known = DEEDS.get(action)
    if known is not None:
        return known
    if action.startswith("message."):
        return STATES[State(action.removeprefix("message."))]
    return action.replace(".", " ").replace("-", " ").replace("{", "")


def _why(event: AuditEvent, detail: Mapping[str, Any]) -> str:
    if event.action.startswith(("message.", "worklist.opened")):
        return words.cause(detail.get("reason") or detail.get("cause") or "").lower()
    if "number" in detail:
        return f"number {words.confirmed_word(detail['number'])}"
    return ""


def _moment(here: Here, event: AuditEvent, text: object) -> str:
    if not isinstance(text, str):
        return "another time"
    return words.moment(datetime.fromisoformat(text), here.zone_of(event.clinic))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
