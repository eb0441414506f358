"""A clinic where everything has happened, so that each page has something to show in each state.

    clinic = fill(app context)                        # an app context with the product's sandbox
    clinic.addresses("/patients/{patient}")   # where a route is to be looked at

A route with a gap that nothing here fills raises `KeyError`: a new page is not forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import product
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from followup.audit.tree import sign_trail
from followup.consent.objections import lodge_objection
from followup.context import AppContext, UnitOfWork
from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.returned_mail_ledger import MailSource
from followup.domain.erasure.grounds import ErasureGround
from followup.domain.item_kind import ItemKind
from followup.domain.kill_switch import SwitchScope
from followup.domain.lifecycle import State
from followup.domain.needs import ReadingNeed
from followup.domain.roles import Role
from followup.enrolment.number_verification import send_test_text
from followup.enrolment.pause import pause_enrolment
from followup.enrolment.reading_needs import change_needs
from followup.enrolment.withdraw import withdraw_enrolment
from followup.erasure.requests import decide_erasure, propose_erasure
from followup.intake.csv_columns import Layout
from followup.intake.hl7.receive import receive_message
from followup.intake.uploaded_lists import (
    Findings,
    choose_columns,
    enrol_list,
    find_list,
    seal_findings,
    upload_list,
)
from followup.merging.merge import MergeRequest, merge_patients
from followup.messages.verification_code import code_of
from followup.monitoring.heartbeats import record_heartbeat
from followup.outbox.subscriptions import NewSubscription, add_subscription, pause_subscription
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.kill_switches import activate_switch, deactivate_switch
from followup.staff import sessions
from followup.staff.api_keys import add_api_key, all_api_keys
from followup.staff.invitations import invite_member, open_invitations, reset_link
from followup.staff.members import MemberDetails, disable_member, insert_member
from followup.staff.sessions import Stage
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import EnrolmentDraft, FeedMessage
from followup.store.models.messages import Message
from followup.store.models.outbox import DeadLetter, EventSubscription
from followup.store.models.patients import ErasureRequest, Patient
from followup.store.models.retention import RetentionReview
from followup.store.models.returned_mails import ReturnedMail
from followup.store.models.staff import NumberCheck, Staff
from followup.store.models.uploaded_lists import UploadedList
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.drafts import begin_draft
from followup.worklist.items import NewItem, close_item, open_item, take_over_item
from tests.support.apps import clock_of, enrol_one, messages, rows, run_until, sweep
from tests.support.hl7 import feed, message
from tests.support.people import CLINIC, EMAIL, ENROLLED_AT, PROTOCOL, SMS, nhs_number
from tests.support.returned_mails import returned_mail
from tests.support.signing import put_releases

BY = "web:sam@example.com"
GAP = re.compile(r"\{(\w+)\}")
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "nhs_number": (nhs_number(0),), "name": ("Ada Larkin",), "born": ("17",),
    "born-month": ("5",), "born-year": ("1957",), "mobile": ("07700 900123",),
    "mobile_again": ("07700 900123",), "email": ("ada@example.com",),
    "protocol": ("nerve-root-block",), "on": ("19",), "on-month": ("10",), "on-year": ("2026",),
    "at": ("2:30pm",), "attribute-diabetic": ("yes",), "attribute-steroid_given": ("yes",),
    "channels": ("sms", "email"), "language": ("en",),
}  # fmt: skip
"""A whole enrolment as the quick form has it, of somebody who is not enrolled yet."""
AGAIN: Mapping[str, tuple[str, ...]] = {
    **ANSWERS, "nhs_number": (nhs_number(1),), "name": ("Test Patient-00001",), "born": ("2",),
    "born-month": ("2",), "born-year": ("1951",),
}  # fmt: skip
"""The same of somebody who is."""

LIST = "\n".join(
    (
        "Theatre list",
        "NHS No,Name,DOB,Procedure at,Mobile,Diabetic,Steroid",
        f"{nhs_number(601)},Test Patient-00601,17/05/1957,19/10/2026 14:30,07700900601,y,y",
        f"{nhs_number(1)},Test Patient-00001,02/02/1951,18/10/2026 14:30,07700900001,y,y",
        f"{nhs_number(2)},Test Patient-00002,03/03/1952,19/10/2026 14:30,07700900777,y,y",
        f"{nhs_number(602)},Test Patient-00602,17/05/57,19/10/2026 00:00,7.7E+09,maybe,y",
    )
)
"""A theatre list of one new patient, one who is known, one who differs, and a row to correct."""

TOLD_OF = ("silent", "died", "erased")
"""Whose report for the audit is looked at."""

QUERIES: Mapping[str, tuple[str, ...]] = {
    "/sign-in": ("", "?ended=1", "?out=1"),
    "/attention": ("", "?view=mine", "?view=late"),
    "/messages": ("", "?state=failed&channel=sms", "?state=cancelled&channel=email&step=moving"),
    "/messages/{message}/again": ("?by=sms",),
    "/audit": (
        "", "?what=looks", "?who=providers&what=team",
        "?since=31&since-month=2&since-year=2026",
    ),
    "/content/{template}": ("?occurrence=4",),
    "/protocols/{protocol}": (
        "", "?on=23&on-month=10&on-year=2026&at=14:30", "?on=31&on-month=2&on-year=2026",
    ),
    "/procedures": ("", "?view=week"),
    "/enrolments/{enrolment}/card": ("", "?paper=a4&size=large"),
    "/enrol/quick": ("", "?protocol=facet-joint-injection"),
}  # fmt: skip
"""What follows the path of a route, to show it in each of its states."""


@dataclass(frozen=True, slots=True)
class FullClinic:
    """What is there. The member of staff may do everything, and `token` is their session.

    `fills` says what goes into the gaps of a path: of one route, or in general, under "".
    """

    app: AppContext
    staff_id: UUID
    token: str
    enrolments: Mapping[str, UUID]
    fills: dict[str, dict[str, Sequence[object]]] = field(default_factory=dict)

    def patient(self, name: str) -> UUID:
        """Return who was enrolled under this name."""
        with self.app.store.read() as session:
            return session.get_one(Enrolment, self.enrolments[name]).patient_id

    def addresses(self, route: str) -> list[str]:
        """Return where to look at a route, the plainest first.

        A route that ends in a gap is looked at with all that may stand there.
        """
        gaps, special = GAP.findall(route), self.fills.get(route, {})
        choices = [
            special.get(gap) or self.fills[""][gap][: None if route.endswith(f"{{{gap}}}") else 1]
            for gap in gaps
        ]
        paths = [
            route.format(**dict(zip(gaps, chosen, strict=True))) for chosen in product(*choices)
        ]
        return [path + query for path in paths for query in QUERIES.get(route, ("",))]


def fill(app: AppContext) -> FullClinic:
    """Let everything happen, up to twenty minutes after the enrolments."""
    made = _enrolments(app)
    run_until(app, ENROLLED_AT + timedelta(minutes=20))
    staff_id = add_staff(app, "sam@example.com", *Role)
    clinic = FullClinic(app, staff_id, begin_session(app, staff_id), made)
    _happen(clinic)
    _write_in(app)
    _feed_in(app)
    clinic.fills.update(_fills(clinic))
    _seal(app)
    return clinic


def add_staff(app: AppContext, email: str, *roles: Role) -> UUID:
    """Add somebody to the team who signs in without a password; return who it is."""
    who = MemberDetails(
        email=email, name=f"Test {email.partition('@')[0]}", roles=roles, clinics=None
    )
    with app.store.write() as session:
        return insert_member(session, app.by("cli:test"), who, password_hash=None).id


def begin_session(app: AppContext, staff_id: UUID, *, stage: Stage = Stage.FULL) -> str:
    """Return another session of a member of staff."""
    with app.store.write() as session:
        staff = session.get_one(Staff, staff_id)
        return sessions.begin_session(session, app, staff, stage=stage, browser="Chrome on Linux")


def _enrolments(app: AppContext) -> dict[str, UUID]:
    return {
        # The first is what pages are looked at with that have one state only.
        "silent": enrol_one(app, 3, mobile="+447700900777"),
        "active": enrol_one(app, 1, diabetic=True),
        "failed": enrol_one(app, 2, channels=(SMS,), mobile="+447700900111"),
        "paused": enrol_one(app, 4),
        "ended": enrol_one(app, 5),
        "finished": enrol_one(app, 6),
        "stopped": enrol_one(app, 7),
        "arabic": enrol_one(app, 8, language="ar"),
        "welsh": enrol_one(app, 9),
        "died": enrol_one(app, 10),
        "erased": enrol_one(app, 11, reference=None),
        "mailed": enrol_one(app, 12, channels=(EMAIL,)),
        "merged": enrol_one(app, 13),
        "double": enrol_one(app, 13, name="Ann Double", nhs_number=None, reference="DOUBLE"),
    }


def _happen(clinic: FullClinic) -> None:
    app, made = clinic.app, clinic.enrolments
    pause_enrolment(app, made["paused"], actor=BY)
    withdraw_enrolment(app, made["ended"], reason="They moved away", actor=BY)
    withdraw_enrolment(app, made["died"], reason="Told by the GP", actor=BY, deceased=True)
    with app.store.write() as session:
        stopped = session.get_one(Patient, clinic.patient("stopped"))
        lodge_objection(session, app.by(BY), patient=stopped, channel=None, source="sms")
        arabic = session.get_one(Patient, clinic.patient("arabic"))
        needs = frozenset({ReadingNeed.LARGE_PRINT, ReadingNeed.EASY_READ})
        change_needs(
            UnitOfWork(session, app, app.by(BY)), arabic, needs, enrolment_id=made["arabic"]
        )
        _set(session, Enrolment, made["finished"], state="finished", finish_due_at=None)
        _set(session, Patient, clinic.patient("welsh"), language="cy")
    asked = propose_erasure(app, clinic.patient("erased"), ground=ErasureGround.ASKED, actor=BY)
    decide_erasure(app, asked, actor="web:another@example.com")
    waits = clinic.patient("finished")
    propose_erasure(app, waits, ground=ErasureGround.NOT_NEEDED, actor="cli:another")
    for component in ("worker", "beat", "web"):
        record_heartbeat(app, component, f"{component}-1")


def _write_in(app: AppContext) -> None:
    for serial, said in ((1, "It itches a bit"), (4, "My leg feels weak"), (77, "Who is this?")):
        text = InboundText(
            provider_id=f"SM{serial}",
            from_=f"+447700900{serial:03d}",
            to="+447700900999",
            body=said,
        )
        take_inbound(app, text, provider="sandbox")


def _feed_in(app: AppContext) -> None:
    """Let a hospital's system tell of an appointment, and of one that is refused."""
    shipped = {4: "EXH"}
    ahead = ENROLLED_AT + timedelta(days=9)
    feed(app, message(id_="F1", serial=90, procedure="A52.1", time=ahead, msh=shipped))
    refused = message("ADT^A17", id_="F2", serial=91, visit="V91", msh=shipped)
    receive_message(app, refused.encode(), sites=[*app.catalogue.sites.values()])


def _fills(clinic: FullClinic) -> dict[str, dict[str, Sequence[object]]]:
    app, made = clinic.app, clinic.enrolments
    failed = _first(app, made["failed"], state="failed")
    mailed = _first(app, made["mailed"], state="delivered", channel="email")
    arrived = _first(app, made["active"], state="delivered", channel="sms")
    whole, again, known = (
        begin_draft(app, clinic.staff_id, kind="enrolment", answers=answers)
        for answers in (ANSWERS, AGAIN, {"nhs_number": AGAIN["nhs_number"]})
    )
    found, lost = (
        begin_draft(app, clinic.staff_id, kind="patient search", answers={"wanted": (wanted,)})
        for wanted in (nhs_number(1), "Nobody")
    )
    items = _items(app, _first(app, made["silent"], state="sent", channel="sms"), alike=mailed)
    lists, signed = _lists(clinic), put_releases(app)
    double = clinic.patient("double")
    merge_id = _merge(clinic)
    general: dict[str, Sequence[object]] = {
        "patient": [*dict.fromkeys(clinic.patient(name) for name in made), double],
        "enrolment": [made["silent"]],
        "message": [failed.id, mailed.id, *_messages(app, made["active"])],
        "item": [items["no-receipt"], *_one_of_each_make(app)],
        "template": ["sugar", "reply-red-flag", "facet-going-home"],
        "language": ["en"],
        "protocol": ["nerve-root-block"],
        "step": ["who", "name", "reach", "procedure", "about", "preferences"],
        "draft": [whole],
        "switch": [_switches(app)],
        "mail": _returned_mails(app),
        "webhook": _webhooks(app),
        "list": [lists["checked"]],
        "line": [3, 5],
        "request": [it.id for it in rows(app, ErasureRequest)],
        "review": _reviews(app),
        **_team(app),
        "clinic": [CLINIC],
        "key": [_api_key(app)],
        "release": [signed["waits"]],
    }
    drafts: dict[str, Sequence[object]] = {"draft": [one.id for one in rows(app, EnrolmentDraft)]}
    told: dict[str, Sequence[object]] = {"message": [one.id for one in rows(app, FeedMessage)]}
    return {
        "": general,
        **_number_checks(clinic, whole, items["unreachable"]),
        "/enrol/{draft}/check": {"draft": [whole, again]},
        "/enrol/list/{list}": {"list": list(lists.values())},
        "/enrol/list/{list}/remove": {"list": [lists["failed"]]},
        "/enrol/list/{list}/columns": {"list": [lists["columns"]]},
        "/enrol/list/{list}/progress": {"list": [lists["checking"]]},
        "/enrol/{draft}/{step}": {"draft": [known]},
        "/patients/found/{draft}": {"draft": [found, lost]},
        "/patients/{patient}/merge/{other}": {"other": [clinic.patient("welsh")]},
        "/patients/{patient}/merges/{merge}/undo": {
            "patient": [clinic.patient("merged")],
            "merge": [merge_id],
        },
        "/messages/{message}/mail": {"message": [mailed.id]},
        "/messages/{message}/again": {"message": [arrived.id]},
        "/audit/patients/{patient}": {"patient": [clinic.patient(one) for one in TOLD_OF]},
        "/attention/{item}/contacts": {"item": [items["failed"]]},
        "/attention/{item}/done": {"item": [items["call-wanted"]]},
        "/attention/enrolments/{draft}": drafts,
        "/attention/enrolments/{draft}/complete": drafts,
        "/attention/enrolments/{draft}/dismiss": drafts,
        "/feeds/{message}": told,
        "/feeds/{message}/replay": told,
        "/content/releases/{release}": {"release": [signed["waits"], signed["stands"]]},
        "/content/releases/{release}/{part}": {
            "release": [signed["waits"]],
            "part": [signed["part"]],
        },
        "/content/releases/{release}/send-back": {"release": [signed["waits"]]},
        "/content/releases/{release}/withdraw": {"release": [signed["stands"]]},
        **{path: {"template": ["dressing"]} for path in EDITOR},
        "/enrolments/{enrolment}/resume": {"enrolment": [made["paused"]]},
    }


def _api_key(app: AppContext) -> UUID:
    """Make a key of the API; return it."""
    add_api_key(app, "theatre-list", actor=BY)
    [key] = all_api_keys(app)
    return key.id


EDIT = "/content/edit/{clinic}/{protocol}/{template}/{language}"
EDITOR = (EDIT, f"{EDIT}/preview", f"{EDIT}/mail", f"{EDIT}/page")
"""Pages about a message of one protocol."""


def _merge(clinic: FullClinic) -> UUID:
    """Merge two records of one person; return the merge."""
    request = MergeRequest(
        survivor_id=clinic.patient("merged"),
        duplicate_id=clinic.patient("double"),
        reason="She changed her name",
    )
    return merge_patients(clinic.app, request, actor=BY).merge_id


def _lists(clinic: FullClinic) -> dict[str, UUID]:
    """Upload a list, and bring it into each of its states; return one of each."""
    app = clinic.app

    def uploaded(content: str) -> UUID:
        return upload_list(
            app, clinic.staff_id, actor=BY, clinic=CLINIC, protocol=PROTOCOL,
            name="Theatre list.csv", content=content.encode(),
        )  # fmt: skip

    def begun(content: str) -> UUID:
        made = find_list(app, clinic.staff_id, uploaded(content))
        assert made.file is not None
        choose_columns(app, made, made.file.layout)
        return made.id

    made = {name: begun(LIST) for name in ("checked", "enrolling", "done", "failed")}
    sweep(app, "work-off-lists")
    enrol_list(app, find_list(app, clinic.staff_id, made["done"]))
    sweep(app, "work-off-lists")
    enrol_list(app, find_list(app, clinic.staff_id, made["enrolling"]))
    with app.store.write() as session:
        findings = Findings(
            name="Theatre list.csv",
            layout=Layout(line=0, titles=(), fields=()),
            failure="Something went wrong here",
        )
        sealed = seal_findings(app.keyring.system, findings, made["failed"])
        _set(session, UploadedList, made["failed"], state="failed", findings_sealed=sealed)
    return {**made, "columns": uploaded(LIST.replace("Mobile", "Phone")), "checking": begun(LIST)}


def _number_checks(
    clinic: FullClinic, enrolling: UUID, item: UUID
) -> dict[str, dict[str, Sequence[object]]]:
    """Send a test text to each number that is to be confirmed."""
    app = clinic.app
    correcting, attending = (
        begin_draft(app, clinic.staff_id, kind="contacts", answers={"mobile": (mobile,)})
        for mobile in ("07700 900321", "07700 900322")
    )
    numbers = {enrolling: "123", correcting: "321", attending: "322"}
    with app.store.read() as session:
        silent = session.get_one(Patient, clinic.patient("silent"))
    for draft, ends in numbers.items():
        send_test_text(
            app,
            draft,
            clinic=app.catalogue.clinics[CLINIC],
            mobile=f"+447700900{ends}",
            patient=None if draft == enrolling else silent,
            actor=BY,
        )
    at_patient: dict[str, Sequence[object]] = {"draft": [correcting]}
    at_item: dict[str, Sequence[object]] = {"item": [item], "draft": [attending]}
    return {
        "/patients/{patient}/contacts/{draft}": {**at_patient, "patient": [silent.id]},
        "/patients/{patient}/contacts/{draft}/again": at_patient,
        "/attention/{item}/contacts/{draft}": at_item,
        "/attention/{item}/contacts/{draft}/again": at_item,
    }


def code_of_last_text(app: AppContext, draft: UUID) -> str:
    """Return the code that confirms the number of a form."""
    checks = [one for one in rows(app, NumberCheck) if one.draft_id == draft]
    last = max(checks, key=lambda one: (one.asked_real_at, one.id))
    return code_of(app.keyring.indexes, last.message_id)


def _messages(app: AppContext, enrolment: UUID) -> list[UUID]:
    """Put a message of the enrolment into each state that none is in; return one of each."""
    there = {one.state: one.id for one in messages(app, enrolment)}
    spare = [one.id for one in messages(app, enrolment) if one.state == "planned"]
    reasons = {State.HELD: "switch", State.EXPIRED: "window-over", State.SUPPRESSED: "objection"}
    for state in State:
        if state.value not in there:
            there[state.value] = spare.pop()
            with app.store.write() as session:
                reason = reasons.get(state)
                _set(session, Message, there[state.value], state=state.value, reason=reason)
    return [there[state.value] for state in State]


def _items(app: AppContext, message: Message, *, alike: Message) -> dict[str, UUID]:
    """Open an item of each kind, most of them about the message; return one of each.

    That of people alike, until which nothing of the patient is changed, is about the other one.
    """
    nobody = {
        kind: NewItem(subject=kind, kind=ItemKind(kind), clinic=CLINIC, cause="TemplateError")
        for kind in ("set-up", "blast-radius")
    }
    about = {kind.value: NewItem.of_message(message, kind=kind, cause="30006") for kind in ItemKind}
    same = ItemKind.SAME_PERSON
    about[same.value] = NewItem.of_message(alike, kind=same, cause="30006")
    by = app.by("worker")
    with app.store.write() as session:
        opened = {
            kind: open_item(UnitOfWork(session, app, by), task)
            for kind, task in {**about, **nobody}.items()
        }
    close_item(app, opened["duplicate"], outcome="told", actor=BY)
    take_over_item(app, opened["unknown"], actor="web:nia@example.com")
    return opened


def _one_of_each_make(app: AppContext) -> list[UUID]:
    """Return items that look different: closed, somebody's, of a message, of a text, of nobody."""
    makes = {
        (one.state, one.message_id is None, one.inbound_id is None, one.patient_id is None): one.id
        for one in rows(app, WorklistItem)
    }
    return list(makes.values())


def _webhooks(app: AppContext) -> list[UUID]:
    """Set up a webhook that is on, one that fails and has given events up, and a paused one."""
    for name in ("engine", "failing", "record"):
        wanted = NewSubscription(name=name, url=f"https://{name}.example.com/events")
        add_subscription(app, wanted, actor=BY)
    pause_subscription(app, "record", actor=BY)
    found = {one.name: one.id for one in rows(app, EventSubscription)}
    at = app.clock.real_now()
    with app.store.write() as session:
        _set(
            session, EventSubscription, found["failing"], failing_since_real=at, problem="HTTP 500"
        )
        letter = DeadLetter(
            id=new_id(at),
            subscription_id=found["failing"],
            number=1,
            type="enrolment.created",
            event_at=at,
            tries=9,
            problem="HTTP 422",
            given_up_real_at=at,
        )
        session.add(letter)
    return list(found.values())


def _returned_mails(app: AppContext) -> list[UUID]:
    """Let a mail of each kind come back that proves nothing; return them."""
    for name in ("postfix", "arf", "a-patient-answers"):
        mail = returned_mail(name, instead={"patient1@example.com": "ada@example.com"})
        receive_bounce(app, mail, source=MailSource.HOOK)
    return [one.id for one in rows(app, ReturnedMail)]


def _reviews(app: AppContext) -> list[UUID]:
    """Propose that something may end: one of each state that a review is in."""
    at = app.clock.now()
    facts = {"clinic": CLINIC, "upto": at, "records": 3, "proposed_at": at}
    by = {"decided_by": "web:another@example.com", "decided_at": at}
    kept = {**by, "decision": "keep", "ground": "claim", "keep_until": at + timedelta(days=400)}
    made = [
        {"record_class": "replies"},
        {"record_class": "raw-intake", **by, "decision": "destroy"},
        {"record_class": "sandbox", **kept},
    ]
    found = [RetentionReview(id=new_id(at), subject=CLINIC, **facts, **each) for each in made]
    with app.store.write() as session:
        session.add_all(found)
    return [one.id for one in found]


def _switches(app: AppContext) -> UUID:
    """Stop one thing, and another that goes again already; return the first."""
    past = activate_switch(app, SwitchScope.CHANNEL, "email", reason="A drill", actor=BY)
    deactivate_switch(app, past, actor=BY)
    step = "nerve-root-block/moving"
    return activate_switch(app, SwitchScope.STEP, step, reason="The words are wrong", actor=BY)


def _team(app: AppContext) -> dict[str, Sequence[object]]:
    nia, left, _ = (
        add_staff(app, f"{name}@example.com", Role.MANAGE, Role.ENROL)
        for name in ("nia", "left", "max")
    )
    with app.store.write() as session:
        _set(session, Staff, nia, code_key_sealed=b"there is one")
    disable_member(app, left, actor=BY)
    joining = invite_member(app, "new@example.com", roles=[Role.AUDIT], clinics=[CLINIC], actor=BY)
    with app.store.read() as session:
        invitation = open_invitations(session, app)[0].id
    return {
        "member": [nia, left],
        "invitation": [invitation],
        "token": [joining, reset_link(app, nia, actor=BY)],
    }


def _seal(app: AppContext) -> None:
    clock_of(app).advance_real(timedelta(minutes=15))
    sign_trail(app)
    clock_of(app).advance_real(timedelta(minutes=-15))


def _first(app: AppContext, enrolment: UUID, **columns: str) -> Message:
    return next(
        one
        for one in messages(app, enrolment)
        if all(getattr(one, name) == value for name, value in columns.items())
    )


def _set(session: Session, table: type, row_id: UUID, **values: object) -> None:
    session.execute(update(table).where(table.id == row_id).values(**values))
