"""Words in force: those of releases that lie in the database, laid over the files.

Each process looks once a second, by one query of a handful of rows. Whoever works with words asks
here for an application context at the start of a task or a request, and keeps to it until its end:
so what is judged, what is rendered and what is pinned are the same words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

from sqlalchemy import select
from sqlalchemy.orm import Session

from followup.content.library import Content
from followup.context import AppContext
from followup.releases.gate import LOOK_EVERY, gate_of
from followup.store.engine.session import Store
from followup.store.models.words import ReleasedWords

IN_FORCE = (ReleasedWords.live_at.is_not(None), ReleasedWords.replaced_at.is_(None))
Pair = tuple[str, str]
Row = tuple[str, str, str]


class _Known:
    """What a process knows of the words in force. Shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._looked: datetime | None = None
        self._made_of: tuple[Content, Sequence[Row]] | None = None
        self._content: Content | None = None

    def content(self, app: AppContext) -> Content:
        """Return the messages as they are in force, as of a second ago at most."""
        with self._lock:
            now, files = app.clock.real_now(), app.content.of_files
            is_other = self._made_of is None or self._made_of[0] is not files
            if is_other or self._is_old(now):
                with app.store.read() as session:
                    self._take(files, rows_in_force(session))
                self._looked = now
            assert self._content is not None  # noqa: S101 - `_take` has put it there
            return self._content

    def forget(self) -> None:
        with self._lock:
            self._looked = None

    def _is_old(self, now: datetime) -> bool:
        # A clock that was set back makes it old too.
        return self._looked is None or not timedelta() <= now - self._looked < LOOK_EVERY

    def _take(self, files: Content, rows: Sequence[Row]) -> None:
        # Content that stays the same object is neither rendered nor judged anew.
        if self._made_of != (files, rows):
            self._content = laid_over(files, rows) if rows else files
            self._made_of = (files, rows)


def rows_in_force(session: Session) -> Sequence[Row]:
    """Return clinic, protocol and words as they are kept, of all that is in force."""
    one = ReleasedWords
    query = select(one.clinic, one.protocol, one.words)
    query = query.where(*IN_FORCE)
    return [(clinic, protocol, words) for clinic, protocol, words in session.execute(query)]


def laid_over(files: Content, rows: Sequence[Row]) -> Content:
    """Return messages with released words over them; what can't be read is said in `broken`."""
    words, broken = {}, {}
    for clinic, protocol, kept in sorted(rows):
        try:
            words[clinic, protocol] = read_words(kept)
        except ValueError:
            broken[clinic, protocol] = "they were changed there, and can't be read"
    return files.with_released(words, broken=broken)


def read_words(kept: str) -> dict[str, str]:
    """Return texts by path as `kept_words` wrote them; raise `ValueError` for anything else."""
    found = json.loads(kept)
    if not isinstance(found, dict) or not all(isinstance(each, str) for each in found.values()):
        raise ValueError("texts by path are expected")
    return found


def kept_words(words: Mapping[str, str]) -> str:
    """Return texts by path as they are kept."""
    return json.dumps(dict(words), sort_keys=True, ensure_ascii=False)


_known: WeakKeyDictionary[Store, _Known] = WeakKeyDictionary()
_KNOWN = Lock()


def with_words_in_force(app: AppContext) -> AppContext:
    """Return the application context with the words that are in force now."""
    found = _known_of(app).content(app)
    return app if found is app.content else replace(app, content=found)


def with_words_for_reading(app: AppContext) -> AppContext:
    """Return the context as patients read its words on their page and card, where nothing is held.

    Words of the console that two people did not sign, or that somebody withdrew, are not shown
    there: those of the files are. `app` has the words in force.
    """
    if not app.policy.live or not app.content.released_for:
        return app
    with app.store.read() as session:
        unapproved = gate_of(app).unapproved(session, app)
    shown = app.content.without_released(unapproved)
    return app if shown is app.content else replace(app, content=shown)


def look_at_once(app: AppContext) -> None:
    """Let this process look again the next time that it is asked: it changed them itself."""
    _known_of(app).forget()


def _known_of(app: AppContext) -> _Known:
    with _KNOWN:
        return _known.setdefault(app.store, _Known())
