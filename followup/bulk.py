"""Enrolling many patients in one transaction, in a fraction of the statements.

More than some hundreds at once would hold up the dispatcher on SQLite, and no transaction may last
so long that the audit trail is sealed before it ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy.orm import Session

from followup.domain.errors import AlreadyEnrolled
from followup.enrol import (
    Checked,
    Enrolled,
    Request,
    check,
    created,
    enrol,
    enrol_in,
    new_enrolment,
    timeline_of,
)
from followup.kit import Kit
from followup.needs import ask_for_help
from followup.planning import add_generations
from followup.store import patients
from followup.store.audit_log import record_all
from followup.store.known import Key, keys_of, known_among
from followup.too_late import ask_to_ring

BATCH = 200


def enrol_all(kit: Kit, requests: Sequence[Request], *, actor: str) -> list[Enrolled]:
    """Enrol patients as `enrol` does each, all of them or none; return them in the same order.

    Raises `InvalidInput` or `Conflict` as `enrol` does.
    """
    checked = [check(kit, request) for request in requests]

    def work(session: Session) -> list[Enrolled]:
        fresh = _fresh(session, kit, checked)
        done = dict(zip(fresh, _enrol_fresh(session, kit, fresh, actor=actor), strict=True))
        return [
            done.get(place) or enrol_in(session, kit, each, actor=actor)
            for place, each in enumerate(checked)
        ]

    return kit.store.transact(work)


def enrol_again(kit: Kit, request: Request, *, actor: str) -> Enrolled:
    """Enrol one patient; one without a reference who has the procedure already is left as is."""
    try:
        return enrol(kit, request, actor=actor)
    except AlreadyEnrolled as error:
        if request.reference is not None:
            raise
        return Enrolled(enrolment_id=error.enrolment_id, created=False)


def _fresh(session: Session, kit: Kit, checked: Sequence[Checked]) -> Mapping[int, Checked]:
    """Return, by their places, those that nothing in the database or before them clashes with."""
    keys = [
        keys_of(
            kit.keyring.indexes,
            each.request.person,
            clinic=each.request.clinic,
            reference=each.request.reference,
        )
        for each in checked
    ]
    met: set[Key] = known_among(session, (key for each in keys for key in each))
    fresh: dict[int, Checked] = {}
    for place, (each, own) in enumerate(zip(checked, keys, strict=True)):
        if met.isdisjoint(own):
            fresh[place] = each
        met |= own
    return fresh


def _enrol_fresh(
    session: Session, kit: Kit, fresh: Mapping[int, Checked], *, actor: str
) -> list[Enrolled]:
    deed, all_checked = kit.deed(actor), list(fresh.values())
    people = [
        patients.add(
            session, kit.keyring, each.request.person, clinic=each.request.clinic, at=deed.at
        )
        for each in all_checked
    ]
    # The rows that follow refer to it.
    session.flush()
    enrolments = [
        new_enrolment(kit, each, patient, deed=deed)
        for each, patient in zip(all_checked, people, strict=True)
    ]
    session.add_all(enrolments)
    session.flush()
    pairs = list(zip(enrolments, all_checked, strict=True))
    timelines = [timeline_of(*pair) for pair in pairs]
    add_generations(session, kit, timelines, deed=deed)
    record_all(session, deed, (created(*pair) for pair in pairs))
    ask_to_ring(session, kit, deed, timelines)
    for enrolment, patient, each in zip(enrolments, people, all_checked, strict=True):
        needs = each.request.person.needs
        if needs:
            ask_for_help(session, kit, deed, patient, needs, enrolment_id=enrolment.id)
    return [Enrolled(enrolment_id=enrolment.id, created=True) for enrolment in enrolments]
