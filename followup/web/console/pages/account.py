"""Account page: permissions, second factor, and where one is signed in."""

from __future__ import annotations

from starlette.responses import Response

from followup.staff.members import set_alert_sound
from followup.staff.sessions import open_sessions
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SEE_PATIENTS, SIGNED_IN, Pages
from followup.web.console.pages.sign_in import set_up_page, take_set_up

SET_UP = "/account/code"
pages = Pages()


@pages.get("/account", may=SIGNED_IN)
def show(here: Here) -> Response:
    assert here.presence is not None  # noqa: S101 - only those who are signed in come here
    with here.app.store.read() as session:
        found = open_sessions(session, here.app, here.member.id)
    clinics = here.app.catalogue.clinics
    return here.page(
        "account.html",
        presence=here.presence,
        done="Saved." if here.query("done") == "sound" else None,
        sessions=found,
        clinic_names=[clinics[key].name for key in here.clinics],
        real_now=here.app.clock.real_now(),
    )


@pages.post("/account/sound", may=SEE_PATIENTS)
def choose_sound(here: Here) -> Response:
    wanted = here.form.text("sound") == "yes"
    set_alert_sound(here.app, here.member.id, wanted=wanted, actor=here.member.actor)
    return here.go("/account?done=sound")


@pages.get(SET_UP, may=SIGNED_IN)
def show_set_up(here: Here) -> Response:
    return set_up_page(here, SET_UP)


@pages.post(SET_UP, may=SIGNED_IN)
def enter_set_up(here: Here) -> Response:
    return take_set_up(here, SET_UP, then="/account")
