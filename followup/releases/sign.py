"""Signing: an author's signature, another person's approval, and what takes either back.

A signature is made wherever its key is; what arrives here is checked whole before it is kept.
Publishing takes two people. Sending back and withdrawing take one, at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers
from followup.content.release_files import ReleaseFile, files_of_release, manifest_of
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import BadSignature, Conflict, InvalidInput
from followup.domain.releases.manifest import bytes_digest, text_digest
from followup.domain.releases.signer import PublicKey, Signer, SigningRole, signer_of
from followup.domain.releases.two_people import Signed, pair_refusal
from followup.releases.in_force import kept_words, read_words
from followup.releases.queries import WORDS, find_release, last_end, standing_release
from followup.releases.verify import author_of, check_signature, key_text, trusted_comment
from followup.signatures.minisign import SigningKey
from followup.store.audit_log import AuditEntry, record_event
from followup.store.engine.types import new_id
from followup.store.engine.upsert import insert_new
from followup.store.models.releases import REMARK_LENGTH, Release
from followup.store.models.releases import ReleaseFile as KeptFile
from followup.store.models.words import ReleasedWords, WordDraft

MOST_AGE = timedelta(days=1)
"""How far the time of a signature may be from the time at which it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeSignature:
    """A signature that was made, here or elsewhere; `kept` says that its key lies on the server."""

    text: str
    key: PublicKey
    kept: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What is to be signed: the manifest of a release, or an extension of a review date.

    `words` are those that lie in no file, by their path below the folder of messages; where they
    are an author's draft, signing ends the draft.
    """

    kind: str
    clinic: str
    protocol: str
    text: str
    files: tuple[ReleaseFile, ...] = ()
    words: Mapping[str, str] | None = None
    is_draft: bool = False

    @property
    def digest(self) -> str:
        """The SHA-256 by which it is known."""
        return text_digest(self.text)


def statement_of(app: AppContext, *, clinic: str, protocol: str) -> Statement:
    """Return what an author of the words as they are signs."""
    files = files_of_release(protocol, clinic, app.content, app.catalogue)
    manifest = manifest_of(protocol, clinic, files, app.catalogue)
    words = released_words(app, (clinic, protocol))
    return Statement(
        kind=WORDS,
        clinic=clinic,
        protocol=protocol,
        text=manifest.text(),
        files=files,
        words=words or None,
    )


def released_words(app: AppContext, pair: tuple[str, str]) -> dict[str, str]:
    """Return the words in force that lie in no file, by path."""
    texts = app.content.written(*pair, app.catalogue.clinics[pair[0]].languages)
    return {path: texts[path] for path in app.content.released_paths(*pair) if path in texts}


def make_signature(
    app: AppContext, text: str, key: SigningKey, role: SigningRole, *, kept: bool = False
) -> MadeSignature:
    """Sign a statement; raise `BadSignature` where that key may not sign in that role now."""
    signer = signer_of(load_signers(app.catalogue.folder), key.public.key)
    if signer is None:
        raise BadSignature(
            "your key stands in no file of signers/: see followup keys sign list, and have yours "
            "put there"
        )
    at = _now(app)
    if (refusal := signer.refusal(role, at)) is not None:
        raise BadSignature(refusal)
    comment = trusted_comment(role=role, name=signer.name, at=at)
    signature = key.sign(text.encode(), trusted_comment=comment)
    return MadeSignature(text=signature.text(), key=key.public, kept=kept)


def sign(app: AppContext, statement: Statement, made: MadeSignature, *, actor: str) -> Release:
    """Keep an author's signature with the files that it covers; nothing is sent by it yet.

    Raises `BadSignature` where it does not count, and `Conflict` where these very bytes are signed.
    """
    signers = load_signers(app.catalogue.folder)
    signed = _checked(app, statement.text, made, SigningRole.AUTHOR, signers)

    def work(unit: UnitOfWork) -> Release:
        there = standing_release(
            unit.session, kind=statement.kind, clinic=statement.clinic, digest=statement.digest
        )
        if there is not None:
            state = "approved" if there.approver else "signed"
            raise Conflict(
                f"these very bytes are {state} already, by {there.author}: release "
                f"{there.digest[:12]}"
            )
        _require_made_since_end(unit.session, signed, statement)
        for file in statement.files:
            _keep(unit.session, file)
        release = Release(
            id=new_id(unit.by.real_at),
            kind=statement.kind,
            clinic=statement.clinic,
            protocol=statement.protocol,
            digest=statement.digest,
            statement=statement.text,
            author=signed.name,
            author_key=key_text(made.key),
            author_signature=made.text,
            author_key_kept=made.kept,
            approver_key_kept=False,
            signed_at=signed.at,
        )
        unit.session.add(release)
        if statement.words is not None:
            unit.session.flush()
            _keep_words(unit.session, release, statement.words)
        if statement.is_draft:
            forget_drafts(unit.session, release.clinic, release.protocol)
        _record(unit, release, "signed", by=signed.name)
        return release

    return app.transact(actor, work)


def approve(app: AppContext, identifier: str, made: MadeSignature, *, actor: str) -> Release:
    """Keep another person's signature over the same bytes: from now on they may be sent.

    Raises `BadSignature` where either signature does not count, and `Conflict` for a release that
    was sent back, withdrawn or approved, or whose author this is.
    """
    signers = load_signers(app.catalogue.folder)

    def work(unit: UnitOfWork) -> Release:
        release = find_release(unit.session, identifier)
        _must_wait(release)
        author = author_of(release, signers)
        signed = _checked(app, release.statement, made, SigningRole.APPROVER, signers)
        if (refusal := pair_refusal(author, signed)) is not None:
            raise Conflict(refusal)
        _require_made_since_end(unit.session, signed, release)
        release.approver, release.approver_key = signed.name, key_text(made.key)
        release.approver_signature, release.approved_at = made.text, signed.at
        release.approver_key_kept = made.kept
        _record(unit, release, "approved", by=signed.name)
        return release

    return app.transact(actor, work)


def send_back(app: AppContext, identifier: str, *, remark: str, actor: str) -> Release:
    """Refuse a release that waits, with what its author should change."""
    remark = checked_reason(remark)

    def work(unit: UnitOfWork) -> Release:
        release = find_release(unit.session, identifier)
        _must_wait(release)
        release.sent_back_at, release.sent_back_by = unit.by.at, unit.by.actor
        release.remark = remark
        _draft_again(unit, release)
        _record(unit, release, "sent-back")
        return release

    return app.transact(actor, work)


def withdraw(app: AppContext, identifier: str, *, reason: str, actor: str) -> Release:
    """Take an approval back: from the next look on nothing goes out by it. One person is enough."""

    def work(unit: UnitOfWork) -> Release:
        return withdraw_in(unit, find_release(unit.session, identifier), reason=reason)

    return app.transact(actor, work)


def withdraw_in(unit: UnitOfWork, release: Release, *, reason: str) -> Release:
    """Withdraw a release within a transaction, as `withdraw` does."""
    reason = checked_reason(reason)
    if release.withdrawn_at is not None or release.sent_back_at is not None:
        raise Conflict("it is withdrawn or sent back already")
    release.withdrawn_at, release.withdrawn_by = unit.by.at, unit.by.actor
    release.remark = reason
    _record(unit, release, "withdrawn")
    return release


def _checked(
    app: AppContext,
    statement: str,
    made: MadeSignature,
    role: SigningRole,
    signers: Sequence[Signer],
) -> Signed:
    signed = check_signature(statement, made.text, role, signers=signers, key=key_text(made.key))
    if abs(_now(app) - signed.at) > MOST_AGE:
        raise BadSignature(f"it says that it was made on {signed.at:%Y-%m-%d}: sign anew")
    return signed


def _require_made_since_end(session: Session, signed: Signed, over: Statement | Release) -> None:
    """Raise `BadSignature` for a signature over bytes that were given up after it was made.

    The database has it, for whoever would bring it again: it knows nothing of why they were.
    """
    ended = last_end(session, kind=over.kind, clinic=over.clinic, digest=over.digest)
    if ended is not None and signed.at < ended.replace(microsecond=0):
        raise BadSignature("these words were sent back or withdrawn after it was made: sign anew")


def _must_wait(release: Release) -> None:
    if release.sent_back_at is not None:
        raise Conflict("it was sent back: its author corrects it and signs anew")
    if release.withdrawn_at is not None:
        raise Conflict("it was withdrawn: sign the words anew")
    if release.approver is not None:
        raise Conflict(f"it is approved already, by {release.approver}")


def _keep(session: Session, file: ReleaseFile) -> None:
    content = file.place.read_bytes()
    if bytes_digest(content) != file.digest:
        raise Conflict(f"{file.path} changed while it was being signed: try again")
    insert_new(session, KeptFile, {"digest": file.digest, "content": content})


def forget_drafts(session: Session, clinic: str, protocol: str) -> None:
    """Delete the drafts of a protocol at a clinic."""
    session.execute(
        delete(WordDraft).where(WordDraft.clinic == clinic, WordDraft.protocol == protocol)
    )


def _keep_words(session: Session, release: Release, words: Mapping[str, str]) -> None:
    """Keep the words of a release that lie in no file."""
    session.add(
        ReleasedWords(
            release_id=release.id,
            clinic=release.clinic,
            protocol=release.protocol,
            words=kept_words(words),
        )
    )


def _draft_again(unit: UnitOfWork, release: Release) -> None:
    """Make drafts of the words of a release again, so that its author corrects them."""
    kept = unit.session.get(ReleasedWords, release.id)
    clinic = unit.app.catalogue.clinics.get(release.clinic)
    languages = clinic.languages if clinic else ()
    live = unit.app.content.written(release.clinic, release.protocol, languages)
    for path, content in read_words(kept.words).items() if kept else ():
        if path in live and live[path] != content:
            row = {
                "clinic": release.clinic,
                "protocol": release.protocol,
                "path": path,
                "content": content,
                "based_on": text_digest(live[path]),
                "changed_at": unit.by.at,
                "changed_by": unit.by.actor,
            }
            insert_new(unit.session, WordDraft, row)


def checked_reason(text: str) -> str:
    """Return a reason; raise `InvalidInput` where there is none, or it is too long."""
    text = text.strip()
    if not text or len(text) > REMARK_LENGTH:
        raise InvalidInput.of("reason", f"say why, in at most {REMARK_LENGTH} characters")
    return text


def _record(unit: UnitOfWork, release: Release, what: str, *, by: str = "") -> None:
    subject = "words" if release.kind == WORDS else "review"
    detail = {"protocol": release.protocol, "release": release.digest}
    if by:
        detail["by"] = by
    entry = AuditEntry(action=f"{subject}.{what}", clinic=release.clinic, detail=detail)
    record_event(unit.session, unit.by, entry)


def _now(app: AppContext) -> datetime:
    return app.clock.now().replace(microsecond=0)
