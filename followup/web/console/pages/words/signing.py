"""Signing page: an author's signature by a key that is kept here, and the making of that key."""

from __future__ import annotations

from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.errors import FollowupError, InvalidInput, NotFound, Problem
from followup.domain.releases.signer import SigningRole, read_public_key
from followup.domain.releases.signer_file import signer_text
from followup.domain.text.word_diff import word_runs
from followup.releases.difference import differences, kept_files
from followup.releases.drafts import (
    contents,
    discard_drafts,
    draft_statement,
    drafts_of,
    texts_of,
    with_drafts,
)
from followup.releases.kept_keys import kept_public_key, make_kept_key, signer_for
from followup.releases.preview import new_findings
from followup.releases.queries import newest_approved, releases_of, under_way
from followup.releases.readings import Part, gathered
from followup.releases.sign import Statement, sign, statement_of
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, SIGNED_IN, Pages
from followup.web.console.pages.words.own_keys import made_here, signing_facts
from followup.web.console.pages.words.releases import PATH, changes_of_parts

KEY = "/account/signing-key"
pages = Pages()


SIGN = "/content/sign/{clinic}/{protocol}"


@pages.get(SIGN, may=SIGNED_IN)
def show(here: Here) -> Response:
    return _page(here, here.form)


@pages.post(SIGN, may=SIGNED_IN, costly=True)
def sign_it(here: Here) -> Response:
    try:
        statement = _statement(here)
        made = made_here(here, statement.text, SigningRole.AUTHOR)
        release = sign(here.app, statement, made, actor=here.member.actor)
    except InvalidInput as error:
        told = Problem("passphrase", sentence(error.problems[0].message))
        return _page(here, here.form.refused(told))
    except FollowupError as error:
        return _page(here, here.form.refused(Problem("passphrase", sentence(str(error)))))
    return here.go(f"{PATH}/{release.id}?done=signed")


@pages.post(f"{SIGN}/discard", may=MANAGE)
def discard(here: Here) -> Response:
    pair = _pair(here)
    discard_drafts(here.app, pair, actor=here.member.actor)
    return here.go(f"/content/sign/{pair[0]}/{pair[1]}?done=discarded")


@pages.get(KEY, may=SIGNED_IN)
def show_key(here: Here) -> Response:
    return _key_page(here, here.form)


@pages.post(f"{KEY}/browser", may=SIGNED_IN)
def show_own_key(here: Here) -> Response:
    """Show the file of a key that a browser made: its secret half stays there."""
    try:
        key = read_public_key(here.form.text("public_key"))
    except InvalidInput as error:
        problem = Problem("public_key", sentence(error.problems[0].message))
        return _key_page(here, here.form.refused(problem))
    return here.go(f"{KEY}?{urlencode({'public_key': key.line})}")


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
        own=_own_file(here),
        text=None if signer is None else signer_text(signer),
        done="Your key is made." if here.query("done") == "made" else None,
    )


def _own_file(here: Here) -> str | None:
    """Return the signer's file of the key in this browser, as the address has its public half."""
    given = here.query("public_key")
    if not given:
        return None
    made_at = here.app.clock.now().replace(microsecond=0)
    # A plus sign in an address is a space to whoever reads it.
    key = read_public_key(given.replace(" ", "+"))
    return signer_text(signer_for(key, name=here.member.name, made_at=made_at))


def _pair(here: Here) -> tuple[str, str]:
    clinic, protocol = (str(here.request.path_params[name]) for name in ("clinic", "protocol"))
    here.require_clinic(clinic)
    known = here.app.catalogue
    if clinic not in known.clinics or protocol not in known.protocols:
        raise NotFound("there is no such clinic or protocol")
    return clinic, protocol


def _statement(here: Here) -> Statement:
    """Return what is to be signed: the draft, or the words in force where there is none."""
    pair = _pair(here)
    with here.app.store.read() as session:
        drafts = drafts_of(session, pair)
    if drafts:
        return draft_statement(here.app, pair, drafts)
    return statement_of(here.app, clinic=pair[0], protocol=pair[1])


def _page(here: Here, form: Form) -> Response:
    clinic, protocol = pair = _pair(here)
    trouble, statement = "", None
    wrong: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    with here.app.store.read() as session:
        drafts = drafts_of(session, pair)
        key = kept_public_key(session, here.member.id)
        running = under_way(session, clinic, protocol)
    try:
        statement = _statement(here)
        with here.app.store.read() as session:
            parts = _changes(session, here, statement)
        if drafts:
            changed = with_drafts(here.app, pair, texts_of(drafts))
            wrong = new_findings(here.app, pair, changed, before=here.app.content.paged(*pair))
    except FollowupError as error:
        trouble = sentence(str(error))
    return here.page(
        "words/sign.html",
        form=form,
        pair=pair,
        drafts=drafts,
        trouble=trouble,
        wrong=wrong,
        statement=statement,
        parts=parts,
        told=changes_of_parts(here, protocol, parts),
        under_way=[(here.clinic_name(clinic), running)],
        runs=word_runs,
        remark=_remark(here, pair),
        may_edit=here.member.may(MANAGE),
        has_key=key is not None,
        signing=signing_facts(here, statement.text if statement else "", SigningRole.AUTHOR),
        done="The draft is discarded." if here.query("done") == "discarded" else None,
        clinic_name=here.app.catalogue.clinics[clinic].name,
        protocol_name=here.protocol_name(protocol),
    )


def _changes(session: Session, here: Here, statement: Statement) -> tuple[Part, ...]:
    """Return what differs from what is in force, or of words as they are from the last approved."""
    if statement.is_draft:
        now = statement_of(here.app, clinic=statement.clinic, protocol=statement.protocol)
        return gathered(differences(contents(now.files), contents(statement.files)))
    live = newest_approved(session, statement.clinic, statement.protocol)
    return gathered(
        differences(kept_files(session, live) if live else {}, contents(statement.files))
    )


def _remark(here: Here, pair: tuple[str, str]) -> str | None:
    """Return with what the last release was sent back, if it is the newest."""
    clinic, protocol = pair
    with here.app.store.read() as session:
        found = releases_of(session, clinic=clinic, protocol=protocol)
    return found[0].remark if found and found[0].sent_back_at else None
