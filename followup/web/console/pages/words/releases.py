"""Releases page: whether words may go out, what changes, and what takes a release back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from sqlalchemy.orm import Session
from starlette.responses import Response

from followup.domain.errors import Conflict, FollowupError, InvalidInput, NotFound, Problem
from followup.domain.releases.signer import SigningRole
from followup.domain.roles import Role
from followup.domain.text.word_diff import word_runs
from followup.releases.gate import gate_of
from followup.releases.go_live import has_words_in_force, words_of_release
from followup.releases.kept_keys import kept_public_key
from followup.releases.preview import findings_of_words
from followup.releases.queries import (
    REVIEW,
    WORDS,
    release_by_id,
    releases_of,
    state_of,
    under_way,
)
from followup.releases.readings import Part, earlier, note_reading, parts_of, read_by
from followup.releases.reviews import reviews
from followup.releases.sign import approve, send_back, withdraw
from followup.store.models.releases import Release
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import SIGNED_IN, Pages
from followup.web.console.pages.words.own_keys import made_here, signing_facts
from followup.web.console.words.filters import tag_of
from followup.wording.approvals import RELEASE_STATES, REVIEW_STAGES
from followup.wording.protocols.changes import changes_of_files

PATH = "/content/releases"
DONE = {
    "signed": "You signed it. Another person approves it.",
    "approved": "You approved it. It may be sent once it is in force.",
    "planned": "It goes live at the time that you chose.",
    "live": "It is live: the next message carries these words.",
    "called-off": "It does not go live.",
    "gone-back": "It is in force again. What was approved since is withdrawn.",
    "sent-back": "It was sent back to its author.",
    "withdrawn": "It was withdrawn. Nothing more goes out by it.",
}
LENGTH_OF_ADDRESS = 16
pages = Pages()


@pages.get(PATH, may=SIGNED_IN)
def show(here: Here) -> Response:
    app = here.app
    with app.store.read() as session:
        found = [*releases_of(session), *releases_of(session, kind=REVIEW)]
        cleared = gate_of(app).of_protocols(session, app)
        due = {(one.clinic, one.protocol): one for one in reviews(session, app)}
    return here.page(
        "words/list.html",
        is_live=app.policy.live,
        standing=[
            (pair, clearance, due[pair])
            for pair, clearance in cleared.items()
            if here.member.may_see(pair[0])
        ],
        stages=REVIEW_STAGES,
        releases=[one for one in found if here.member.may_see(one.clinic)],
        state=lambda one: tag_of(RELEASE_STATES[state_of(one)]),
    )


@pages.get(f"{PATH}/{{release}}", may=SIGNED_IN)
def look(here: Here) -> Response:
    return release_page(here, here.form)


@pages.get(f"{PATH}/{{release}}/{{part}}", may=SIGNED_IN)
def read(here: Here) -> Response:
    with here.app.store.read() as session:
        release = find(here, session)
        parts, _ = _parts(session, release)
        running = under_way(session, release.clinic, release.protocol)
    wanted = str(here.request.path_params["part"])
    number = next((n for n, part in enumerate(parts) if address(part) == wanted), None)
    if number is None:
        raise NotFound("there is no such change")
    part = parts[number]
    note_reading(here.app, release, part, actor=here.member.actor)
    return here.page(
        "words/part.html",
        release=release,
        part=part,
        runs=word_runs,
        told=changes_of_parts(here, release.protocol, [part]),
        under_way=[(here.clinic_name(release.clinic), running)],
        following=parts[number + 1] if number + 1 < len(parts) else None,
        address=address,
    )


@pages.post(f"{PATH}/{{release}}/approve", may=SIGNED_IN, costly=True)
def sign_too(here: Here) -> Response:
    def act(release: Release) -> None:
        with here.app.store.read() as session:
            parts, trouble = _parts(session, release)
            opened = read_by(session, release, here.member.actor)
        if trouble:
            raise Conflict(trouble)
        if left := [part.name for part in parts if part.digest not in opened]:
            raise InvalidInput.of("passphrase", f"Open each change first: {', '.join(left[:5])}")
        made = made_here(here, release.statement, SigningRole.APPROVER)
        approve(here.app, release.digest, made, actor=here.member.actor)

    return done(here, act, "approved", field="passphrase")


@pages.post(f"{PATH}/{{release}}/send-back", may=SIGNED_IN)
def return_it(here: Here) -> Response:
    def act(release: Release) -> None:
        remark = here.form.text("remark")
        send_back(here.app, release.digest, remark=remark, actor=here.member.actor)

    return done(here, act, "sent-back", field="remark")


@pages.post(f"{PATH}/{{release}}/withdraw", may=SIGNED_IN)
def take_back(here: Here) -> Response:
    def act(release: Release) -> None:
        reason = here.form.text("why")
        withdraw(here.app, release.digest, reason=reason, actor=here.member.actor)

    return done(here, act, "withdrawn", field="why")


def changes_of_parts(here: Here, protocol: str, parts: Iterable[Part]) -> list[str] | None:
    """Return what changes of the protocol, in words; None where its file is none of the parts."""
    for part in parts:
        for one in part.differences:
            if one.name.startswith("protocols/"):
                titled = partial(here.title_of, protocol=protocol)
                return changes_of_files(one.before or "", one.after or "", titled)
    return None


def address(part: Part) -> str:
    """Return what stands for a part in an address."""
    return part.digest[:LENGTH_OF_ADDRESS]


def done(here: Here, act: Callable[[Release], None], what: str, *, field: str) -> Response:
    """Act on a release, and show it again with what stood in the way."""
    with here.app.store.read() as session:
        release = find(here, session)
    try:
        act(release)
    except InvalidInput as error:
        told = Problem(field, sentence(error.problems[0].message))
        return release_page(here, here.form.refused(told))
    except FollowupError as error:
        return release_page(here, here.form.refused(Problem("release", sentence(str(error)))))
    return here.go(f"{PATH}/{release.id}?done={what}")


def release_page(here: Here, form: Form) -> Response:
    with here.app.store.read() as session:
        release = find(here, session)
        parts, trouble = _parts(session, release)
        opened = read_by(session, release, here.member.actor)
        before = earlier(session, release)
        key = kept_public_key(session, here.member.id)
        kept = words_of_release(session, release)
        others = has_words_in_force(session, release)
    waits = release.approver is None and not (release.sent_back_at or release.withdrawn_at)
    is_live = kept is not None and kept.live_at is not None and kept.replaced_at is None
    return here.page(
        "words/release.html",
        form=form,
        release=release,
        state=RELEASE_STATES[state_of(release)],
        tag_of=tag_of,
        before=before,
        parts=parts,
        trouble=trouble,
        wrong=findings_of_words(here.app, kept) if kept and waits else (),
        left=sum(part.digest not in opened for part in parts),
        is_open=lambda part: part.digest in opened,
        address=address,
        has_key=key is not None,
        signing=signing_facts(here, release.statement, SigningRole.APPROVER),
        kept=kept,
        is_live=is_live,
        was_live=not is_live and (kept.live_at is not None if kept else others),
        may_publish=here.member.may((Role.MANAGE,)),
        zone=here.zone_of(release.clinic),
        done=DONE.get(here.query("done")),
    )


def _parts(session: Session, release: Release) -> tuple[tuple[Part, ...], str]:
    """Return what changes by a release, or why that can't be told; an extension changes none."""
    if release.kind != WORDS:
        return (), ""
    try:
        return parts_of(session, release), ""
    except FollowupError as error:
        return (), sentence(str(error))


def find(here: Here, session: Session) -> Release:
    release = release_by_id(session, here.id("release"))
    here.require_clinic(release.clinic)
    return release
