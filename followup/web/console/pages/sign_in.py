"""Sign-in and sign-out pages: password and one-time code."""

from __future__ import annotations

import re

from markupsafe import Markup
from starlette.responses import JSONResponse, Response

from followup.domain.errors import InvalidInput, Problem
from followup.staff import totp as codes
from followup.staff.sessions import Stage
from followup.staff.sign_in import (
    SignedIn,
    SignInRefused,
    TooManyTries,
    code_key_to_set_up,
    give_code,
    prove_code,
    set_up_code,
    sign_in,
    sign_out,
)
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import OWED, PUBLIC, SIGNED_IN, Pages

ISSUER = "Follow-up"
OWN_PATH = re.compile(r"/(?:[a-z0-9-][a-z0-9/-]*)?")
pages = Pages()


@pages.get("/sign-in", may=PUBLIC)
def ask(here: Here) -> Response:
    if here.presence is not None:
        return here.go(OWED.get(here.presence.stage, "/"))
    return _ask(here)


@pages.post("/sign-in", may=PUBLIC, costly=True)
def enter(here: Here) -> Response:
    form = here.form
    if missing := [
        Problem(name, told)
        for name, told in (
            ("email", "Enter your e-mail address"),
            ("password", "Enter your password"),
        )
        if not form.raw(name)
    ]:
        return _ask(here, problems=missing)
    try:
        signed_in = sign_in(
            here.app,
            form.text("email"),
            form.raw("password"),
            address=here.address,
            browser=here.browser,
            code_roles=here.console.code_roles,
        )
    except SignInRefused:
        told = "The e-mail address or the password is wrong"
        return _ask(here, problems=[Problem("email", told)])
    except TooManyTries:
        told = "There were too many tries. Wait 15 minutes, or ask a manager for a new password"
        return _ask(here, problems=[Problem("email", told)])
    return go_on(here, signed_in, wanted=form.text("next"))


@pages.get("/sign-in/code", may=Stage.CODE)
def ask_code(here: Here) -> Response:
    return here.page("sign-in/code.html", wanted=own_path(here.query("next")))


@pages.post("/sign-in/code", may=Stage.CODE)
def enter_code(here: Here) -> Response:
    assert here.presence is not None  # noqa: S101 - the stage was asked for
    form = here.form
    try:
        signed_in = give_code(here.app, here.presence, form.text("code"), address=here.address)
    except SignInRefused:
        told = "This code is wrong, or was used before. Enter the one that the app shows now"
        form = form.without("code").refused(Problem("code", told))
    except TooManyTries:
        told = "There were too many wrong codes. Wait 15 minutes"
        form = form.without("code").refused(Problem("code", told))
    else:
        return go_on(here, signed_in, wanted=form.text("next"))
    return here.page("sign-in/code.html", form=form, wanted=own_path(form.text("next")))


@pages.get("/sign-in/set-up", may=Stage.ENROL_CODE)
def show_set_up(here: Here) -> Response:
    return set_up_page(here, "/sign-in/set-up")


@pages.post("/sign-in/set-up", may=Stage.ENROL_CODE)
def enter_set_up(here: Here) -> Response:
    return take_set_up(here, "/sign-in/set-up", then="/")


@pages.post("/sign-out", may=SIGNED_IN)
def leave(here: Here) -> Response:
    assert here.presence is not None  # noqa: S101 - only those who are signed in come here
    everywhere = here.form.text("everywhere") == "yes"
    sign_out(here.app, here.presence, everywhere=everywhere)
    return here.forget(here.go("/sign-in?out=1"))


@pages.get("/session", may=PUBLIC, quiet=True)
def left(here: Here) -> Response:
    """Say how long the session lasts without another request; asked by the page itself."""
    if here.presence is None:
        return JSONResponse({"seconds_left": 0})
    span = here.presence.ends_at - here.app.clock.real_now()
    return JSONResponse({"seconds_left": int(span.total_seconds())})


@pages.post("/session", may=SIGNED_IN)
def stay(_here: Here) -> Response:
    """Keep the session: the request itself has done so."""
    return Response(status_code=204)


def set_up_page(here: Here, action: str, *, problems: tuple[Problem, ...] = ()) -> Response:
    """Return the page that shows the picture for an authenticator app."""
    assert here.presence is not None  # noqa: S101 - the registry let nobody else in
    key = code_key_to_set_up(here.app, here.presence)
    address = codes.address_of(key, email=here.member.email, issuer=ISSUER)
    return here.page(
        "sign-in/set-up-code.html",
        form=here.form.without("code", "current").refused(*problems),
        replaces=_replaces(here),
        action=action,
        picture=Markup(codes.picture_of(address)),  # noqa: S704 - drawn here, from a key
        key=" ".join(key[place : place + 4] for place in range(0, len(key), 4)),
    )


def _replaces(here: Here) -> bool:
    """Say whether a second factor is there already, whose code is owed before another takes over.

    Else a browser left signed in for a minute would be enough to keep its owner out.
    """
    assert here.presence is not None  # noqa: S101 - the registry let nobody else in
    return here.presence.has_code


def take_set_up(here: Here, action: str, *, then: str) -> Response:
    """Take the first code of an authenticator app, and go on."""
    assert here.presence is not None  # noqa: S101 - the registry let nobody else in
    try:
        if _replaces(here):
            prove_code(here.app, here.presence, here.form.text("current"), address=here.address)
        signed_in = set_up_code(here.app, here.presence, here.form.text("code"))
    except InvalidInput as error:
        return set_up_page(here, action, problems=error.problems)
    except (SignInRefused, TooManyTries) as error:
        told = Problem("current", sentence(str(error)))
        return set_up_page(here, action, problems=(told,))
    return here.remember(here.go(then), signed_in.token)


def _ask(here: Here, *, problems: list[Problem] | None = None) -> Response:
    form = here.form.without("password").refused(*(problems or ()))
    return here.page(
        "sign-in/password.html",
        form=form,
        wanted=own_path(form.text("next") or here.query("next")),
        ended=here.query("ended") == "1",
        out=here.query("out") == "1",
        organisation=here.console.identity.name if here.console.identity else None,
    )


def go_on(here: Here, signed_in: SignedIn, *, wanted: str) -> Response:
    """Keep the session and go on to what is still owed, or to where somebody wanted to go."""
    path = own_path(wanted) or "/"
    owed = OWED.get(signed_in.stage)
    if owed is not None:
        path = f"{owed}?next={path}" if signed_in.stage is Stage.CODE else owed
    return here.remember(here.go(path), signed_in.token)


def own_path(wanted: str) -> str:
    """Return where to go on to if that is a path of this site; never another site's address."""
    return wanted if OWN_PATH.fullmatch(wanted) else ""
