"""Signing page: an author's signature by a key that is kept here, and the making of that key."""

from __future__ import annotations

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.errors import FollowupError, InvalidInput, NotFound, Problem
from followup.domain.releases.signer import SigningRole
from followup.domain.releases.signer_file import signer_text
from followup.releases.difference import differences, kept_files
from followup.releases.kept_keys import (
    kept_public_key,
    make_kept_key,
    open_kept_key,
    signer_for,
)
from followup.releases.queries import newest_approved
from followup.releases.readings import Part, gathered
from followup.releases.sign import Statement, make_signature, sign, statement_of
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.pages.words.releases import PATH

KEY = "/account/signing-key"
pages = Pages()


@pages.get("/content/sign/{clinic}/{protocol}", may=SIGNED_IN)
def show(here: Here) -> Response:
    return _page(here, here.form)


@pages.post("/content/sign/{clinic}/{protocol}", may=SIGNED_IN, costly=True)
def sign_it(here: Here) -> Response:
    statement = _statement(here)
    try:
        key = open_kept_key(here.app, here.member.id, here.form.raw("passphrase"))
        made = make_signature(here.app, statement.text, key, SigningRole.AUTHOR, kept=True)
        release = sign(here.app, statement, made, actor=here.member.actor)
    except InvalidInput as error:
        told = Problem("passphrase", sentence(error.problems[0].message))
        return _page(here, here.form.refused(told))
    except FollowupError as error:
        return _page(here, here.form.refused(Problem("passphrase", sentence(str(error)))))
    return here.go(f"{PATH}/{release.id}?done=signed")


@pages.get(KEY, may=SIGNED_IN)
def show_key(here: Here) -> Response:
    return _key_page(here, here.form)


@pages.post(KEY, may=SIGNED_IN, costly=True)
def make_key(here: Here) -> Response:
    typed, again = here.form.raw("passphrase"), here.form.raw("again")
    if typed != again:
        problem = Problem("again", "The two passphrases differ")
        return _key_page(here, here.form.refused(problem))
    try:
        make_kept_key(
            here.app,
            here.member.id,
            name=here.member.name,
            passphrase=typed,
            actor=here.member.actor,
        )
    except InvalidInput as error:
        problem = Problem("passphrase", sentence(error.problems[0].message))
        return _key_page(here, here.form.refused(problem))
    return here.go(f"{KEY}?done=made")


def _key_page(here: Here, form: Form) -> Response:
    with here.app.store.read() as session:
        found = kept_public_key(session, here.member.id)
    signer = None
    if found is not None:
        key, made_at = found
        signer = signer_for(key, name=here.member.name, made_at=made_at.replace(microsecond=0))
    return here.page(
        "words/key.html",
        form=form,
        text=None if signer is None else signer_text(signer),
        done="Your key is made." if here.query("done") == "made" else None,
    )


def _statement(here: Here) -> Statement:
    clinic, protocol = (str(here.request.path_params[name]) for name in ("clinic", "protocol"))
    here.require_clinic(clinic)
    known = here.app.catalogue
    if clinic not in known.clinics or protocol not in known.protocols:
        raise NotFound("there is no such clinic or protocol")
    return statement_of(here.app, clinic=clinic, protocol=protocol)


def _page(here: Here, form: Form) -> Response:
    statement = _statement(here)
    with here.app.store.read() as session:
        parts = _changes(session, statement)
        key = kept_public_key(session, here.member.id)
    return here.page(
        "words/sign.html",
        form=form,
        statement=statement,
        parts=parts,
        has_key=key is not None,
    )


def _changes(session: Session, statement: Statement) -> tuple[Part, ...]:
    """Return what differs on disk from what was approved last."""
    live = newest_approved(session, statement.clinic, statement.protocol)
    after = {file.path: file.place.read_bytes() for file in statement.files}
    return gathered(differences(kept_files(session, live) if live else {}, after))
