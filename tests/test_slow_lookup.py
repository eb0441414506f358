"""A look-up that takes long is as old as its question, not as its answer."""

from __future__ import annotations

from datetime import timedelta

from followup.channels.interface import Absent, CannotTell, Report, Sought
from followup.domain.channel import ChannelKind
from followup.kit import Kit
from followup.reconcile import settle_unknown
from tests.kits import clock_of, enrol_one, make_kit, message, tick
from tests.people import EMAIL, SMS
from tests.scripted_channel import LOST, ScriptedChannel

WAIT = timedelta(seconds=120)


class SlowChannel(ScriptedChannel):
    """Reads its index at once, and takes its time to say so."""

    kit: Kit
    takes = timedelta()

    def find(self, sought: Sought) -> Report | Absent | CannotTell:
        found = super().find(sought)
        clock_of(self.kit).advance(self.takes)
        return found


def test_not_there_is_not_believed_because_the_answer_came_late_enough(migrated_sqlite_url: str):
    channel = SlowChannel(SMS)
    channels = {ChannelKind.SMS: channel, ChannelKind.EMAIL: ScriptedChannel(EMAIL)}
    kit = channel.kit = make_kit(migrated_sqlite_url, channels=channels)
    enrolment = enrol_one(kit)
    channel.script(LOST)
    tick(kit)
    # Asked two seconds before the wait is over, while the text is not in the provider's lists yet;
    # the answer comes three seconds later.
    channel.lists, channel.takes = False, timedelta(seconds=3)
    clock_of(kit).advance(WAIT - timedelta(seconds=2))

    settle_unknown(kit)

    assert message(kit, enrolment, "going-home").state == "unknown"
    channel.lists = True
    clock_of(kit).advance(timedelta(minutes=1))
    settle_unknown(kit)
    assert message(kit, enrolment, "going-home").state == "sent"
    assert len(channel.taken) == 1
    kit.close()
