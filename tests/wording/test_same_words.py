"""Console and command line call the same thing by the same words."""

from __future__ import annotations

import base64
import re
from uuid import UUID

import pytest
from sqlalchemy import insert, update
from typer.testing import CliRunner

from followup.cli.framework.registry import app as command_line
from followup.context import AppContext
from followup.domain.item_kind import ItemKind
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.roles import Role
from followup.store.engine.types import new_id
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.worklist import WorklistItem
from followup.web.app import create_app
from followup.wording.enrolments import ENROLMENT_STATES
from followup.wording.failure_reasons import PHONE
from followup.wording.states import MESSAGE_STATES
from followup.wording.worklist import ITEM_KINDS
from tests.support.apps import MASTER_KEY, enrol_one, read_shipped_files_once, rows
from tests.support.people import CLINIC, ENROLLED_AT
from tests.web.conftest import settings_for
from tests.web.console.visitors import HOME, Seen, join

pytestmark = pytest.mark.uncounted


@pytest.fixture(autouse=True)
def _shipped_files_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read_shipped_files_once(monkeypatch)


@pytest.fixture
def staff(sqlite_app):
    """Somebody at the console who sees and changes patients."""
    asgi = create_app(sqlite_app, settings_for(public_url=HOME, twilio_auth_token=None))
    return join(sqlite_app, asgi, Role.ENROL, Role.AUDIT)


@pytest.fixture
def printed(sqlite_app):
    """What a command prints on the same database."""

    def run(*args: object) -> str:
        url = sqlite_app.store.engine.url
        environment = {
            "FOLLOWUP_DATABASE_URL": url.render_as_string(hide_password=False),
            "FOLLOWUP_MASTER_KEYS": base64.b64encode(MASTER_KEY).decode(),
        }
        result = CliRunner().invoke(command_line, [str(it) for it in args], env=environment)
        assert result.exit_code == 0, result.output
        return re.sub(r"\s+", " ", result.stdout)

    return run


@pytest.mark.parametrize("state", State)
def test_a_message_is_called_the_same_in_each_state(sqlite_app, staff, printed, state):
    enrolment = enrol_one(sqlite_app, 1)
    message = rows(sqlite_app, Message)[0]
    with sqlite_app.store.write() as session:
        session.execute(
            update(Message).where(Message.id == message.id).values(state=state.value, reason=None)
        )
    label = MESSAGE_STATES[state].label

    assert label in tags(staff.get(f"/messages/{message.id}"))
    assert f" {label} " in printed("timeline", enrolment)
    assert f" {label} " in printed("messages", "--status", state.value)


@pytest.mark.parametrize("state", EnrolmentState)
def test_an_enrolment_is_called_the_same_in_each_state(sqlite_app, staff, printed, state):
    enrolment = enrol_one(sqlite_app, 1)
    patient = rows(sqlite_app, Enrolment)[0].patient_id
    with sqlite_app.store.write() as session:
        session.execute(update(Enrolment).values(state=state.value))
    label = ENROLMENT_STATES[state].label

    assert label in tags(staff.get(f"/patients/{patient}"))
    assert f"State {label}: " in printed("timeline", enrolment)


@pytest.mark.parametrize("kind", ItemKind)
def test_an_item_of_the_worklist_is_called_the_same_and_asks_for_the_same(
    sqlite_app, staff, printed, kind
):
    item = opened(sqlite_app, kind, {})
    term = ITEM_KINDS[kind]

    page = staff.get(f"/attention/{item}")
    assert page.heading == term.label
    assert term.to_do in page.text
    assert "Unassigned" in page.text

    assert f"{term.label} " in printed("worklist")
    shown = printed("worklist", "show", item)
    assert f"What {term.label} " in shown
    assert term.to_do in shown
    assert "Unassigned" in shown


@pytest.mark.parametrize(
    ("about", "to_do"),
    [
        pytest.param((ItemKind.FAILED, {"cause": "30003"}), PHONE, id="by-its-cause"),
        pytest.param(
            (ItemKind.UNREACHABLE, {"channel": "email", "cause": "550 5.1.1"}),
            "Correct the e-mail address.",
            id="by-its-channel",
        ),
        pytest.param(
            (ItemKind.REPLY, {"classes": ["red-flag"], "cause": "red-flag"}),
            "Phone now",
            id="by-class",
        ),
    ],
)
def test_what_to_do_is_the_same_where_it_depends_on_more_than_the_kind(
    sqlite_app, staff, printed, about, to_do
):
    item = opened(sqlite_app, *about)

    assert to_do in staff.get(f"/attention/{item}").text
    assert to_do in printed("worklist", "show", item)


def opened(app: AppContext, kind: ItemKind, detail: dict[str, object]) -> UUID:
    """Put an item about nobody on the worklist; return its id."""
    item = new_id(ENROLLED_AT)
    with app.store.write() as session:
        session.execute(
            insert(WorklistItem).values(
                id=item,
                subject=f"{kind}:1",
                clinic=CLINIC,
                kind=kind.value,
                urgency=2,
                detail=detail,
                opened_at=ENROLLED_AT,
                due_at=ENROLLED_AT,
                state="open",
            )
        )
    return item


def tags(page: Seen) -> list[str]:
    """Return the texts of the tags of a page."""
    return [
        tag.text
        for tag in page.page.all("strong")
        if "nhsuk-tag" in tag.attributes.get("class", "")
    ]
