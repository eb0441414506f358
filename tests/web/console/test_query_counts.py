"""Every page asks as often of the database where there is much to show as where there is little."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import select

from followup.context import AppContext
from followup.delivery.bounce_intake import receive_bounce
from followup.delivery.returned_mail_ledger import MailSource
from followup.domain.channel import ChannelKind
from followup.domain.erasure.grounds import ErasureGround
from followup.domain.errors import Conflict
from followup.domain.kill_switch import SwitchScope
from followup.domain.roles import Role
from followup.erasure.requests import propose_erasure
from followup.outbox.subscriptions import NewSubscription, add_subscription
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.kill_switches import activate_switch, deactivate_switch
from followup.staff.api_keys import add_api_key
from followup.staff.invitations import invite_member
from followup.staff.members import MemberDetails, insert_member
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.feeds import EnrolmentDraft, FeedMessage
from followup.store.models.messages import Message
from followup.store.models.outbox import DeadLetter, EventSubscription
from followup.store.models.patients import ErasureRequest, Patient
from followup.store.models.retention import RetentionReview
from followup.store.models.returned_mails import ReturnedMail
from followup.store.models.staff import Staff
from followup.store.models.worklist import WorklistItem
from followup.web.console.framework.app import all_pages
from tests.support.apps import clock_of, enrol_one, rows, run_until, sms_of, sweep
from tests.support.hl7 import feed, message
from tests.support.people import nhs_number
from tests.support.returned_mails import returned_mail
from tests.support.scripted_channel import refuse
from tests.support.signing import put_releases
from tests.web.console.conftest import make_asgi
from tests.web.console.patients.test_enrol import EVERYTHING, NAME, WHO
from tests.web.console.patients.test_patient import statements
from tests.web.console.visitors import Visitor, join

ONE_THING = {
    *("/join/{token}", "/sign-in", "/sign-in/code", "/sign-in/organisation", "/session"),
    *("/sign-in/organisation/back", "/sign-in/set-up", "/accessibility", "/account/code"),
    *("/attention/news", "/account/signing-key", "/content/sign/{clinic}/{protocol}"),
}
"""Pages about one account alone, or about nothing that is kept."""

CARRIED_OUT = "/patients/{patient}/merge/{other}"
"""What it shows is a whole merge, which is rolled back."""

SMS_ALONE = {"channels": (ChannelKind.SMS,)}
FAILING, WRITING = 1, 2
"""Who is not reached, and who writes."""


def more(app: AppContext, name: str, people: int) -> None:
    """Let there be more of everything, also about the two patients whom the pages show."""
    clock = clock_of(app)
    texts = iter(range(1000))
    for serial in range(people):
        enrol_one(app, 100 + serial, reference=f"{name}{serial}", procedure_at=clock.now())
    for index in range(people):
        sms_of(app).for_recipient[f"+447700900{100 + index}"] = refuse("21211", recipient=True)
    run_until(app, clock.now() + timedelta(days=1))
    for enrolment in rows(app, Enrolment):
        if (enrolment.reference or "").startswith(name):
            ground = ErasureGround.ASKED
            with suppress(Conflict):
                propose_erasure(app, enrolment.patient_id, ground=ground, actor="cli:test")
            _propose_to_end(app, enrolment)
    for _ in range(people):
        for serial in (WRITING, 100):
            text = InboundText(
                provider_id=f"SM{name}{next(texts)}",
                from_=f"+447700900{serial:03d}",
                to="+447700900999",
                body="When can I drive?",
            )
            take_inbound(app, text, provider="sandbox")
    for number in range(people):
        serial = 400 + int.from_bytes(f"{name}{number}".encode()) % 500
        ahead = clock.now() + timedelta(days=9)
        told = message(
            id_=f"{name}{number}", serial=serial, visit=f"{name}{number}", procedure="A52.1",
            time=ahead, msh={4: "EXH"},
        )  # fmt: skip
        feed(app, told)
        wanted = NewSubscription(name=f"{name}{number}", url="https://engine.example.com/")
        add_subscription(app, wanted, actor="cli:test")
        add_api_key(app, f"{name}{number}", actor="cli:test")
        give_up(app, number=int.from_bytes(f"{name}{number}".encode()))
        mail = returned_mail("qmail", instead={"4711": f"{name}{number}"})
        receive_bounce(app, mail, source=MailSource.HOOK)
        who = MemberDetails(
            email=f"{name}{number}@example.com", name="Sam", roles=(Role.MANAGE,), clinics=None
        )
        with app.store.write() as session:
            insert_member(session, app.by("cli:test"), who, password_hash=None)
        invite_member(
            app, f"{name}-new{number}@example.com", roles=[Role.AUDIT], clinics=None,
            actor="cli:test",
        )  # fmt: skip
        step = ("dressing", "flare", "moving", "sugar", "red-flags", "flare-over")[number]
        lifted = activate_switch(app, SwitchScope.STEP, step, reason="a test", actor="cli:test")
        deactivate_switch(app, lifted, actor="cli:test")


def _propose_to_end(app: AppContext, enrolment: Enrolment) -> None:
    at = app.clock.now()
    review = RetentionReview(
        id=new_id(at), record_class="follow-up", clinic=enrolment.clinic, upto=at, records=1,
        subject=f"{enrolment.id}", patient_id=enrolment.patient_id, proposed_at=at,
    )  # fmt: skip
    with app.store.write() as session:
        session.add(review)


def give_up(app: AppContext, *, number: int) -> None:
    """Note of the first webhook that an event was not delivered."""
    at = app.clock.real_now()
    with app.store.write() as session:
        letter = DeadLetter(
            id=new_id(at),
            subscription_id=session.scalars(_FIRST_WEBHOOK).first(),
            number=number,
            type="worklist.opened",
            event_at=at,
            tries=9,
            problem="HTTP 422",
            given_up_real_at=at,
        )
        session.add(letter)


_FIRST_WEBHOOK = select(EventSubscription.id).order_by(EventSubscription.created_at)


def addresses(app: AppContext, visitor: Visitor) -> dict[str, str]:
    """Return an address of every page that shows what is kept, by the path of its route."""
    with app.store.read() as session:
        by_reference = select(Enrolment).where(Enrolment.reference == f"REF-{FAILING}")
        enrolment = session.scalars(by_reference).one()
        messages = select(Message.id).where(Message.enrolment_id == enrolment.id)
        item = select(WorklistItem.id).where(WorklistItem.patient_id == enrolment.patient_id)
        ids = {
            "patient": enrolment.patient_id,
            "other": session.scalars(
                select(Enrolment.patient_id).where(Enrolment.reference == f"REF-{WRITING}")
            ).one(),
            "enrolment": enrolment.id,
            "message": session.scalars(messages.where(Message.state == "failed")).first(),
            "item": session.scalars(item).first(),
            "mail": session.scalars(select(ReturnedMail.id)).first(),
            "webhook": session.scalars(_FIRST_WEBHOOK).first(),
            "member": session.scalars(select(Staff.id)).first(),
            "draft": session.scalars(select(EnrolmentDraft.id)).first(),
            "request": session.scalars(select(ErasureRequest.id)).first(),
            "review": session.scalars(select(RetentionReview.id)).first(),
            "clinic": "derriford-pain",
            "template": "flare",
            "language": "en",
            "protocol": "nerve-root-block",
            "step": "name",
        }
        told = session.scalars(select(FeedMessage.id)).first()
        mailed = session.scalars(messages.where(Message.channel == "email")).first()
    ids |= {"list": _a_list(app, visitor), "line": "3"}
    signed = put_releases(app, label=f" {len(rows(app, Patient))}")
    number = {"mobile": "07700 900888", "do": "test"}
    found = visitor.post("/patients", {"wanted": nhs_number(WRITING)}).path
    form = visitor.post("/enrol/quick", EVERYTHING).path
    step = visitor.post("/enrol", WHO).path.removesuffix("/name")
    visitor.post(f"{step}/name", NAME)
    by_draft = {
        "/patients/found/{draft}": found,
        "/enrol/{draft}/check": form,
        "/enrol/{draft}/{step}": f"{step}/preferences",
        "/enrol/{draft}/code": visitor.post(f"{step}/reach", number).path,
        "/patients/{patient}/contacts/{draft}": visitor.post(
            f"/patients/{ids['patient']}/contacts", number
        ).path,
        "/attention/{item}/contacts/{draft}": visitor.post(
            f"/attention/{ids['item']}/contacts", number
        ).path,
        "/messages/{message}/mail": f"/messages/{mailed}/mail",
        "/feeds/{message}": f"/feeds/{told}",
        "/content/releases/{release}": f"/content/releases/{signed['waits']}",
        "/content/releases/{release}/{part}": (
            f"/content/releases/{signed['waits']}/{signed['part']}"
        ),
    }
    paths = {page.path for page in all_pages() if page.method == "GET"} - ONE_THING
    return {path: by_draft.get(path) or path.format_map(ids) for path in sorted(paths)}


def _a_list(app: AppContext, visitor: Visitor) -> str:
    """Upload a list of as many rows as there are patients, have it checked, and return its id."""
    serials = range(500, 500 + len(rows(app, Patient)))
    at = app.clock.now().astimezone(app.catalogue.clinics["derriford-pain"].zone)
    lines = [
        f"{nhs_number(one)},{at:%d/%m/%Y %H:%M},07700900{one},yes,yes,nerve-root-block"
        for one in serials
    ]
    table = "\n".join(["NHS No,Procedure at,Mobile,Diabetic,Steroid,Protocol", *lines])
    page = visitor.post("/enrol/list", files={"file": ("list.csv", table.encode(), "text/csv")})
    visitor.post(page.path)
    sweep(app, "work-off-lists")
    return page.path.split("/")[3]


def asked(app: AppContext) -> dict[str, int]:
    """Return how many statements each page takes."""
    visitor = join(app, make_asgi(app))
    found = {}
    for path, address in addresses(app, visitor).items():
        answer = visitor.client.get(address)
        assert answer.status_code in {200, 409}, f"{path}: {answer.status_code}"
        found[path] = statements(app, lambda at=address: visitor.client.get(at))
    return found


@pytest.fixture
def store(sqlite_app: AppContext) -> AppContext:
    """A store with a little of everything."""
    sms_of(sqlite_app).for_recipient["+447700900001"] = refuse("21211", recipient=True)
    for serial in (FAILING, WRITING):
        enrol_one(sqlite_app, serial)
    more(sqlite_app, "few", 1)
    return sqlite_app


@pytest.mark.slow
def test_no_page_asks_more_often_where_there_is_more(store):
    few = asked(store)

    more(store, "many", 6)
    many = asked(store)

    assert {path: (few[path], many[path]) for path in few if many[path] > few[path]} == {}
    assert many.pop(CARRIED_OUT) <= 70
    assert max(many.values()) <= 40


@pytest.mark.slow
def test_the_counts_would_show_a_page_that_asks_for_each_row(store):
    def looks() -> None:
        with store.store.read() as session:
            for one in session.scalars(select(Patient.id)).all():
                session.get_one(Patient, one)

    few = statements(store, looks)
    more(store, "many", 6)

    # The first of the six is there already.
    assert statements(store, looks) == few + 5
