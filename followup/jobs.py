"""Periodic jobs, by name: one for every state in which a message could get stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from followup.audit.kept_elsewhere import keep_elsewhere
from followup.audit.tree import sign_trail
from followup.balance.days import close_days
from followup.casework.escalation import escalate_overdue
from followup.context import AppContext
from followup.delivery.bounce_mailbox import fetch_new_bounces
from followup.delivery.overdue_receipts import chase_overdue_receipts
from followup.delivery.receipts import apply_parked_receipts
from followup.delivery.reconcile import abandon_sending, settle_unknown_outcomes
from followup.delivery.sandbox_receipts import deliver_sandbox_receipts
from followup.domain.lifecycle import State
from followup.enrolment.finish import finish_enrolments
from followup.erasure.shred_list import keep_shred_list
from followup.figures.count_weeks import count_weeks
from followup.intake.list_work import work_off_lists
from followup.intake.uploaded_lists import forget_lists
from followup.intake.work_off import forget_words, work_off_feeds
from followup.merging.forget import forget_merges
from followup.outbox import deliver
from followup.patients.index_people import index_people
from followup.releases.go_live import go_live
from followup.releases.watch import check_words
from followup.replies import missed_texts
from followup.replies.check_in import chase_check_ins
from followup.retention.propose import propose_retention
from followup.sending.release_held import release_held
from followup.sending.stuck_messages import cancel_ended, expire_overdue, release_leases
from followup.sending.volume_limits import forget_minutes

MOST_BATCHES = 40
LONGEST_RUN = timedelta(seconds=20)
"""A run stops after so many batches or so long: what is left waits for the next, a moment later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicJob:
    """A periodic job: `run` does one batch and returns how much it found; 0 is the end.

    `every` is how often it runs, in real time; `watches` are the states in which it notices a
    message that got stuck.
    """

    name: str
    every: timedelta
    run: Callable[[AppContext], int]
    watches: frozenset[State] = frozenset()

    def until_empty(self, app: AppContext) -> int:
        """Run batch after batch until nothing is left, within bounds; return how much there was."""
        total, started = 0, app.clock.real_now()
        for _ in range(MOST_BATCHES):
            found = self.run(app)
            total += found
            if found == 0 or app.clock.real_now() - started > LONGEST_RUN:
                break
        return total


def period_of(job: PeriodicJob, *, missed_texts_every: timedelta) -> timedelta:
    """Return how often a job runs, in real time: as the operator chose, where it is theirs to."""
    return missed_texts_every if job.name == missed_texts.MISSED_TEXTS_JOB else job.every


JOBS: tuple[PeriodicJob, ...] = (
    PeriodicJob(
        name="expire",
        every=timedelta(seconds=2),
        run=expire_overdue,
        watches=frozenset({State.PLANNED, State.HELD}),
    ),
    PeriodicJob(
        name="release-held",
        every=timedelta(seconds=10),
        run=release_held,
        watches=frozenset({State.HELD}),
    ),
    PeriodicJob(
        name="release-leases",
        every=timedelta(seconds=2),
        run=release_leases,
        watches=frozenset({State.CLAIMED}),
    ),
    PeriodicJob(
        name="abandon-sending",
        every=timedelta(seconds=2),
        run=abandon_sending,
        watches=frozenset({State.SENDING}),
    ),
    PeriodicJob(
        name="settle-unknown",
        every=timedelta(seconds=2),
        run=settle_unknown_outcomes,
        watches=frozenset({State.UNKNOWN}),
    ),
    PeriodicJob(name="words-go-live", every=timedelta(seconds=1), run=go_live),
    PeriodicJob(name="check-words", every=timedelta(seconds=5), run=check_words),
    PeriodicJob(name="apply-parked", every=timedelta(seconds=2), run=apply_parked_receipts),
    PeriodicJob(
        name="chase-receipts",
        every=timedelta(seconds=10),
        run=chase_overdue_receipts,
        watches=frozenset({State.SENT}),
    ),
    PeriodicJob(name="escalate", every=timedelta(seconds=5), run=escalate_overdue),
    PeriodicJob(name="chase-answers", every=timedelta(seconds=10), run=chase_check_ins),
    PeriodicJob(
        name=missed_texts.MISSED_TEXTS_JOB,
        every=timedelta(minutes=2),
        run=missed_texts.take_missed_texts,
    ),
    PeriodicJob(name="index-people", every=timedelta(seconds=10), run=index_people),
    PeriodicJob(name="finish-enrolments", every=timedelta(seconds=10), run=finish_enrolments),
    PeriodicJob(name="sandbox", every=timedelta(seconds=2), run=deliver_sandbox_receipts),
    PeriodicJob(name="forget-minutes", every=timedelta(minutes=10), run=forget_minutes),
    # A period of its own: a mailbox that answers slowly holds up nothing else.
    PeriodicJob(name="fetch-bounces", every=timedelta(minutes=2), run=fetch_new_bounces),
    # Likewise: a receiver that answers slowly holds up no message.
    PeriodicJob(name=deliver.DELIVER_JOB, every=timedelta(seconds=3), run=deliver.deliver_events),
    PeriodicJob(name="work-off-feeds", every=timedelta(seconds=1), run=work_off_feeds),
    PeriodicJob(name="forget-feeds", every=timedelta(hours=1), run=forget_words),
    # A period of its own: while one list is worked on, nothing else waits.
    PeriodicJob(name="work-off-lists", every=timedelta(seconds=4), run=work_off_lists),
    PeriodicJob(name="forget-lists", every=timedelta(minutes=10), run=forget_lists),
    # What a decision wrote already; again where a crash came between.
    PeriodicJob(name="keep-shred-list", every=timedelta(minutes=1), run=keep_shred_list),
    PeriodicJob(name="propose-retention", every=timedelta(hours=1), run=propose_retention),
    PeriodicJob(name="forget-merges", every=timedelta(hours=1), run=forget_merges),
    PeriodicJob(name="close-days", every=timedelta(minutes=1), run=close_days),
    PeriodicJob(name="count-weeks", every=timedelta(minutes=1), run=count_weeks),
    PeriodicJob(name="sign-audit", every=timedelta(minutes=1), run=sign_trail),
    # A period of its own: an authority or a disk that answers slowly holds up nothing else.
    PeriodicJob(name="keep-checkpoints", every=timedelta(minutes=5), run=keep_elsewhere),
    PeriodicJob(
        name="cancel-ended",
        every=timedelta(minutes=1),
        run=cancel_ended,
        watches=frozenset({State.PLANNED, State.HELD}),
    ),
)
