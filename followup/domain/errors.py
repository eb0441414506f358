"""Every error that the product raises, as one tree; each class says what its catcher should do.

FollowupError             something that a person can be told in a sentence
  InvalidInput            what was sent is wrong: correct the named fields and send it again
  NotFound                there is no such thing: check the identifier
  Conflict                it is well formed but clashes with what is there: look before repeating
    AlreadyEnrolled       the patient has this procedure already: use the enrolment that it names
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


class NotFound(FollowupError):
    """There is no such thing."""


class Conflict(FollowupError):
    """It is well formed, but clashes with what is there already."""


class AlreadyEnrolled(Conflict):
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
        self.enrolment_id = enrolment_id
        self.objection = objection
        super().__init__(
            f"this patient is already enrolled for this procedure, as enrolment {enrolment_id}; "
            f"look at that one, or reschedule it if the time has changed{told and f'. {told}'}"
        )


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
