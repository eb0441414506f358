"""Page request: the console, who asks, and what was posted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import redis
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from followup.content.phrases import is_phrase
from followup.context import AppContext
from followup.domain.errors import Conflict, NotFound
from followup.domain.protocols.protocol import CallQuestion, Protocol
from followup.domain.roles import Role
from followup.messages.rendering import occurrences_of
from followup.patients.records import Person, read_patient
from followup.staff.members import Member
from followup.staff.oidc import IdentityProvider
from followup.staff.sessions import SignedInSession
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.enrolments import Enrolment
from followup.store.models.messages import Message
from followup.store.models.patients import Patient
from followup.web.console.framework.csp import content_policy
from followup.web.console.framework.forms import EMPTY_FORM, Form
from followup.web.console.framework.templates import environment

RESTRICTED_NAME = "Restricted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """What all pages share, gathered once. `providers` say by which each channel goes.

    `code_roles` must have a second factor; `nhs_identity` turns the neutral theme into the NHS's.
    `paths` are those of all pages, so that nothing leads to one that is not there. `identity` is
    the organisation's own sign-in, where one is set up; `broker` is None for the embedded one.
    """

    app: AppContext
    version: str
    is_https: bool
    public_url: str
    nhs_identity: bool
    code_roles: frozenset[Role]
    settings_in_force: Mapping[str, str]
    paths: frozenset[str]
    identity: IdentityProvider | None = None
    broker: redis.Redis | None = None

    @property
    def cookie(self) -> str:
        """The name of the session's cookie: browsers hold `__Host-` to https and one host."""
        return "__Host-followup" if self.is_https else "followup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """One request. `presence` is None for somebody who has not signed in."""

    console: Console
    request: Request
    presence: SignedInSession | None
    form: Form
    nonce: str
    chrome: Mapping[str, Any] = field(default_factory=dict)

    @property
    def app(self) -> AppContext:
        return self.console.app

    @property
    def member(self) -> Member:
        """Who asks; only for pages that need somebody signed in."""
        assert self.presence is not None  # noqa: S101 - the registry let nobody else in
        return self.presence.member

    @property
    def clinics(self) -> Sequence[str]:
        """The clinics whose patients this member of staff may see, in order."""
        known = self.app.catalogue.clinics
        return tuple(key for key in sorted(known) if self.member.may_see(key))

    def require_clinic(self, clinic: str | None) -> None:
        """Raise `NotFound` for what belongs to a clinic that is not theirs: it does not exist."""
        if not self.member.may_see(clinic):
            raise NotFound("there is no such thing here")

    def person(self, patient: Patient | None) -> Person | None:
        """Return who a patient is; where their data is restricted, nothing but that it is.

        None where there is no patient, or the data was erased.
        """
        if patient is None:
            return None
        if self.may_show(patient):
            return read_patient(patient, self.app.keyring)
        return Person(
            name=RESTRICTED_NAME,
            nhs_number=None,
            date_of_birth=None,
            mobile=None,
            email=None,
            language=patient.language,
        )

    def may_show(self, patient: Patient) -> bool:
        """Say whether this member sees a patient's data: of a restricted one, who may lift that."""
        return patient.restricted_at is None or self.member.may((Role.AUDIT,))

    def require_shown(self, patient: Patient | None) -> None:
        """Raise `Conflict` where a patient's data is restricted, and not by this member to lift."""
        if patient is not None and not self.may_show(patient):
            raise Conflict(
                "this patient’s data is restricted: only auditors see it, and may lift that"
            )

    def record(self, entry: AuditEntry) -> None:
        """Write what the member of staff did into the audit trail, in a transaction of its own."""
        with self.app.store.write() as session:
            record_event(session, self.app.by(self.member.actor), entry)

    def id(self, name: str) -> UUID:
        """Return an identifier of the path; raise `NotFound` for what is none."""
        try:
            return UUID(self.request.path_params[name])
        except ValueError:
            raise NotFound("there is nothing at this address") from None

    def title_of(self, template: str, protocol: str | None = None) -> str:
        """Return what a message is called, for people: the title on its card."""
        return self.app.content.title_of(template, protocol)

    def title_of_message(self, message: Message) -> str:
        """Return what a message is called, and which one of its kind: `Warning signs (2 of 4)`."""
        title = self.title_of(message.template, message.protocol)
        many = 0 if is_phrase(message.template) else occurrences_of(self.app, message)
        return f"{title} ({message.occurrence} of {many})" if many > 1 else title

    def tab_of(self, enrolment: Enrolment | None) -> str | None:
        """Return what tells the tab of a patient from others, without a name: `REF-1, day 6`."""
        if enrolment is None:
            return None
        zone = ZoneInfo(enrolment.zone)
        local = self.app.clock.now().astimezone(zone).date()
        days = (local - enrolment.procedure_at.astimezone(zone).date()).days
        day = f"day {days}" if days >= 0 else f"{-days} before"
        return ", ".join(filter(None, (enrolment.reference, day)))

    def titles(self, protocol: Protocol) -> Callable[[str], str]:
        """Return what gives a step of a protocol its title."""
        templates = {step.key: step.template for step in protocol.steps}
        return lambda step: self.title_of(templates.get(step, step), protocol.key)

    def protocol_name(self, key: str | None) -> str:
        """Return what a protocol is called, also where it is no longer configured."""
        protocol = self.app.catalogue.protocols.get(key or "")
        return protocol.name if protocol is not None else key or ""

    def clinic_name(self, key: str) -> str:
        """Return what a clinic is called, also where it is no longer configured."""
        clinic = self.app.catalogue.clinics.get(key)
        return clinic.name if clinic is not None else key

    def questions_to_ask(self, protocol: str) -> Sequence[CallQuestion]:
        """Return what staff ask a patient whom they ring, by the protocol as it is now."""
        found = self.app.catalogue.protocols.get(protocol)
        return found.questions_to_ask() if found else ()

    def question_of(self, protocol: str, attribute: str) -> str:
        """Return the question whose answer an attribute is."""
        found = self.app.catalogue.protocols.get(protocol)
        asked = {each.key: each.question for each in found.attributes} if found else {}
        return asked.get(attribute, f"{attribute}:")

    def zone_of(self, clinic: str | None) -> ZoneInfo:
        """Return the zone by whose clocks times of a clinic are shown."""
        clinics = self.app.catalogue.clinics
        found = clinics.get(clinic or "") or next(iter(clinics.values()))
        return found.zone

    def query(self, name: str) -> str:
        """Return a value of the address; it never holds a patient's data."""
        return self.request.query_params.get(name, "").strip()

    @property
    def page_number(self) -> int:
        """Which page of a list is asked for: 1 unless the address names another one."""
        text = self.query("page")
        return max(int(text), 1) if re.fullmatch("[0-9]{1,4}", text) else 1

    def page(
        self, name: str, *, status: int = 200, form: Form = EMPTY_FORM, **facts: object
    ) -> Response:
        """Return a page of `templates/pages`: 422 where its form has problems."""
        if form.problems and status == 200:  # noqa: PLR2004 - the status of success
            status = 422
        html = (
            environment()
            .get_template(f"pages/{name}")
            .render({**self._always(), **self.chrome, "here": self, "form": form, **facts})
        )
        return HTMLResponse(
            html,
            status_code=status,
            headers={"Content-Security-Policy": content_policy(self.nonce)},
        )

    def _always(self) -> dict[str, object]:
        """Return what even a page needs that is shown before anything is known."""
        return {
            "nonce": self.nonce,
            "nhs_identity": self.console.nhs_identity,
            "version": self.console.version,
        }

    def go(self, address: str) -> Response:
        """Send the browser on after a post: 303, so that reloading repeats nothing."""
        if self.request.headers.get("hx-request"):
            return Response(status_code=204, headers={"HX-Redirect": address})
        return RedirectResponse(address, status_code=303)

    def remember(self, response: Response, token: str) -> Response:
        """Put the session's token into the cookie."""
        response.set_cookie(
            self.console.cookie,
            token,
            path="/",
            secure=self.console.is_https,
            httponly=True,
            samesite="lax",
        )
        return response

    def forget(self, response: Response) -> Response:
        """Take the cookie away."""
        response.delete_cookie(
            self.console.cookie,
            path="/",
            secure=self.console.is_https,
            httponly=True,
            samesite="lax",
        )
        return response

    @property
    def address(self) -> str:
        """The network address that the request came from."""
        return self.request.client.host if self.request.client else "unknown"

    @property
    def browser(self) -> str:
        """What the browser calls itself, in short."""
        told = self.request.headers.get("user-agent", "")
        makers = ("Edg", "OPR", "Firefox", "Chrome", "Safari")
        systems = ("Windows", "Android", "iPhone", "iPad", "Mac OS", "Linux")
        maker = next((name for name in makers if name in told), "a browser")
        system = next((name for name in systems if name in told), None)
        called = {"Edg": "Edge", "OPR": "Opera"}.get(maker, maker)
        return f"{called} on {system}" if system else called
