"""A look-up that takes long is as old as its question, not as its answer."""

from __future__ import annotations

from datetime import timedelta

from followup.context import AppContext
from followup.delivery.reconcile import settle_unknown_outcomes
from followup.domain.channel import ChannelKind
from followup.providers.interface import Absent, CannotTell, ProviderReport, Sought
from tests.support.apps import clock_of, enrol_one, make_app, message, tick
from tests.support.people import EMAIL, SMS
from tests.support.scripted_channel import LOST, ScriptedChannel

WAIT = timedelta(seconds=120)


class SlowChannel(ScriptedChannel):
    """Reads its index at once, and takes its time to say so."""

    app: AppContext
    takes = timedelta()

    def find(self, sought: Sought) -> ProviderReport | Absent | CannotTell:
        found = super().find(sought)
        clock_of(self.app).advance(self.takes)
        return found


def test_not_there_is_not_believed_because_the_answer_came_late_enough(migrated_sqlite_url: str):
    channel = SlowChannel(SMS)
    channels = {ChannelKind.SMS: channel, ChannelKind.EMAIL: ScriptedChannel(EMAIL)}
    app = channel.app = make_app(migrated_sqlite_url, channels=channels)
    enrolment = enrol_one(app)
    channel.script(LOST)
    tick(app)
    # Asked two seconds before the wait is over, while the text is not in the provider's lists yet;
    # the answer comes three seconds later.
    channel.lists, channel.takes = False, timedelta(seconds=3)
    clock_of(app).advance(WAIT - timedelta(seconds=2))

    settle_unknown_outcomes(app)

    assert message(app, enrolment, "going-home").state == "unknown"
    channel.lists = True
    clock_of(app).advance(timedelta(minutes=1))
    settle_unknown_outcomes(app)
    assert message(app, enrolment, "going-home").state == "sent"
    assert len(channel.taken) == 1
    app.close()
