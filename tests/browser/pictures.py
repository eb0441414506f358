"""Takes the console's pictures for the README: `make screenshots`.

The demonstration's patients are played up to one fixed moment, so that every run shows the same
day; then the real web process is opened in Chromium. Nobody in the pictures exists.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import select

from followup.demo.cast import DEMO_CAST, START, Part
from followup.enrolment.enrol import enrol
from followup.enrolment.page_tokens import replace_page_token
from followup.enrolment.reschedule import reschedule
from followup.figures.count_weeks import count_weeks
from followup.jobs import JOBS
from followup.monitoring.health import watched
from followup.monitoring.heartbeats import record_heartbeat
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from tests.browser.screen import find_chromium
from tests.browser.site import Site
from tests.support.apps import HandClock, run_until
from tests.support.people import CLINIC, PROTOCOL

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
MOMENT = datetime(2026, 10, 26, 11, 20, tzinfo=UTC)
"""A Monday morning: the first week of most is over, some texts have not arrived."""
WIDTH, HEIGHT = 1180, 900
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True)
class Cast:
    """Who was enrolled, by the key of the part that they play."""

    site: Site
    enrolments: dict[str, UUID]

    def patient(self, key: str) -> UUID:
        with self.site.app.store.read() as session:
            return session.get_one(Enrolment, self.enrolments[key]).patient_id

    def token(self, key: str) -> str:
        """Return a new token of the patient's own page."""
        return replace_page_token(self.site.app, self.enrolments[key], actor="cli:demo")

    def message(self, key: str, step: str) -> UUID:
        with self.site.app.store.read() as session:
            found = select(Message.id).where(
                Message.enrolment_id == self.enrolments[key], Message.step == step
            )
            return session.scalars(found.order_by(Message.due_at)).first() or UUID(int=0)


def play(site: Site) -> Cast:
    """Let the demonstration happen, up to the moment of the pictures."""
    # What happened an hour before the pictures is an hour old to the web process too.
    site.app = replace(site.app, clock=HandClock(START, real=datetime.now(UTC) - (MOMENT - START)))
    cast = Cast(site, {})
    script = [(at, act) for part in DEMO_CAST for at, act in _script(cast, part)]
    for at, act in sorted(script, key=lambda event: event[0]):
        if at < MOMENT:
            run_until(site.app, at)
            act()
    run_until(site.app, MOMENT)
    while count_weeks(site.app):
        pass
    return cast


def _give_signs_of_life(site: Site) -> None:
    """Note what the processes of a real clinic would have noted a moment ago."""
    for name in ("dispatch", *(job.name for job in JOBS)):
        watched(site.app, name, lambda: 0)
    for component in ("beat", "web", "worker"):
        record_heartbeat(site.app, component, "clinic-server")


def _script(cast: Cast, part: Part) -> Iterator[tuple[datetime, Callable[[], object]]]:
    yield part.enrolled_at, partial(_enrol, cast, part)
    if part.stops_at is not None:
        yield part.stops_at, partial(_reply, cast, part, "STOP")
    if part.moved is not None:
        yield part.moved[0], partial(_move, cast, part, part.moved[1])
    if part.key == "C":
        at = datetime(2026, 10, 26, 9, 5, tzinfo=UTC)
        yield at, partial(_reply, cast, part, "My leg feels weak since this morning")


def _enrol(cast: Cast, part: Part) -> None:
    made = enrol(cast.site.app, part.request(), actor="cli:demo")
    cast.enrolments[part.key] = made.enrolment_id


def _reply(cast: Cast, part: Part, body: str) -> None:
    inbound = InboundText(
        provider_id=f"demo-{part.key}-{len(body)}",
        from_=part.mobile or "",
        to="+447700900000",
        body=body,
    )
    take_inbound(cast.site.app, inbound, provider="sandbox")


def _move(cast: Cast, part: Part, to: datetime) -> None:
    reschedule(cast.site.app, cast.enrolments[part.key], to, actor="cli:demo")


def take_all(cast: Cast, page: Page, folder: Path) -> None:
    """Take each picture; the page is signed in."""
    wanted = {
        "home": "/",
        "attention": "/attention",
        "patient": f"/patients/{cast.patient('A')}",
        "message": f"/messages/{cast.message('A', 'sugar')}",
        "report": f"/audit/patients/{cast.patient('A')}",
        "words": f"/content/edit/{CLINIC}/{PROTOCOL}/dressing/en",
    }
    for name, path in wanted.items():
        answer = page.goto(cast.site.address + path)
        if answer is None or answer.status != 200:
            raise SystemExit(f"{path} can't be shown: {answer and answer.status}")
        _keep(page, folder, name)
    page.goto(cast.site.address + "/enrol/quick")
    _fill_in(page)
    _keep(page, folder, "check")
    page.set_viewport_size(PHONE)
    page.goto(cast.site.address + f"/p/{cast.token('A')}")
    page.screenshot(path=folder / "patient-page.png")


def _fill_in(page: Page) -> None:
    page.get_by_label("NHS number", exact=True).fill("999 000 0123")
    page.get_by_label("Full name").fill("Demo Patient L")
    born = page.get_by_role("group", name="Date of birth")
    for label, value in (("Day", "17"), ("Month", "5"), ("Year", "1957")):
        born.get_by_label(label).fill(value)
    for label in ("Mobile number", "Mobile number again"):
        page.get_by_label(label, exact=True).fill("07700 900012")
    page.get_by_label("Time of the procedure").fill("10:45")
    page.get_by_role("group", name="Does the patient have diabetes?").get_by_label("Yes").check()
    page.get_by_role("group", name="Did the injection contain").get_by_label("Yes").check()
    page.get_by_label("Texts", exact=True).check()
    page.get_by_role("button", name="Check the timeline").click()
    page.wait_for_url("**/check", wait_until="load")


def _keep(page: Page, folder: Path, name: str, *, height: int = HEIGHT) -> None:
    whole = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": min(max(int(whole), 500), 2 * height)})
    page.screenshot(path=folder / f"{name}.png")
    page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def main(folder: Path = FOLDER) -> int:
    """Take all pictures into the folder; return the exit code."""
    browser_path = find_chromium()
    if browser_path is None:
        print("install the package `chromium-headless-shell` first", file=sys.stderr)  # noqa: T201
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        Site(f"sqlite:///{scratch}/site.sqlite3", start=START) as site,
        sync_playwright() as playwright,
    ):
        cast = play(site)
        site.open()
        _give_signs_of_life(site)
        browser = playwright.chromium.launch(
            executable_path=browser_path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT}, locale="en-GB", reduced_motion="reduce"
        )
        token = site.session(name="Demo Manager")
        context.add_cookies([{"name": "followup", "value": token, "url": site.address}])
        take_all(cast, context.new_page(), folder)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
