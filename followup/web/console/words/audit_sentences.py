"""Audit sentences: what each event says that somebody did, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from followup.audit.queries import patients_in
from followup.domain.channel import ChannelKind
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import State
from followup.patients import records as patients
from followup.staff.members import all_members
from followup.store.models.audit import AuditEvent
from followup.web.console.framework.request import Here
from followup.wording.audit_verbs import AUDIT_VERBS, ITEM_OPENED, MESSAGE_VERBS, PATIENT_SLOT
from followup.wording.channels import ADDRESS_NAMES, covered_text
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import capital, moment, small, span
from followup.wording.patients import confirmed_text, field_text
from followup.wording.staff import actor_text
from followup.wording.worklist import outcome_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """What was done, as words before and after the patient's name, which leads to their page.

    `name` is None where no patient is meant, `why` the words for a reason that was given. `who` is
    empty where the sentence says what needs action, which nobody did.
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
        return f"{self.who} {told}".lstrip() + (f" ({self.why})" if self.why else "")


def sentences(here: Here, events: Sequence[AuditEvent]) -> list[Sentence]:
    """Return events as sentences: two queries, however many there are."""
    with here.app.store.read() as session:
        people = {one.id: here.person(one) for one in patients_in(session, events)}
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
        opened = event.action == "worklist.opened"
        plain = ITEM_OPENED[ItemKind(detail["kind"])] if opened else _template(event.action)
        if event.patient_id is None:
            # A list of patients, or a text from a number that nobody is known by.
            plain = plain.replace(PATIENT_SLOT, "somebody unknown")
        before, found, after = plain.partition(PATIENT_SLOT)
        facts = _Facts(made=self._facts(event, detail))
        return Sentence(
            event=event,
            who="" if opened else self._named.get(event.actor) or capital(actor_text(event.actor)),
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
            "fields": lambda: ", ".join(map(field_text, detail.get("fields", ()))),
            "protocol": lambda: here.protocol_name(detail.get("protocol")),
            "to": lambda: _moment(here, event, detail.get("to")),
            "covered": lambda: covered_text(detail.get("channel")),
            "address": lambda: ADDRESS_NAMES[ChannelKind(str(detail.get("channel")))],
            "outcome": lambda: small(outcome_text(detail.get("outcome"))),
            "stopped": lambda: str(detail.get("value") or "everything"),
            "staff": lambda: self._member(event, str(detail.get("staff"))),
        }

    def _member(self, event: AuditEvent, staff_id: str) -> str:
        name = self._staff.get(staff_id, "somebody who is not there any more")
        if event.action == "staff.signed-out" and name == self._named.get(event.actor):
            return ""
        return name


def _template(action: str) -> str:
    known = AUDIT_VERBS.get(action)
    if known is not None:
        return known
    if action.startswith("message."):
        return MESSAGE_VERBS[State(action.removeprefix("message."))]
    return action.replace(".", " ").replace("-", " ").replace("{", "")


def _why(event: AuditEvent, detail: Mapping[str, Any]) -> str:
    if event.action.startswith(("message.", "worklist.opened")):
        why = detail.get("reason") or detail.get("cause")
        return failure_reason_of(why, detail.get("channel")).happened if why else ""
    if "number" in detail:
        return f"number {confirmed_text(detail['number'])}"
    if minutes := detail.get("minutes_late"):
        return f"it reached us {span(timedelta(minutes=minutes))} late"
    return ""


def _moment(here: Here, event: AuditEvent, text: object) -> str:
    if not isinstance(text, str):
        return "another time"
    return moment(datetime.fromisoformat(text), here.zone_of(event.clinic))
