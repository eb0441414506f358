"""`followup worklist`: what needs action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Annotated

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.choices import clinic_key
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Clinic
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Cell, Column, fields, note, say, say_lines, table
from followup.cli.framework.timeline_table import step_title
from followup.context import AppContext
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.item_outcome import ItemOutcome
from followup.enrolment.same_person import find_alike, say_two_people
from followup.merging.same_person import SamePerson, say_same_person
from followup.messages.view import utc_text
from followup.patients import records as patients
from followup.store.encryption.sealing import Sealer
from followup.store.engine.id_prefix import SHORTEST_PREFIX, id_range
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import InboundMessage, Message
from followup.store.models.patients import Patient
from followup.store.models.worklist import WorklistItem
from followup.wording.failure_reasons import failure_reason_of
from followup.wording.formats import count, day_and_time, small
from followup.wording.staff import actor_text
from followup.wording.worklist import assignment_text, item_term, item_to_do, outcome_text
from followup.worklist import items as tasks

group = new_app(cls=Group)

Item = Annotated[str, typer.Argument(metavar="ITEM", help="The id that the list shows.")]


@group.callback(invoke_without_command=True)
def listing(ctx: typer.Context, *, clinic: Clinic = None, as_json: AsJson = False) -> None:
    """List what needs action; assign and close items.

    The most urgent comes first. JSON is one object a line.
    """
    if ctx.invoked_subcommand is not None:
        return
    with opened() as app, app.store.read() as session:
        chosen = clinic_key(app.catalogue, clinic) if clinic else None
        items = tasks.open_items(session, clinic=chosen)
    if as_json:
        say_lines(_as_json(item) for item in items)
    elif items:
        _show_list(app, items)
        note("More about one, and whom to phone: followup worklist show ITEM")
    else:
        say("Nothing needs action.")


@group.command(cls=Command)
def show(item: Item) -> None:
    """Show whom to phone about an item, and what they wrote.

    Prints the patient's name and number.
    """
    with opened() as app, app.store.read() as session:
        found = _find(session, item)
        patient = session.get(Patient, found.patient_id) if found.patient_id else None
        enrolment = session.get(Enrolment, found.enrolment_id) if found.enrolment_id else None
        inbound = session.get(InboundMessage, found.inbound_id) if found.inbound_id else None
        person = patients.read_patient(patient, app.keyring) if patient else None
        alike = find_alike(session, found)
        may_be = patients.read_patient(alike, app.keyring) if alike else None
        wrote = _opened(app, inbound, patient) if inbound else None
        respond_by = _local(app, found)
        gathered = [_gathered(message, cause) for message, cause in _others(session, found)]
    fields(
        [
            ("Item", str(found.id)),
            ("What", _what(found)),
            ("About", _about(found)),
            ("And about", "; ".join(gathered)),
            ("What to do", _to_do(found)),
            ("Respond by", respond_by),
            ("State", _state(found)),
            ("Patient", (person.name or "(no name given)") if person else "(not known)"),
            ("Mobile", (person.mobile or "") if person else ""),
            ("E-mail", (person.email or "") if person else ""),
            ("May be", (may_be.name or "(no name given)") if may_be else ""),
            ("Enrolment", str(enrolment.id) if enrolment else ""),
            ("Reference", (enrolment.reference or "") if enrolment else ""),
            ("From", wrote.address if wrote else ""),
            ("Wrote", wrote.words if wrote else ""),
        ]
    )


@group.command(cls=Command)
def take(item: Item) -> None:
    """Assign an item to yourself, so that nobody else phones too."""
    with opened() as app:
        with app.store.read() as session:
            found = _find(session, item)
        tasks.take_over_item(app, found.id, actor=actor())
    say(f"Item {found.id} is assigned to you.")


@group.command(cls=Command)
def close(
    item: Item,
    *,
    outcome: Annotated[
        str, typer.Option(metavar="CODE", help="The outcome, such as told or rang.")
    ],
) -> None:
    """Close an item with its outcome."""
    with opened() as app:
        with app.store.read() as session:
            found = _find(session, item)
        tasks.close_item(app, found.id, outcome=outcome, actor=actor())
    say(f"Item {found.id} is closed: {small(outcome_text(outcome))}.")


@group.command(cls=Command)
def same(item: Item) -> None:
    """Say that the patient of an item is the one who was there: the follow-up continues there."""
    with opened() as app:
        with app.store.read() as session:
            found = _find(session, item)
        made = _say_same(app, found)
    say(f"Item {found.id} is closed: {small(outcome_text(ItemOutcome.SAME_PERSON))}.")
    say(f"To undo it, within a day: followup unmerge-patients {made.merge_id}")


def _say_same(app: AppContext, item: WorklistItem) -> SamePerson:
    try:
        return say_same_person(app, item.id, actor=actor())
    except InvalidInput as error:
        with app.store.read() as session:
            alike = find_alike(session, item)
        survivor = alike.id if alike else item.patient_id
        sentence = (
            f"{'; '.join(each.message for each in error.problems)}. Compare them and say so with: "
            f"followup merge-patients {survivor} {item.patient_id}"
        )
        raise Conflict(sentence) from None


@group.command(cls=Command)
def two(item: Item) -> None:
    """Say that the patient of an item is not the one who was there: the follow-up goes ahead."""
    with opened() as app:
        with app.store.read() as session:
            found = _find(session, item)
        to_come = say_two_people(app, found.id, actor=actor())
    say(f"Item {found.id} is closed; {count(to_come, 'message')} to come.")


@dataclass(frozen=True, slots=True)
class _Wrote:
    address: str
    words: str


def _opened(app: AppContext, inbound: InboundMessage, patient: Patient | None) -> _Wrote | None:
    sealer: Sealer | None = app.keyring.system
    if patient is not None:
        sealer = app.keyring.patient(patient.data_key, patient.master_key_id)
    if sealer is None:
        # The patient's data was erased.
        return None
    return _Wrote(
        sealer.open_if(inbound.address_sealed, column="inbound_messages.address", row=inbound.id)
        or "",
        sealer.open_if(inbound.body_sealed, column="inbound_messages.body", row=inbound.id) or "",
    )


def _find(session: Session, item: str) -> WorklistItem:
    """Return the item with this id, or the only one whose id begins so."""
    ids = id_range(item)
    if ids is None:
        raise InvalidInput.of(
            "item", f"give an id, or at least its first {SHORTEST_PREFIX} characters"
        )
    found = session.scalars(
        select(WorklistItem).where(WorklistItem.id.between(*ids)).limit(2)
    ).all()
    if not found:
        message = f"there is no item {item}; list them with: followup worklist"
        raise NotFound(message)
    if len(found) > 1:
        message = f"the ids of several items begin with {item}: give the whole id"
        raise Conflict(message)
    return found[0]


def _as_json(item: WorklistItem) -> dict[str, object]:
    return {
        "id": str(item.id),
        "kind": item.kind,
        "urgency": item.urgency,
        "clinic": item.clinic,
        "state": item.state,
        "owner": item.owner,
        "opened_at": utc_text(item.opened_at),
        "look_by": utc_text(item.due_at),
        "enrolment_id": str(item.enrolment_id) if item.enrolment_id else None,
        "message_id": str(item.message_id) if item.message_id else None,
        **item.detail,
    }


def _show_list(app: AppContext, items: Sequence[WorklistItem]) -> None:
    columns = [
        Column("Respond by"),
        Column("What"),
        Column("About"),
        Column("State"),
        Column("Item"),
    ]
    table(
        columns,
        (
            [
                Cell(_local(app, item), "red" if item.due_at < app.clock.now() else None),
                _what(item),
                _about(item),
                _state(item),
                str(item.id),
            ]
            for item in items
        ),
    )


def _what(item: WorklistItem) -> str:
    what, cause = item_term(item.kind, item.detail.get("channel")).label, _cause(item)
    if not cause or cause == item.kind:
        return what
    return f"{what} ({failure_reason_of(cause, item.detail.get('channel')).happened})"


def _to_do(item: WorklistItem) -> str:
    return item_to_do(
        item.kind,
        cause=_cause(item),
        channel=item.detail.get("channel"),
        classes=item.detail.get("classes", ()),
    )


def _state(item: WorklistItem) -> str:
    if item.state == "closed":
        return f"Closed: {small(outcome_text(item.outcome))}"
    owner = actor_text(item.owner) if item.owner else None
    return assignment_text(owner, is_mine=item.owner == actor())


def _others(session: Session, item: WorklistItem) -> Sequence[tuple[Message, str]]:
    """Return the other messages that an item has gathered, each with its cause."""
    found = tasks.occurrences(session, item.id)
    return [(message, cause) for message, cause in found if message.id != item.message_id]


def _gathered(message: Message, cause: str) -> str:
    about = step_title(str(message.step), message.occurrence)
    return f"{about} ({failure_reason_of(cause, message.channel).happened})"


def _cause(item: WorklistItem) -> str:
    return str(item.detail.get("cause", ""))


def _about(item: WorklistItem) -> str:
    step = item.detail.get("step")
    return step_title(str(step), int(item.detail.get("occurrence", 1))) if step else ""


def _local(app: AppContext, item: WorklistItem) -> str:
    clinic = app.catalogue.clinics.get(item.clinic)
    return day_and_time(item.due_at.astimezone(clinic.zone if clinic else UTC))
