"""One-time links: joining the team, the first account, a new password."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.errors import InvalidInput, Problem
from followup.staff.invitations import Offer, accept_invitation, enter_by_link, find_offer
from followup.staff.members import find_member
from followup.staff.sign_in import SignedIn, admit_member, next_stage
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import OWED, PUBLIC, Pages

pages = Pages()


@pages.get("/join/{token}", may=PUBLIC)
def show(here: Here) -> Response:
    return _page(here, _offer(here))


@pages.post("/join/{token}", may=PUBLIC, costly=True)
def join(here: Here) -> Response:
    offer, form = _offer(here), here.form
    if offer.is_entrance:
        return _admitted(here, enter_by_link(here.app, _token(here)))
    password = form.raw("password")
    if password != form.raw("again"):
        told = Problem("again", "This differs from the password above: type it again")
        return _page(here, offer, problems=(told,))
    try:
        staff_id = accept_invitation(
            here.app,
            _token(here),
            email=form.text("email"),
            name=form.text("name"),
            password=password,
        )
    except InvalidInput as error:
        return _page(here, offer, problems=error.problems)
    return _admitted(here, staff_id)


def _admitted(here: Here, staff_id: UUID) -> Response:
    def begin(session: Session) -> SignedIn:
        staff = find_member(session, staff_id)
        stage = next_stage(staff, here.console.code_roles)
        return admit_member(session, here.app, staff, stage=stage, browser=here.browser)

    signed_in = here.app.store.transact(begin)
    return here.remember(here.go(OWED.get(signed_in.stage, "/")), signed_in.token)


def _page(here: Here, offer: Offer, *, problems: tuple[Problem, ...] = ()) -> Response:
    form = here.form.without("password", "again").refused(*problems)
    return here.page("team/join.html", form=form, offer=offer, action=here.request.url.path)


def _offer(here: Here) -> Offer:
    with here.app.store.read() as session:
        return find_offer(session, _token(here), now=here.app.clock.real_now())


def _token(here: Here) -> str:
    return str(here.request.path_params["token"])
