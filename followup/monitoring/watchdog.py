"""Watchdog: checks the whole service every few seconds and notifies the operator.

It runs in every web process, in the embedded stack, and as `followup watch`. It needs neither the
broker nor a worker; while the database is away, or does not answer, it tells of that alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import redis
import structlog

from followup.clock import Clock
from followup.context import AlarmPolicy, AppContext
from followup.domain.errors import StoreUnavailable
from followup.monitoring.alarms import Notification, mark_not_told, mark_told, take_notifications
from followup.monitoring.anomalies import delayed_messages, detect_anomalies, find_imbalance
from followup.monitoring.broker_probe import broker_problems
from followup.monitoring.health import HealthProblem, health_problems
from followup.providers.operator_alerts import Messenger, OperatorAlert

WARM_UP = 4
"""Looks after its start at which it tells nothing: what starts with it needs a moment."""
LOOKS_BEFORE_ALARM = 2
"""Looks in a row at which the database must be away before that is told."""
LONGEST_LOOK = 60.0
"""Seconds after which a look that has not ended shows that the database does not answer."""
STOP_SECONDS = 5.0

DATABASE_AWAY = HealthProblem(
    code="database-away",
    sentence="the database can't be used: look whether its server runs and its disk has room; "
    "nothing is sent meanwhile, and nothing is lost",
)

WatchdogLook = Callable[[AppContext], list[HealthProblem]]

log = structlog.get_logger()


class CachedLook:
    """A look that costs much: made now and then, and remembered in between."""

    def __init__(self, look: WatchdogLook, every: timedelta) -> None:
        self._look, self._every = look, every
        self._found: list[HealthProblem] = []
        self._at: datetime | None = None

    def __call__(self, app: AppContext) -> list[HealthProblem]:
        now = app.clock.real_now()
        if self._at is None or now - self._at >= self._every:
            self._found, self._at = self._look(app), now
        return self._found


class Watchdog:
    """Looks and tells. `look` is called by one thread at a time.

    `open_app` is called until it succeeds: a database that is away when the watchdog starts is
    told of like any other. `clock` tells the watchdog's own time.
    """

    def __init__(
        self,
        open_app: Callable[[], AppContext],
        messengers: Sequence[Messenger],
        *,
        name: str,
        alarming: AlarmPolicy,
        clock: Clock,
        broker: redis.Redis | None = None,
    ) -> None:
        self._open_app = open_app
        self._app: AppContext | None = None
        self._messengers = messengers
        self._name = name
        self._alarming = alarming
        self._clock = clock
        self._broker = broker
        self._looks: tuple[WatchdogLook, ...] = (
            health_problems,
            delayed_messages,
            CachedLook(detect_anomalies, timedelta(minutes=1)),
            CachedLook(find_imbalance, timedelta(minutes=1)),
        )
        self._began_at = clock.real_now()
        self._away = 0
        self._away_since: datetime | None = None
        self._away_told_at: datetime | None = None

    @property
    def every(self) -> timedelta:
        return self._alarming.every

    def look(self) -> list[HealthProblem]:
        """Look once, and tell what is new; return all that is wrong."""
        try:
            found = self.find()
            self._back()
            if self._clock.real_now() - self._began_at >= WARM_UP * self._alarming.every:
                self._report(found)
        except StoreUnavailable:
            return self.without_database()
        return found

    def find(self) -> list[HealthProblem]:
        """Return all that is wrong, and tell nobody; raise `StoreUnavailable` for want of it."""
        if self._app is None:
            self._app = self._open_app()
        app = self._app
        found = [one for look in self._looks for one in look(app)]
        return [*found, *broker_problems(self._broker)]

    def without_database(self, *, at_once: bool = False) -> list[HealthProblem]:
        """Note that the database is away, and tell it by the second time."""
        now = self._clock.real_now()
        self._away += LOOKS_BEFORE_ALARM if at_once else 1
        self._away_since = self._away_since or now
        lately = self._away_told_at is not None and now - self._away_told_at < self._alarming.again
        if (
            self._away >= LOOKS_BEFORE_ALARM
            and not lately
            and self._tell([self._away_news(over=False)])
        ):
            self._away_told_at = now
        return [DATABASE_AWAY]

    def _report(self, found: Sequence[HealthProblem]) -> None:
        assert self._app is not None  # noqa: S101 - `find` opened it
        news = take_notifications(self._app, found)
        if news:
            (mark_told if self._tell(news) else mark_not_told)(self._app, news)

    def _back(self) -> None:
        if self._away_told_at is None or self._tell([self._away_news(over=True)]):
            self._away, self._away_since, self._away_told_at = 0, None, None

    def _away_news(self, *, over: bool) -> Notification:
        since = self._away_since or self._clock.real_now()
        one = DATABASE_AWAY
        return Notification(code=one.code, sentence=one.sentence, since=since, over=over)

    def _tell(self, news: Sequence[Notification]) -> bool:
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


class WatchdogThread:
    """A watchdog in a thread of its own, from now until `close`."""

    def __init__(self, watchdog: Watchdog) -> None:
        self._watchdog = watchdog
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        run_watchdog(self._watchdog, self._stopping)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join(STOP_SECONDS)


def run_watchdog(
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


def make_alert(news: Sequence[Notification], *, teller: str, at: datetime) -> OperatorAlert:
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
    return OperatorAlert(title=title, lines=[*lines, f"Told by {teller}."], details=details, at=at)


def _look(watchdog: Watchdog) -> None:
    try:
        watchdog.look()
    except Exception:
        # The edge of a thread: whatever fails here, the next look may not.
        log.exception("watchdog.failed")


def _reached(messenger: Messenger, alert: OperatorAlert) -> bool:
    try:
        messenger.tell(alert)
    except OSError as error:
        log.warning("alarm.not_told", by=messenger.kind, cause=type(error).__name__)
        return False
    return True
