"""Every error that the product raises, as one tree; each class says what its catcher should do.

FollowupError             something that a person can be told in a sentence
  InvalidInput            what was sent is wrong: correct the named fields and send it again
    BadSignature          a signature does not hold: have it made anew over the same bytes
  NotFound                there is no such thing: check the identifier
  Conflict                it is well formed but clashes with what is there: look before repeating
    EnrolmentClash        an enrolment that it names stands in the way: look at that one
      AlreadyEnrolled     the patient has this procedure already: use the enrolment that it names
      ContentDiffers      it differs from what was sent in fields that it names: ask for an update
      EnrolledThatDay     the patient is enrolled for another time of that day: ask for it to move
      EnrolmentEnded      it was ended by staff: ask for it to be opened again
    IllegalMove           a message or enrolment can't go from its state to the one asked for
  ConfigurationError      the operator must correct a setting, protocol, clinic or template first
    ProtocolError         a protocol or clinic file is wrong: it names file, step and fix
    TemplateError         a message template is wrong: it names the template and the fix
    WrongMasterKey        the keys in the settings did not seal this database
  StoreUnavailable        the database or broker can't be reached or written now: try again later
  ChannelError            a provider did not take the message
    ChannelRefused        it never will: do not retry
    ChannelUnavailable    it did not take this message now, provably: retry
      ChannelBusy         it said "slower": retry, and slow this sender down
      ChannelDown         it can't be reached, or turns everybody away: leave it alone for a while
    OutcomeUnknown        it may have taken it: find out first
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from followup.domain.enrolment_objection import EnrolmentObjection
from followup.domain.intake.on_conflict import OnConflict


class FollowupError(Exception):
    """Something that a person can be told in a sentence; `str()` is that sentence."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what was sent: the field (dotted path) and what to do about it."""

    field: str
    message: str


class InvalidInput(FollowupError):
    """What was sent can't be used. `problems` lists every field that is wrong, not just one."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.field}: {problem.message}" for problem in problems))

    @classmethod
    def of(cls, field: str, message: str) -> InvalidInput:
        """Return the error for a single field."""
        return cls(Problem(field, message))


class BadSignature(InvalidInput):
    """A signature, or the file of one, does not hold; the message says in what."""

    def __init__(self, message: str) -> None:
        """Say it of the field `signature`."""
        super().__init__(Problem("signature", message))


class NotFound(FollowupError):
    """There is no such thing."""


class Conflict(FollowupError):
    """It is well formed, but clashes with what is there already."""


class EnrolmentClash(Conflict):
    """An enrolment that is there already stands in the way of one that was sent.

    `fields` are those in which the two differ, as dotted paths; `needs` is what a request must ask
    for so that what it says is applied, None where that can't be done.
    """

    def __init__(
        self,
        sentence: str,
        *,
        enrolment_id: UUID,
        fields: tuple[str, ...] = (),
        needs: OnConflict | None = OnConflict.UPDATE,
    ) -> None:
        self.enrolment_id = enrolment_id
        self.fields = fields
        self.needs = needs
        super().__init__(sentence)


class AlreadyEnrolled(EnrolmentClash):
    """The patient is enrolled for this procedure already.

    `objection` is what that enrolment will not send, and `told` says so in a sentence.
    """

    def __init__(
        self,
        enrolment_id: UUID,
        *,
        objection: EnrolmentObjection | None = None,
        told: str = "",
    ) -> None:
        self.objection = objection
        super().__init__(
            f"this patient is already enrolled for this procedure, as enrolment {enrolment_id}; "
            f"look at that one, or reschedule it if the time has changed{told and f'. {told}'}",
            enrolment_id=enrolment_id,
        )


class ContentDiffers(EnrolmentClash):
    """The enrolment is there, and what was sent differs from it: nothing was changed."""

    def __init__(
        self, enrolment_id: UUID, fields: tuple[str, ...], *, refused: str | None = None
    ) -> None:
        """`refused` is why it can't be applied, and what to do instead."""
        names = [name.rpartition(".")[2] for name in fields]
        listed = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        told = refused or f"To apply what was sent, {HOW_TO_APPLY[OnConflict.UPDATE]}"
        super().__init__(
            f"this is enrolled already, as enrolment {enrolment_id}, with another {listed}; "
            f"nothing was changed. {told}",
            enrolment_id=enrolment_id,
            fields=fields,
            needs=None if refused else OnConflict.UPDATE,
        )


class EnrolledThatDay(EnrolmentClash):
    """The patient is enrolled on the protocol for another time of the same day."""

    def __init__(self, enrolment_id: UUID, fields: tuple[str, ...], *, at: str) -> None:
        """`at` is that time, by the patient's clock."""
        super().__init__(
            f"this patient is enrolled for {at} that day, as enrolment {enrolment_id}; nothing was "
            f"changed. To move that one, {HOW_TO_APPLY[OnConflict.UPDATE]}",
            enrolment_id=enrolment_id,
            fields=fields,
        )


class EnrolmentEnded(EnrolmentClash):
    """The enrolment is there, and staff have ended it: nothing was changed."""

    def __init__(self, enrolment_id: UUID) -> None:
        super().__init__(
            f"this was enrolled as enrolment {enrolment_id}, which was ended; nothing was changed. "
            f"To open it again, {HOW_TO_APPLY[OnConflict.REOPEN]}",
            enrolment_id=enrolment_id,
            needs=OnConflict.REOPEN,
        )


HOW_TO_APPLY = {
    needed: f'send it again with "on_conflict": "{needed}", or use --{needed}'
    for needed in (OnConflict.UPDATE, OnConflict.REOPEN)
}


class IllegalMove(Conflict):
    """A message or enrolment can't go from its state to the one asked for."""


class ConfigurationError(FollowupError):
    """A setting, protocol, clinic or template must be corrected by the operator first."""


class ProtocolError(ConfigurationError):
    """A protocol or clinic file is wrong; the message names the file, the step and the fix."""


class TemplateError(ConfigurationError):
    """A message template is wrong; the message names the template and the fix."""


class WrongMasterKey(ConfigurationError):
    """None of the configured master keys sealed this database."""


class TrailDamaged(FollowupError):
    """The audit trail is not as it was signed."""


class StoreUnavailable(FollowupError):
    """The database or the broker can't be reached or written at present; nothing was changed."""


class ChannelError(FollowupError):
    """A provider did not take the message; `code` is the provider's own, for the audit trail."""

    def __init__(self, code: str, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(f"{code}: {reason}")


class ChannelRefused(ChannelError):
    """The provider will never take it: do not retry.

    `recipient` says that the address itself is at fault (invalid, landline, opted out), `opted_out`
    that the recipient told the carrier to stop; otherwise the operator's set-up or the content is.
    """

    def __init__(
        self, code: str, reason: str, *, recipient: bool = False, opted_out: bool = False
    ) -> None:
        self.recipient = recipient
        self.opted_out = opted_out
        super().__init__(code, reason)


class ChannelUnavailable(ChannelError):
    """The provider was never reached, or said "later": safe to retry.

    `retry_after` is the real time that the provider asked to be left alone for, if it said so.
    """

    def __init__(self, code: str, reason: str, *, retry_after: timedelta | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(code, reason)


class ChannelBusy(ChannelUnavailable):
    """The provider takes no more from this sender just now: safe to retry, at a slower pace."""


class ChannelDown(ChannelUnavailable):
    """The provider was never reached, or turns everybody away: safe to retry, once it is back."""


class OutcomeUnknown(ChannelError):
    """The provider may have taken the message: find out before anything is sent again."""
