"""`followup words`: what is signed, what changes, and two people's signatures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers
from followup.cli.framework.boundary import Command, Group, WrongUse
from followup.cli.framework.choices import clinic_key, protocol_key
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import AsJson, Clinic, Protocol
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import Column, note, say, say_json, say_lines, table
from followup.cli.framework.signing import KeyFile, PassphraseFile, own_folder, signing_key
from followup.cli.words.export import export
from followup.context import AppContext
from followup.domain.errors import NotFound
from followup.domain.releases.signer import SigningRole
from followup.messages.view import utc_text
from followup.releases import sign as signing
from followup.releases.difference import Difference, differences, kept_files
from followup.releases.export import export_parts, write_parts
from followup.releases.gate import gate_of
from followup.releases.go_live import (
    go_back,
    leave_to_files,
    must_be_approved,
    words_of_release,
)
from followup.releases.queries import (
    REVIEW,
    WORDS,
    find_release,
    newest_approved,
    releases_of,
    state_of,
)
from followup.releases.reviews import extension_statement, reviews
from followup.releases.rollback import restore_files
from followup.releases.verify import two_people_of
from followup.store.models.releases import Release
from followup.wording.approvals import RELEASE_STATES
from followup.wording.protocols.changes import changes_of_files

HELP = """Export, sign and withdraw what patients get.

A release is every file that a protocol's messages at one clinic are made of, by its SHA-256. Its
author signs it and another person approves it; with a real provider nothing else is sent.
"""

ReleaseId = Annotated[
    str, typer.Argument(metavar="RELEASE", help="The first characters of it, as status shows them.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why: kept, and shown to those who ask.")]

HOW_TO_APPROVE = "Another person approves it, with: followup words approve {} --key FILE"

group = new_app(cls=Group, no_args_is_help=True, help=HELP)
group.command(cls=Command)(export)


@group.command(cls=Command)
def status(*, clinic: Clinic = None, as_json: AsJson = False) -> None:
    """Say of each protocol whether its words may go out, and list its releases.

    JSON is one object a release.
    """
    with opened() as app, app.store.read() as session:
        if clinic is not None:
            clinic_key(app.catalogue, clinic)
        found = [
            *releases_of(session, clinic=clinic),
            *releases_of(session, kind=REVIEW, clinic=clinic),
        ]
        if as_json:
            say_lines(_as_json(release) for release in found)
            return
        for (where, protocol), clearance in gate_of(app).of_protocols(session, app).items():
            if clinic in {None, where}:
                told = clearance.sentence or f"approved as {_name(session, clearance.release_id)}"
                say(f"{protocol} at {where}: {told}")
        for review in reviews(session, app):
            if clinic in {None, review.clinic}:
                say(f"{review.protocol} at {review.clinic}: review due {review.due}")
        if found:
            say()
            titles = ("Release", "Is", "Clinic", "Protocol", "Author", "Approver", "State")
            table([Column(each) for each in titles], (_row(release) for release in found))


@group.command(cls=Command)
def diff(
    *,
    clinic: Clinic = None,
    protocol: Protocol = None,
    release: Annotated[
        str | None,
        typer.Option(metavar="RELEASE", help="A release that waits, in place of the files."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show each text that differs from what was approved last, as patients get it.

    Of the protocol it is said in words what changes, before the lines of its file. Without
    --release, of the words as the files have them now.
    """
    with opened() as app, app.store.read() as session:
        if release is None:
            where, what = clinic_key(app.catalogue, clinic), protocol_key(app.catalogue, protocol)
            statement = signing.statement_of(app, clinic=where, protocol=what)
            after = {file.path: file.place.read_bytes() for file in statement.files}
        else:
            wanted = find_release(session, release, kind=WORDS)
            where, what = wanted.clinic, wanted.protocol
            after = kept_files(session, wanted)
        live = newest_approved(session, where, what)
        found = differences(kept_files(session, live) if live else {}, after)
    told = {one.name: _in_words(one, partial(app.content.title_of, protocol=what)) for one in found}
    if as_json:
        say_json([{**asdict(one), "in_words": told[one.name]} for one in found])
        return
    if not found:
        say("Nothing differs from what was approved last.")
        return
    against = f"release {live.digest[:12]}" if live else "nothing, for nothing was approved yet"
    say(f"{len(found)} texts and files differ from {against}.")
    for one in found:
        say(f"\n== {one.name}")
        for line in (*told[one.name], *one.lines()):
            say(line)


def _in_words(one: Difference, titled: Callable[[str], str]) -> list[str]:
    """Return what changes where a file is a protocol; of other files the lines say it."""
    if not one.name.startswith("protocols/"):
        return []
    return changes_of_files(one.before or "", one.after or "", titled)


@group.command(cls=Command)
def sign(
    *,
    key: KeyFile,
    clinic: Clinic = None,
    protocol: Protocol = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign the words as the files have them now, as their author. Another person approves them."""
    with opened() as app:
        where, what = _to_sign(app, clinic, protocol)
        statement = signing.statement_of(app, clinic=where, protocol=what)
        made = _made(app, statement.text, key, passphrase_file, SigningRole.AUTHOR)
        release = signing.sign(app, statement, made, actor=actor())
    say(f"Signed by {release.author}: release {release.digest[:12]} of {what} at {where}.")
    note(HOW_TO_APPROVE.format(release.digest[:12]))


@group.command(cls=Command)
def approve(identifier: ReleaseId, *, key: KeyFile, passphrase_file: PassphraseFile = None) -> None:
    """Approve what somebody else signed: the same bytes, and no others."""
    with opened() as app:
        with app.store.read() as session:
            statement = find_release(session, identifier).statement
        made = _made(app, statement, key, passphrase_file, SigningRole.APPROVER)
        release = signing.approve(app, identifier, made, actor=actor())
    say(
        f"Approved by {release.approver}: release {release.digest[:12]} of {release.protocol} at "
        f"{release.clinic}, which {release.author} signed."
    )


@group.command(name="send-back", cls=Command)
def send_back(identifier: ReleaseId, *, reason: Reason) -> None:
    """Send a release that waits back to its author, with what to change."""
    with opened() as app:
        release = signing.send_back(app, identifier, remark=reason, actor=actor())
    say(f"Release {release.digest[:12]} is sent back to {release.author}.")


@group.command(cls=Command)
def withdraw(identifier: ReleaseId, *, reason: Reason) -> None:
    """Withdraw a release: within a second nothing goes out by it. One person is enough."""
    with opened() as app:
        release = signing.withdraw(app, identifier, reason=reason, actor=actor())
    say(f"Release {release.digest[:12]} of {release.protocol} at {release.clinic} is withdrawn.")


@group.command(cls=Command)
def rollback(identifier: ReleaseId, *, reason: Reason) -> None:
    """Go back to an approved release, and withdraw those that were approved since.

    Words that were written in the console are in force at once; of others the files are put back.
    """
    with opened() as app:
        with app.store.read() as session:
            release = find_release(session, identifier, kind=WORDS)
            is_of_console = words_of_release(session, release) is not None
        if is_of_console:
            withdrawn = go_back(app, release, reason=reason, actor=actor())
        else:
            withdrawn, written = _put_files_back(app, release, reason=reason)
    name = release.digest[:12]
    if is_of_console:
        say(f"The words of release {name} are in force again.")
    elif written:
        say(f"As release {name} has them again: {', '.join(written)}")
    else:
        say(f"The files are as release {name} has them.")
    say(f"Later releases withdrawn: {withdrawn}.")
    if not is_of_console and written:
        note("Restart the service, so that it reads them.")


def _put_files_back(app: AppContext, release: Release, *, reason: str) -> tuple[int, list[str]]:
    """Put the files of a release back; return how many are withdrawn, and which were written."""
    folder = own_folder(app.catalogue.folder)
    reason = signing.checked_reason(reason)
    must_be_approved(release)
    two_people_of(release, load_signers(folder))
    with app.store.read() as session:
        contents = kept_files(session, release)
    of_files = replace(app, content=app.content.of_files)
    written = restore_files(of_files, release, contents, folder)
    return leave_to_files(app, release, reason=reason, actor=actor()), written


@group.command(name="export-release", cls=Command)
def export_release(
    identifier: ReleaseId,
    *,
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="A folder that is not there yet.")],
) -> None:
    """Write a release with signatures, keys and files, to be checked without this program."""
    with opened() as app, app.store.read() as session:
        release = find_release(session, identifier)
        parts = export_parts(session, app, release)
    write_parts(to, parts)
    say(f"{len(parts)} files in {to}; README.txt says how to check them.")


@group.command(cls=Command)
def extend(
    *,
    until: Annotated[str, typer.Option(metavar="DAY", help="The later review date: 2027-06-30.")],
    reason: Reason,
    key: KeyFile,
    clinic: Clinic = None,
    protocol: Protocol = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Sign a later review date, with a reason; another person approves it with words approve."""
    with opened() as app:
        where, what = _to_sign(app, clinic, protocol)
        with app.store.read() as session:
            statement = extension_statement(
                session, app, clinic=where, protocol=what, until=_day(until), reason=reason
            )
        made = _made(app, statement.text, key, passphrase_file, SigningRole.AUTHOR)
        release = signing.sign(app, statement, made, actor=actor())
    say(f"Signed by {release.author}: extension {release.digest[:12]} until {until}.")
    note(HOW_TO_APPROVE.format(release.digest[:12]))


def _to_sign(app: AppContext, clinic: str | None, protocol: str | None) -> tuple[str, str]:
    """Return at which clinic and of which protocol words are signed, by signers of its own."""
    own_folder(app.catalogue.folder)
    return clinic_key(app.catalogue, clinic), protocol_key(app.catalogue, protocol)


def _made(
    app: AppContext, text: str, key: Path, passphrase_file: Path | None, role: SigningRole
) -> signing.MadeSignature:
    return signing.make_signature(app, text, signing_key(key, passphrase_file), role)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise WrongUse("--until: write a day as in 2027-06-30") from None


def _name(session: Session, release_id: object) -> str:
    found = session.get(Release, release_id)
    if found is None:
        raise NotFound("there is no such release")
    return f"{found.digest[:12]}, by {found.author} and {found.approver}"


def _row(release: Release) -> list[str]:
    return [
        release.digest[:12],
        release.kind,
        release.clinic,
        release.protocol,
        release.author,
        release.approver or "",
        RELEASE_STATES[state_of(release)].label,
    ]


def _as_json(release: Release) -> dict[str, object]:
    def when(name: str) -> str | None:
        at = getattr(release, name)
        return utc_text(at) if at else None

    return {
        "release": release.digest,
        "state": state_of(release),
        "kind": release.kind,
        "clinic": release.clinic,
        "protocol": release.protocol,
        "author": release.author,
        "signed_at": when("signed_at"),
        "approver": release.approver,
        "approved_at": when("approved_at"),
        "sent_back_at": when("sent_back_at"),
        "withdrawn_at": when("withdrawn_at"),
        "remark": release.remark,
    }
