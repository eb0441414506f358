"""The watchdog: looks at the whole service every few seconds, and tells the operator what is wrong.

It runs in every web process, in the embedded stack, and as `followup watch`. It needs neither the
broker nor a worker; while the database is away, or does not answer, it tells of that alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import redis
import structlog

from followup.alarms import News, not_told, take_news, told
from followup.broker import broker_ailments
from followup.channels.alert import Alert, Messenger
from followup.clock import Clock
from followup.domain.errors import StoreUnavailable
from followup.health import Ailment, ailments
from followup.kit import Alarming, Kit
from followup.symptoms import going_wrong, held_up, imbalance

WARM_UP = 4
"""Looks after its start at which it tells nothing: what starts with it needs a moment."""
PATIENCE = 2
"""Looks in a row at which the database must be away before that is told."""
LONGEST_LOOK = 60.0
"""Seconds after which a look that has not ended shows that the database does not answer."""
STOP_SECONDS = 5.0

DATABASE_AWAY = Ailment(
    code="database-away",
    sentence="the database can't be used: look whether its server runs and its disk has room; "
    "nothing is sent meanwhile, and nothing is lost",
)

Look = Callable[[Kit], list[Ailment]]

log = structlog.get_logger()


class Rarely:
    """A look that costs much: made now and then, and remembered in between."""

    def __init__(self, look: Look, every: timedelta) -> None:
        self._look, self._every = look, every
        self._found: list[Ailment] = []
        self._at: datetime | None = None

    def __call__(self, kit: Kit) -> list[Ailment]:
        now = kit.clock.real_now()
        if self._at is None or now - self._at >= self._every:
            self._found, self._at = self._look(kit), now
        return self._found


class Watchdog:
    """Looks and tells. `look` is called by one thread at a time.

    `open_kit` is called until it succeeds: a database that is away when the watchdog starts is
    told of like any other. `clock` tells the watchdog's own time.
    """

    def __init__(
        self,
        open_kit: Callable[[], Kit],
        messengers: Sequence[Messenger],
        *,
        name: str,
        alarming: Alarming,
        clock: Clock,
        broker: redis.Redis | None = None,
    ) -> None:
        self._open_kit = open_kit
        self._kit: Kit | None = None
        self._messengers = messengers
        self._name = name
        self._alarming = alarming
        self._clock = clock
        self._broker = broker
        self._looks: tuple[Look, ...] = (
            ailments,
            held_up,
            Rarely(going_wrong, timedelta(minutes=1)),
            Rarely(imbalance, timedelta(minutes=15)),
        )
        self._began_at = clock.real_now()
        self._away = 0
        self._away_since: datetime | None = None
        self._away_told_at: datetime | None = None

    @property
    def every(self) -> timedelta:
        return self._alarming.every

    def look(self) -> list[Ailment]:
        """Look once, and tell what is new; return all that is wrong."""
        try:
            found = self.find()
            self._back()
            if self._clock.real_now() - self._began_at >= WARM_UP * self._alarming.every:
                self._report(found)
        except StoreUnavailable:
            return self.without_database()
        return found

    def find(self) -> list[Ailment]:
        """Return all that is wrong, and tell nobody; raise `StoreUnavailable` for want of it."""
        if self._kit is None:
            self._kit = self._open_kit()
        kit = self._kit
        found = [one for look in self._looks for one in look(kit)]
        return [*found, *broker_ailments(self._broker)]

    def without_database(self, *, at_once: bool = False) -> list[Ailment]:
        """Note that the database is away, and tell it by the second time."""
        now = self._clock.real_now()
        self._away += PATIENCE if at_once else 1
        self._away_since = self._away_since or now
        lately = self._away_told_at is not None and now - self._away_told_at < self._alarming.again
        if self._away >= PATIENCE and not lately and self._tell([self._away_news(over=False)]):
            self._away_told_at = now
        return [DATABASE_AWAY]

    def _report(self, found: Sequence[Ailment]) -> None:
        assert self._kit is not None  # noqa: S101 - `find` opened it
        news = take_news(self._kit, found)
        if news:
            (told if self._tell(news) else not_told)(self._kit, news)

    def _back(self) -> None:
        if self._away_told_at is None or self._tell([self._away_news(over=True)]):
            self._away, self._away_since, self._away_told_at = 0, None, None

    def _away_news(self, *, over: bool) -> News:
        since = self._away_since or self._clock.real_now()
        one = DATABASE_AWAY
        return News(code=one.code, sentence=one.sentence, since=since, over=over)

    def _tell(self, news: Sequence[News]) -> bool:
        """Tell news in every way there is; say whether it came through in one at least."""
        for one in news:
            if one.over:
                log.warning("alarm.over", code=one.code, sentence=one.sentence)
            else:
                log.error("alarm.raised", code=one.code, sentence=one.sentence)
        if not self._messengers:
            return True
        alert = make_alert(news, teller=self._name, at=self._clock.real_now())
        # In every way, also where the first one did it.
        return sum(_reached(messenger, alert) for messenger in self._messengers) > 0


class Watching:
    """A watchdog in a thread of its own, from now until `close`."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        watch(self._watchdog, self._stopping)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)


def watch(
    watchdog: Watchdog, stopping: threading.Event, *, longest_look: float = LONGEST_LOOK
) -> None:
    """Look every few seconds until `stopping` is set.

    Each look is made in a thread of its own: one that hangs with the database must not keep the
    alarm from going out.
    """
    while not stopping.wait(watchdog.every.total_seconds()):
        looking = threading.Thread(target=_look, args=(watchdog,), name="look", daemon=True)
        looking.start()
        looking.join(longest_look)
        while looking.is_alive() and not stopping.is_set():
            watchdog.without_database(at_once=True)
            looking.join(watchdog.every.total_seconds())


def make_alert(news: Sequence[News], *, teller: str, at: datetime) -> Alert:
    """Return what the operator is told; `teller` is the process that tells it."""
    raised = [one for one in news if not one.over]
    first = (raised or news)[0]
    title = f"followup: {first.code}" if raised else f"followup: over: {first.code}"
    if len(news) > 1:
        title += f" and {len(news) - 1} more"
    lines = [
        f"{'Over' if one.over else 'ALARM'}: {one.sentence} (since {one.since:%d %b %H:%M} UTC)"
        for one in news
    ]
    details = [
        {
            "code": one.code,
            "sentence": one.sentence,
            "over": one.over,
            "since": one.since.isoformat(),
        }
        for one in news
    ]
    return Alert(title=title, lines=[*lines, f"Told by {teller}."], details=details, at=at)


def _look(watchdog: Watchdog) -> None:
    try:
        watchdog.look()
    except Exception:
        # The edge of a thread: whatever fails here, the next look may not.
        log.exception("watchdog.failed")


def _reached(messenger: Messenger, alert: Alert) -> bool:
    try:
        messenger.tell(alert)
    except OSError as error:
        log.warning("alarm.not_told", by=messenger.kind, cause=type(error).__name__)
        return False
    return True
