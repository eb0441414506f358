"""Drafts of words: texts that an author changes in the console, before anybody has signed them.

There is one draft for a protocol at a clinic, whoever works on it; nothing is sent by it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content.layers import WORDS
from followup.content.library import OF_PAGE, PAGE, Content
from followup.content.page_catalogues import LONGEST_CATALOGUE
from followup.content.release_files import ReleaseFile, files_of_release, manifest_of
from followup.content.sources import CARD
from followup.content.template_limits import LONGEST_SOURCE
from followup.context import AppContext, UnitOfWork
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.domain.releases.manifest import text_digest
from followup.releases.queries import WORDS as WORDS_KIND
from followup.releases.sign import Statement, forget_drafts, released_words
from followup.store.audit_log import AuditEntry, record_event
from followup.store.models.words import WordDraft

Pair = tuple[str, str]


def drafts_of(session: Session, pair: Pair) -> Sequence[WordDraft]:
    """Return what is being changed for a protocol at a clinic, by path."""
    clinic, protocol = pair
    query = select(WordDraft).where(WordDraft.clinic == clinic, WordDraft.protocol == protocol)
    return session.scalars(query.order_by(WordDraft.path)).all()


def texts_of(drafts: Collection[WordDraft]) -> dict[str, str]:
    """Return the texts of drafts by path."""
    return {draft.path: draft.content for draft in drafts}


def editable(app: AppContext, pair: Pair) -> dict[str, str]:
    """Return every text of words that its messages and its page are made of, by path, in force.

    A leaflet or catalogue that nobody has written in one of the clinic's languages is empty.
    """
    clinic, protocol = pair
    if clinic not in app.catalogue.clinics or protocol not in app.catalogue.protocols:
        raise NotFound("there is no such clinic or protocol")
    files = files_of_release(protocol, clinic, app.content, app.catalogue)
    sources = app.content.of(clinic, protocol).sources
    paths = [
        file.path.removeprefix(f"{WORDS}/")
        for file in files
        if file.path.startswith(f"{WORDS}/") and not file.path.endswith(f"/{CARD}")
    ]
    languages = app.catalogue.clinics[clinic].languages
    page = app.content.page(clinic, protocol).texts(protocol, languages)
    return {
        **{path: sources[path] for path in paths if path in sources},
        **{f"{PAGE}/{path}": text for path, text in page.items()},
    }


def save_drafts(
    app: AppContext,
    pair: Pair,
    texts: Mapping[str, str],
    *,
    seen: Mapping[str, str],
    actor: str,
) -> None:
    """Keep texts as drafts, by path; what is as it is in force is no draft any more.

    `seen` has the digest of each text as the author was shown it. Raises `InvalidInput` for a path
    that is none of theirs to change or a text that is too long, and `Conflict` where somebody else
    has changed one meanwhile.
    """
    live = editable(app, pair)
    problems = [
        Problem(path, f"write at most {longest(path)} characters")
        for path, text in texts.items()
        if len(text) > longest(path)
    ]
    problems += [
        Problem(path, "nothing that patients of this protocol get is made of it")
        for path in sorted(texts.keys() - live.keys())
    ]
    if problems:
        raise InvalidInput(*problems)
    plain = {path: _as_kept(text, like=live[path]) for path, text in texts.items()}

    def work(unit: UnitOfWork) -> None:
        there = {draft.path: draft for draft in drafts_of(unit.session, pair)}
        for path, text in plain.items():
            draft = there.get(path)
            now = draft.content if draft else live[path]
            if now != text:
                if text_digest(now) != seen.get(path):
                    raise Conflict(_meanwhile(path, draft))
                _put(unit, pair, path, text=text, live=live[path], draft=draft)

    app.transact(actor, work)


def longest(path: str) -> int:
    """Return how many characters a text may have."""
    return (
        LONGEST_CATALOGUE if path.startswith(OF_PAGE) and path.endswith(".po") else LONGEST_SOURCE
    )


def discard_drafts(app: AppContext, pair: Pair, *, actor: str) -> int:
    """Drop what is being changed; return how many texts that was."""

    def work(unit: UnitOfWork) -> int:
        found = drafts_of(unit.session, pair)
        forget_drafts(unit.session, *pair)
        if found:
            _record(unit, pair, "discarded", paths=[draft.path for draft in found])
        return len(found)

    return app.transact(actor, work)


def with_drafts(app: AppContext, pair: Pair, texts: Mapping[str, str]) -> Content:
    """Return the messages and the page of a protocol at a clinic with drafts in them.

    Raises `TemplateError` with a line for each thing in them that can't be used.
    """
    return app.content.paged(*pair).over(texts)


def draft_statement(app: AppContext, pair: Pair, drafts: Sequence[WordDraft]) -> Statement:
    """Return what an author signs of drafts: all of the words as they would be.

    Raises `Conflict` where what a draft was begun from is not in force any more.
    """
    clinic, protocol = pair
    live = editable(app, pair)
    if old := [one.path for one in drafts if text_digest(live.get(one.path, "")) != one.based_on]:
        raise Conflict(
            f"{', '.join(old)} changed since the draft was begun: open it, compare, and save again"
        )
    released = released_words(app, pair) | texts_of(drafts)
    content = app.content.with_released({pair: released})
    if told := content.broken.get(pair):
        raise Conflict(told)
    files = files_of_release(protocol, clinic, content, app.catalogue)
    return Statement(
        kind=WORDS_KIND,
        clinic=clinic,
        protocol=protocol,
        text=manifest_of(protocol, clinic, files, app.catalogue).text(),
        files=files,
        words=released,
        is_draft=True,
    )


def contents(files: Collection[ReleaseFile]) -> dict[str, bytes]:
    """Return the content of files by path."""
    return {file.path: file.place.read_bytes() for file in files}


def _put(
    unit: UnitOfWork, pair: Pair, path: str, *, text: str, live: str, draft: WordDraft | None
) -> None:
    clinic, protocol = pair
    if draft is not None and text == live:
        unit.session.delete(draft)
    elif draft is not None:
        draft.content, draft.changed_at, draft.changed_by = text, unit.by.at, unit.by.actor
        draft.based_on = text_digest(live)
    else:
        row = WordDraft(
            clinic=clinic,
            protocol=protocol,
            path=path,
            content=text,
            based_on=text_digest(live),
            changed_at=unit.by.at,
            changed_by=unit.by.actor,
        )
        unit.session.add(row)
        # The beginning alone: who typed what in between is nobody's concern.
        _record(unit, pair, "drafted", paths=[path])


def _record(unit: UnitOfWork, pair: Pair, what: str, *, paths: Sequence[str]) -> None:
    clinic, protocol = pair
    detail = {"protocol": protocol, "paths": [*paths]}
    entry = AuditEntry(action=f"words.{what}", clinic=clinic, detail=detail)
    record_event(unit.session, unit.by, entry)


def _as_kept(text: str, *, like: str) -> str:
    """Return a text with line breaks as files have them, and the space around it of the live one.

    A browser's field keeps neither.
    """
    plain, bare = text.replace("\r\n", "\n").replace("\r", "\n").strip(), like.strip()
    before, _, after = like.partition(bare) if bare else ("", "", like)
    return f"{before}{plain}{after}"


def _meanwhile(path: str, draft: WordDraft | None) -> str:
    who = f"{draft.changed_by} changed" if draft else "a release changed"
    return f"{who} {path} since you opened it: copy what you wrote, and open it again"
