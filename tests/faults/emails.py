"""E-mail under faults: a real mail server that takes and is gone before its 250, and worse."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select

from followup.domain.lifecycle import FINAL_STATES, State
from followup.store.models.messages import Message
from tests.faults.kills import FEW_AT_ONCE, Plan
from tests.faults.scenes.cast import Cast
from tests.faults.scenes.clinics import Rules
from tests.faults.scenes.post_office import KILL, PostOffice
from tests.faults.scenes.reckoning import Taken
from tests.faults.scenes.report import Result
from tests.faults.scenes.scene import Scene

CHANCES = {
    "connect-421": 0.01,
    "sender-421": 0.02,
    "sender-reset": 0.02,
    "recipient-450": 0.03,
    "recipient-550": 0.002,
    "data-close": 0.02,
    "content-451": 0.03,
    "content-552": 0.01,
    "content-taken-reset": 0.03,
    "content-taken-close": 0.03,
    "content-taken-silence": 0.004,
    KILL: 0.04,
}
BY_MAIL = Rules(apart=0, channels=("email",))


class MailScene(Scene):
    """A scene whose patients get e-mails only."""

    def __init__(self, *, seed: int, office: PostOffice) -> None:
        self.office = office
        settings = FEW_AT_ONCE | {
            "FOLLOWUP_EMAIL_CHANNEL": "smtp",
            "FOLLOWUP_SMTP_URL": office.url,
            "FOLLOWUP_EMAIL_PER_SECOND": "2000",
        }
        super().__init__(seed=seed, rules=BY_MAIL, settings=settings)

    def taken(self) -> list[Taken]:
        """Return everything that the mail server took, by the Message-ID."""
        now = datetime.now(UTC)
        return [
            Taken(
                message_id=_message_of(str(letter.message["Message-ID"])),
                attempt_id=None,
                at=now,
                to=letter.recipients[0],
                words="",
            )
            for letter in list(self.office.letters)
        ]

    def unsent(self) -> int:
        """Return how many e-mails something is still going to happen to by itself.

        One that is unknown and never looked for again rests with a person.
        """
        settled = [state.value for state in FINAL_STATES | {State.SENT}]
        resting = (Message.state == State.UNKNOWN.value) & Message.lease_until.is_(None)
        with self.app.store.read() as session:
            left = select(Message.id).where(Message.state.not_in(settled), ~resting)
            return len(session.scalars(left).all())


def email_faults(plan: Plan) -> Result:
    """Hand e-mails to a mail server that fails at every step, and kills workers as it takes one."""
    began = time.monotonic()
    office = PostOffice(CHANCES, seed=plan.seed, greylist=True)
    with office, MailScene(seed=plan.seed, office=office) as scene:
        scene.enrol(plan.patients, over=plan.over)
        cast = Cast(scene)

        def over() -> bool:
            if len(office.killed) >= plan.kills:
                office.chances.pop(KILL, None)
            cast.revive()
            return not scene.unsent()

        scene.wait_until(over, seconds=plan.over + 400)
        scene.kills.update(office.counts)
        scene.kills["offered again under the same Message-ID"] = _again(office)
        return scene.result("e-mail", since=began).with_wrong(_strange(scene))


def _again(office: PostOffice) -> int:
    return sum(times - 1 for times in office.offered.values())


def _strange(scene: MailScene) -> list[str]:
    """Return every Message-ID that was offered and is none of a message of ours."""
    with scene.app.store.read() as session:
        known = set(session.scalars(select(Message.id)))
    return [
        f"an e-mail was offered as {one}"
        for one in scene.office.offered
        if _message_of(one) not in known
    ]


def _message_of(message_id: str) -> UUID:
    return UUID(message_id.strip("<>").partition("@")[0])
