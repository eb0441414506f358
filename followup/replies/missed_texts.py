"""Missed texts: what never reached us is found in the provider's own list, and taken once.

While the web process is down, or the way to it, the provider finds nobody and gives a text up in
seconds. It keeps the text all the same. So its list of the last day is read at the start, before
anything is sent, and every few minutes; what the webhook has brought is known by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from threading import Lock
from weakref import WeakKeyDictionary

import structlog
from sqlalchemy import select

from followup.context import AppContext
from followup.domain.channel import ChannelKind
from followup.domain.errors import ChannelBusy, ChannelError
from followup.providers.interface import Channel, Inbox, Listed
from followup.providers.twilio.inbound_text import InboundText
from followup.replies.inbound import take_inbound
from followup.sending.provider_feedback import hold_sender
from followup.store.engine.session import Store
from followup.store.models.messages import InboundMessage
from followup.store.models.operations import Restore, Sweep

MISSED_TEXTS_JOB = "missed-texts"

LOOK_BACK = timedelta(days=1)
FURTHEST_BACK = timedelta(days=14)
"""How far back lists are read: a day, or to an hour before they were last read in whole."""
LIST_OVERLAP = timedelta(hours=1)
ON_ITS_WAY = timedelta(minutes=1)
"""A text so new may still be on its way to the webhook, which tells more of it.

Twilio gives a webhook and its fallback 15 seconds each.
"""
AWAY_AFTER = timedelta(minutes=10)
"""A process that sent nothing for so long was away: it reads the lists before it sends again."""
ASK_AGAIN = timedelta(seconds=30)
MOST_KEYS = 500
"""How many ids one question to the database names."""

log = structlog.get_logger()

_sent: WeakKeyDictionary[Store, datetime] = WeakKeyDictionary()
"""When this process last sent what was due, having read the lists before it began."""
_tried: WeakKeyDictionary[Store, datetime] = WeakKeyDictionary()
"""When it last tried to read them before it begins."""
_LISTENING = Lock()


def take_missed_texts(app: AppContext, *, newest_too: bool = False) -> int:
    """Take every text that the providers list and we do not know; return how many there were.

    The newest are left to the next run unless `newest_too`. An account that can't be read, or a
    text that can't be taken, keeps no other from it; the first failure is raised at the end.
    """
    now = app.clock.real_now()
    texts, failures = _listed(app, since=_since(app, now=now))
    unanswered, taken = _surely_unanswered(app), 0
    for provider, one in texts:
        if not newest_too and one.created_at is not None and one.created_at > now - ON_ITS_WAY:
            continue
        text, answered = InboundText.of_list(one), not unanswered(one)
        try:
            found = take_inbound(app, text, provider=provider, answered=answered)
        except Exception as failure:  # noqa: BLE001 - raised below, once the others are taken
            failures.append(failure)
        else:
            taken += not found.repeated
    if failures:
        raise failures[0]
    return taken


def _listed(
    app: AppContext, *, since: datetime
) -> tuple[list[tuple[str, Listed]], list[Exception]]:
    """Return what came in since then and is not known, oldest first, with its provider.

    A request to stop at one account and to start at another count in the order they came. Beside
    them: why accounts could not be read.
    """
    texts, failures = list[tuple[str, Listed]](), list[Exception]()
    for line in app.lines(ChannelKind.SMS):
        if not isinstance(line, Inbox):
            continue
        try:
            listed = line.came_in_since(since, senders=_senders(app, line))
        except ChannelError as failure:
            failures.append(failure)
            log.warning("missed_texts.not_listed", account=line.account, code=failure.code)
            if isinstance(failure, ChannelBusy):
                hold_sender(app, line, line.sender, failure)
        else:
            texts.extend((line.provider, one) for one in _unknown(app, line, listed))
    return sorted(texts, key=lambda text: text[1].created_at or since), failures


def send_once_heard(
    app: AppContext, send: Callable[[], int], *, listen: Callable[[], object]
) -> int:
    """Listen before anything is sent, at a start and after a silence; return what was sent.

    `listen` takes missed texts to the newest: a STOP that came meanwhile then stops what has fallen
    due. While another thread listens nothing is sent. Where the lists can't be read messages go all
    the same, and the next try is soon.
    """
    now = app.clock.real_now()
    begun = _sent.get(app.store)
    heard = begun is not None and now - begun < AWAY_AFTER
    if not heard:
        if not _LISTENING.acquire(blocking=False):
            return 0
        try:
            heard = _listen(app, listen, now=now)
        finally:
            _LISTENING.release()
    sent = send()
    if heard:
        _sent[app.store] = now
    return sent


def _listen(app: AppContext, listen: Callable[[], object], *, now: datetime) -> bool:
    """Read the lists to the newest text, and say whether they could be read."""
    tried = _tried.get(app.store)
    if tried is not None and now - tried < ASK_AGAIN:
        return False
    _tried[app.store] = now
    try:
        listen()
    except Exception as error:  # noqa: BLE001 - nothing of this may keep messages from going
        log.warning("missed_texts.not_heard", cause=type(error).__name__)
        return False
    _tried.pop(app.store, None)
    return True


def _since(app: AppContext, *, now: datetime) -> datetime:
    with app.store.read() as session:
        last = session.scalar(select(Sweep.finished_real_at).where(Sweep.name == MISSED_TEXTS_JOB))
    day = now - LOOK_BACK
    return day if last is None else max(min(day, last - LIST_OVERLAP), now - FURTHEST_BACK)


def _surely_unanswered(app: AppContext) -> Callable[[Listed], bool]:
    """Return what tells whether a text that is not known here can't have been answered.

    What came between a backup and its restore was known, and answered, by the database that is
    lost.
    """
    with app.store.read() as session:
        restore = session.scalar(
            select(Restore).where(Restore.restored_real_at.is_not(None)).order_by(Restore.id.desc())
        )
    if restore is None or restore.restored_real_at is None:
        return lambda _: True
    first, last = restore.taken_real_at - LIST_OVERLAP, restore.restored_real_at
    return lambda one: one.created_at is not None and not first <= one.created_at <= last


def _senders(app: AppContext, line: Channel) -> Collection[str]:
    """Return the clinics' own senders on an account: they belong to the first one alone."""
    if line is not app.channels[ChannelKind.SMS]:
        return ()
    return {one.sms_sender for one in app.catalogue.clinics.values() if one.sms_sender}


def _unknown(app: AppContext, line: Channel, listed: Sequence[Listed]) -> Sequence[Listed]:
    """Return which of these texts were never taken."""
    ids, known = [one.provider_id for one in listed], set[str]()
    with app.store.read() as session:
        for start in range(0, len(ids), MOST_KEYS):
            known.update(
                session.scalars(
                    select(InboundMessage.provider_id).where(
                        InboundMessage.provider == line.provider,
                        InboundMessage.provider_id.in_(ids[start : start + MOST_KEYS]),
                    )
                )
            )
    return [one for one in listed if one.provider_id not in known]
