"""Eligibility: whether a message may go, as it is asked at claim and again at send.

The rule that matters most clinically, and so a pure one. What speaks against a message is looked at
in this order: what can't be undone first, then what a person must find out, then what holds it for
a while, and last whether its address and the hour are right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from followup.domain.channel import ChannelKind
from followup.domain.clinics.clinic import SendingHours
from followup.domain.kill_switch import Cover, is_covered
from followup.domain.lifecycle import EnrolmentState, State
from followup.domain.message_kind import MessageKind
from followup.domain.protocols.timeline import next_sending_moment
from followup.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Go:
    """It may be sent now."""


@dataclass(frozen=True, slots=True)
class Wait:
    """It may be sent, but not before then."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Stop:
    """It may not be sent: the state that it goes to, and why."""

    to: State
    reason: Reason


Verdict = Go | Wait | Stop

AT_ONCE = timedelta(days=1)
"""What falls due so soon after it was made was due at once, or at the next sending hour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A message, with all of it and of its patient that decides whether it may go.

    A single text may be nobody's: it has no patient then, and no enrolment. `has_address` and
    `address_index` are of the address that it goes to, `address_unusable` is what was found out
    about it. `restore_id` is the restore after which it was looked for at the provider. `words` is
    why what it says may not go to patients, None where it may.
    """

    kind: MessageKind
    clinic: str
    protocol: str | None
    step: str
    channel: ChannelKind
    created_at: datetime
    due_at: datetime
    not_before: datetime
    not_after: datetime
    zone: str
    patient_id: UUID | None
    is_erased: bool
    is_deceased: bool
    is_restricted: bool = False
    enrolment_state: EnrolmentState | None
    has_address: bool
    address_index: bytes | None
    address_unusable: bool
    restore_id: int | None
    words: Reason | None = None


@dataclass(frozen=True, slots=True)
class Objections:
    """The wishes not to be written to that are in force, each with its channel or None for all."""

    of_patients: frozenset[tuple[UUID, str | None]] = frozenset()
    of_addresses: frozenset[tuple[bytes, str | None]] = frozenset()

    def cover(self, message: Candidate, channel: ChannelKind | None) -> bool:
        """Say whether there is one to this channel, or to everything (None)."""
        of_patient = (message.patient_id, channel) in self.of_patients
        return of_patient or (message.address_index, channel) in self.of_addresses


@dataclass(frozen=True, slots=True)
class LastRestore:
    """The last restore of a backup, and when it was (service time)."""

    id: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What holds for all messages at one moment. `hours` has each clinic that is configured."""

    now: datetime
    objections: Objections
    switches: frozenset[Cover]
    hours: Mapping[str, SendingHours]
    restore: LastRestore | None


def judge_message(message: Candidate, circumstances: Circumstances) -> Verdict:
    """Return whether a message may go now, must wait, or may not go at all."""
    stop = (
        _ended(message)
        or _restricted(message)
        or _in_doubt(message, circumstances.restore)
        or _shut(message, circumstances)
        or _unreachable(message, circumstances.objections)
    )
    if stop is not None:
        return stop
    # A patient who wrote is answered whatever the hour.
    # So is one who is there and reads out the code of a test text.
    return _in_hours(message, circumstances) if message.kind is MessageKind.ADVICE else Go()


def lasting_obstacle(message: Candidate, objections: Objections) -> Stop | None:
    """Return why a message will not go, whenever it falls due, unless something is corrected."""
    ended = _ended(message)
    # A pause ends, and what speaks against a message is the same then.
    if ended is not None and ended.to is not State.HELD:
        return ended
    return _unreachable(message, objections)


def _ended(message: Candidate) -> Stop | None:
    """Return why nothing more may go to this person on this enrolment; answers still may.

    A test text before the enrolment is nobody's yet. An enrolment that has finished has no window
    left: should one be found open all the same, what it is for is not withheld.
    """
    if message.kind is MessageKind.REPLY or message.patient_id is None:
        return None
    if message.is_erased:
        return Stop(State.CANCELLED, Reason.ERASED)
    if message.is_deceased:
        return Stop(State.CANCELLED, Reason.PATIENT_DIED)
    if message.enrolment_state is EnrolmentState.WITHDRAWN:
        return Stop(State.CANCELLED, Reason.WITHDRAWN)
    if message.enrolment_state is EnrolmentState.PAUSED:
        return Stop(State.HELD, Reason.PAUSED)
    return None


def _restricted(message: Candidate) -> Stop | None:
    """Return why nothing goes to this person for now, but an answer to what they write.

    Whoever writes of a warning sign is told to ring 999, whatever is in dispute about the data.
    """
    if message.is_restricted and message.kind is not MessageKind.REPLY:
        return Stop(State.HELD, Reason.RESTRICTED)
    return None


def _in_doubt(message: Candidate, restore: LastRestore | None) -> Stop | None:
    """Return why the provider must be asked first: a backup was restored, and it may have gone.

    That is what fell due before the restore, and what would have if it had not been made anew
    since: for a patient who was enrolled or moved again because the backup knew nothing of it.
    """
    if restore is None or message.restore_id == restore.id:
        return None
    # Of a test text, staff are still waiting for it, or it is over.
    if message.kind is MessageKind.CHECK or not message.has_address:
        return None
    if message.created_at < restore.at:
        missed = message.due_at <= restore.at
    else:
        # Its target may have been before the restore.
        soon = message.due_at < message.created_at + AT_ONCE
        missed = message.not_before < restore.at and soon
    return Stop(State.UNKNOWN, Reason.RESTORED) if missed else None


def _shut(message: Candidate, circumstances: Circumstances) -> Stop | None:
    """Return why this message may not go now, whoever it is for."""
    if circumstances.now >= message.not_after:
        return Stop(State.EXPIRED, Reason.WINDOW_OVER)
    if is_covered(circumstances.switches, message):
        return Stop(State.HELD, Reason.SWITCH)
    return None if message.words is None else Stop(State.HELD, message.words)


def _unreachable(message: Candidate, objections: Objections) -> Stop | None:
    """Return why this message may not go to its address, or has none."""
    # Also the answer that confirms an objection goes.
    if message.kind is not MessageKind.REPLY:
        if objections.cover(message, None):
            return Stop(State.SUPPRESSED, Reason.OBJECTION)
        if objections.cover(message, message.channel):
            return Stop(State.SUPPRESSED, Reason.OBJECTION_TO_CHANNEL)
    # A number that is being tested has not failed yet.
    if message.kind is MessageKind.ADVICE and message.address_unusable:
        return Stop(State.SUPPRESSED, Reason.ADDRESS_UNUSABLE)
    return None if message.has_address else Stop(State.SUPPRESSED, Reason.NO_ADDRESS)


def _in_hours(message: Candidate, circumstances: Circumstances) -> Verdict:
    """Let it wait for its window and for the sending hours; expire it if none comes in time."""
    now, hours = circumstances.now, circumstances.hours.get(message.clinic)
    if hours is None:
        return Stop(State.HELD, Reason.CLINIC_NOT_CONFIGURED)
    earliest = max(now, message.not_before)
    moment = next_sending_moment(earliest, hours=hours, zone=ZoneInfo(message.zone))
    if moment >= message.not_after:
        return Stop(State.EXPIRED, Reason.NO_SENDING_HOUR)
    return Go() if moment <= now else Wait(moment)
