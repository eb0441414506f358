"""Team page: permissions, invitations, and where everybody is signed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from starlette.background import BackgroundTask
from starlette.responses import Response

from followup.casework.access_notice import AccessChange, tell_of_access
from followup.casework.invitation_mail import mail_link
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.roles import Role
from followup.staff import members
from followup.staff.invitations import (
    INVITATION_LIFETIME,
    RESET_LASTS,
    invite_member,
    open_invitations,
    reset_link,
    withdraw_invitation,
)
from followup.staff.sessions import last_seen, open_sessions
from followup.staff.sign_in import sign_out_member
from followup.store.models.staff import Invitation, Staff
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import EMPTY_FORM, Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, Pages
from followup.wording.formats import span
from followup.wording.staff import ROLES

PAGE_SIZE = 50
EVERYWHERE, SOME = "all", "some"
DONE_NOTICES = {
    "changed": "Permissions changed.",
    "disabled": "The account is switched off. Nobody signs in with it any more.",
    "enabled": "The account is switched on again.",
    "code": "The second factor was removed. They set up another one when they sign in.",
    "signed-out": "They are signed out everywhere.",
    "withdrawn": "The invitation was withdrawn. Its link opens nothing any more.",
}
pages = Pages()


@pages.get("/team", may=MANAGE)
def show(here: Here) -> Response:
    page = here.page_number
    with here.app.store.read() as session:
        staff = [one for one in members.all_members(session) if _is_ours(here, one.clinics)]
        shown = staff[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
        invitations = [
            one for one in open_invitations(session, here.app) if _is_ours(here, one.clinics)
        ]
        seen = last_seen(session, [one.id for one in shown])
    return here.page(
        "team/list.html",
        staff=shown,
        previous=f"/team?page={page - 1}" if page > 1 else None,
        next=f"/team?page={page + 1}" if len(staff) > page * PAGE_SIZE else None,
        seen=seen,
        invitations=invitations,
        managers=sum(Role.MANAGE in one.roles for one in staff if one.disabled_at is None),
        fewest=members.FEWEST_MANAGERS,
        real_now=here.app.clock.real_now(),
        done=DONE_NOTICES.get(here.query("done")),
        clinic_names=lambda keys: clinic_names(here, keys),
    )


@pages.get("/team/invite", may=MANAGE)
def ask_invite(here: Here) -> Response:
    return _invite_page(here, here.form)


@pages.post("/team/invite", may=MANAGE)
def send_invite(here: Here) -> Response:
    """Make the link and show it, this once: only its hash is kept."""
    form = here.form
    roles, clinics, problems = _access(here, form)
    if problems:
        return _invite_page(here, form.refused(*problems))
    try:
        token = invite_member(
            here.app, form.text("email"), roles=roles, clinics=clinics, actor=here.member.actor
        )
    except InvalidInput as error:
        return _invite_page(here, form.refused(*map(_said, error.problems)))
    except Conflict as error:
        return _invite_page(here, form.refused(Problem("email", sentence(str(error)))))
    to = form.text("email")
    page = _link_page(here, token, "Invitation", to=to, lasts=INVITATION_LIFETIME)
    return _telling(here, page, AccessChange.INVITED, whom=to, roles=roles, clinics=clinics)


@pages.post("/team/invitations/{invitation}/withdraw", may=MANAGE)
def withdraw(here: Here) -> Response:
    invitation_id = here.id("invitation")
    with here.app.store.read() as session:
        found = session.get(Invitation, invitation_id)
    if found is None or not _is_ours(here, found.clinics):
        raise NotFound("there is no such invitation")
    withdraw_invitation(here.app, invitation_id, actor=here.member.actor)
    return here.go("/team?done=withdrawn")


@pages.get("/team/{member}", may=MANAGE)
def show_member(here: Here) -> Response:
    staff = _find(here)
    return _member_page(here, staff, form=_form_of(staff))


@pages.post("/team/{member}/access", may=MANAGE)
def change_access(here: Here) -> Response:
    staff, form = _find(here), here.form
    roles, clinics, problems = _access(here, form)
    if staff.id == here.member.id and not set(roles) <= here.member.roles:
        told = "You can’t give yourself more: somebody else who manages the team does that"
        problems.append(Problem("roles", told))
    if not problems:
        try:
            members.change_access(
                here.app, staff.id, roles=roles, clinics=clinics, actor=here.member.actor
            )
        except Conflict as error:
            problems = [Problem("roles", sentence(str(error)))]
    if problems:
        return _member_page(here, staff, form=form.refused(*problems))
    page = _back(here, staff, "changed")
    return _telling(here, page, AccessChange.ROLES, whom=staff.email, roles=roles, clinics=clinics)


@pages.post("/team/{member}/password-link", may=MANAGE)
def new_password(here: Here) -> Response:
    staff = _find(here)
    token = reset_link(here.app, staff.id, actor=here.member.actor)
    title = "Link for a new password"
    page = _link_page(here, token, title, to=staff.email, lasts=RESET_LASTS)
    return _telling_of(here, page, AccessChange.PASSWORD, staff)


@pages.post("/team/{member}/forget-code", may=MANAGE)
def forget_code(here: Here) -> Response:
    page = _by(here, members.reset_second_factor, "code")
    return _telling_of(here, page, AccessChange.CODE, _find(here))


@pages.post("/team/{member}/sign-out", may=MANAGE)
def sign_out(here: Here) -> Response:
    return _by(here, sign_out_member, "signed-out")


@pages.post("/team/{member}/enable", may=MANAGE)
def enable(here: Here) -> Response:
    page = _by(here, members.enable_member, "enabled")
    return _telling_of(here, page, AccessChange.ENABLED, _find(here))


@pages.post("/team/{member}/disable", may=MANAGE)
def disable(here: Here) -> Response:
    try:
        return _by(here, members.disable_member, "disabled")
    except Conflict as error:
        staff = _find(here)
        form = _form_of(staff).refused(Problem("roles", sentence(str(error))))
        return _member_page(here, staff, form=form)


def clinic_names(here: Here, keys: Sequence[str] | None) -> str:
    """Return the clinics of somebody, for people; one that is no longer set up by its key."""
    if keys is None:
        return "All"
    known = here.app.catalogue.clinics
    return ", ".join(known[key].name if key in known else key for key in keys)


def _by(here: Here, do: Callable[..., None], done: str) -> Response:
    staff = _find(here)
    do(here.app, staff.id, actor=here.member.actor)
    return _back(here, staff, done)


def _telling_of(here: Here, page: Response, change: AccessChange, staff: Staff) -> Response:
    return _telling(here, page, change, whom=staff.email, roles=staff.roles, clinics=staff.clinics)


def _telling(
    here: Here,
    page: Response,
    change: AccessChange,
    *,
    whom: str,
    roles: Sequence[str],
    clinics: Sequence[str] | None,
) -> Response:
    """Tell the others who manage the team, once the page is answered: a mail server may be slow."""
    page.background = BackgroundTask(
        tell_of_access,
        here.app,
        change,
        whom=whom.strip().lower(),
        actor=here.member.actor,
        roles=roles,
        clinics=clinics,
    )
    return page


def _is_ours(here: Here, clinics: Sequence[str] | None) -> bool:
    """Say whether somebody works nowhere but where this manager does."""
    own = here.member.clinics
    return own is None or (clinics is not None and own.issuperset(clinics))


def _find(here: Here) -> Staff:
    staff_id: UUID = here.id("member")
    with here.app.store.read() as session:
        staff = session.get(Staff, staff_id)
    if staff is None or not _is_ours(here, staff.clinics):
        raise NotFound("there is no such account")
    return staff


def _access(
    here: Here, form: Form
) -> tuple[tuple[Role, ...], tuple[str, ...] | None, list[Problem]]:
    """Return the roles and clinics that a form names, and what is wrong with them."""
    problems: list[Problem] = []
    roles = tuple(role for role in Role if role.value in form.all("roles"))
    if not roles:
        problems.append(Problem("roles", "Choose what they may do"))
    if here.member.clinics is None and form.text("where") == EVERYWHERE:
        return roles, None, problems
    clinics = tuple(key for key in here.clinics if key in form.all("clinics"))
    if not clinics:
        problems.append(Problem("clinics", "Choose where they work"))
    return roles, clinics, problems


def _said(problem: Problem) -> Problem:
    return Problem(problem.field, sentence(problem.message))


def _form_of(staff: Staff) -> Form:
    where = EVERYWHERE if staff.clinics is None else SOME
    return Form.of(roles=staff.roles, where=where, clinics=staff.clinics or ())


def _choices(here: Here) -> dict[str, Any]:
    known = here.app.catalogue.clinics
    return {
        "roles": [(role.value, term.label, term.meaning) for role, term in ROLES.items()],
        "clinics": [(key, known[key].name) for key in here.clinics],
        "everywhere": here.member.clinics is None,
    }


def _invite_page(here: Here, form: Form) -> Response:
    return here.page("team/invite.html", form=form, **_choices(here))


def _link_page(here: Here, token: str, title: str, *, to: str, lasts: timedelta) -> Response:
    """Mail the link where e-mail is set, and show it, this once, to be handed over otherwise."""
    link, told = here.app.links.join_url(token), span(lasts)
    mailed = mail_link(here.app, to=to, link=link, lasts=told, valid=lasts)
    return here.page(
        "team/link.html", heading=title, link=link, lasts=told, mailed_to=to if mailed else None
    )


def _member_page(here: Here, staff: Staff, *, form: Form = EMPTY_FORM) -> Response:
    with here.app.store.read() as session:
        found = open_sessions(session, here.app, staff.id)
    return here.page(
        "team/member.html",
        staff=staff,
        form=form,
        is_self=staff.id == here.member.id,
        real_now=here.app.clock.real_now(),
        done=DONE_NOTICES.get(here.query("done")),
        where=clinic_names(here, staff.clinics),
        sessions=found,
        **_choices(here),
    )


def _back(here: Here, staff: Staff, done: str) -> Response:
    return here.go(f"/team/{staff.id}?done={done}")
