"""Every figure that a document promises is the one that the code works by.

`FIGURES` says, for each document, where a figure stands and what the code says it is: `{}` is the
figure in a fragment of the text, which is looked for whatever the line breaks. A figure with a unit
that stands in neither table fails: give it a line in `FIGURES`, or say in `NOT_OURS` whose it is.
"""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from followup.audit.leaves import SALT_BYTES
from followup.audit.tree import SIGN_AFTER, TILE_WIDTH
from followup.casework.escalation import MOST_TIMES, NOTICE_TRIES, TOLD_AGAIN_AFTER
from followup.cli.service.run_stack import DEMO_SPEED
from followup.clock import SharedTime
from followup.content.rules import MOST_FILES
from followup.content.template_limits import LONGEST_SOURCE
from followup.delivery.bounce_mailbox import LOOKS_BACK
from followup.delivery.reconcile import ASK_AFTER
from followup.delivery.returned_mail_ledger import MOST_KEPT
from followup.demo.clinic import DEMO_HISTORY
from followup.domain.clinics.clinic_file import RepliesShape
from followup.domain.file_shape import LONGEST_AHEAD
from followup.domain.merging.undo import UNDO_WITHIN
from followup.domain.people.likeness import GENERATION
from followup.domain.protocols.protocol_file import StepShape
from followup.domain.releases.review import EARLY, LATE, LONGEST_EXTENSION
from followup.domain.retention.classes import DEFAULT_DAYS, YEAR, RecordClass
from followup.domain.text.sms import SEGMENT_UNITS, SINGLE_UNITS
from followup.domain.triage.tokens import ONE_SLIP, TWO_SLIPS
from followup.enrolment.enrol import LONGEST_AGO
from followup.enrolment.number_verification import (
    CODE_LIFETIME,
    MOST_TEXTS,
    MOST_WRONG,
    NUMBER_AN_HOUR,
)
from followup.intake.csv_births import OLDEST
from followup.intake.csv_procedure_times import EARLIEST_PROCEDURE
from followup.intake.uploaded_lists import KEPT, MOST_BYTES, MOST_ROWS
from followup.intake.work_off import WORDS_KEPT_FOR
from followup.jobs import JOBS, PeriodicJob
from followup.messages.verification_code import HIDDEN_CODE
from followup.monitoring.anomalies import REFUSED_SINCE, UNTOLD
from followup.monitoring.health import STUCK_AFTER
from followup.monitoring.watchdog import LOOKS_BEFORE_ALARM
from followup.outbox.deliver import ANSWER_SECONDS, AWAY_FOR, PAUSES, REFUSED_FOR
from followup.outbox.subscriptions import BOTH_SIGN
from followup.patients.find import MOST_OPENED
from followup.patients.match import MOST_ALIKE
from followup.patients.search_keys import BEGINNING
from followup.patients.search_limit import LIMIT_WINDOW as SEARCH_WINDOW
from followup.patients.search_limit import MOST_FOUND, MOST_LISTS
from followup.providers.resilience.circuit_breaker import LONGEST_OPEN, SHORTEST_OPEN
from followup.providers.twilio.client import _quoted
from followup.releases.gate import LOOK_EVERY as WORDS_LOOK_EVERY
from followup.replies.auto_reply import ALIKE_A_DAY, ALIKE_APART, ANSWERS_A_DAY, USEFUL_FOR
from followup.replies.inbound import CONVERSATION_LASTS, WORTH_ANSWERING
from followup.replies.missed_texts import (
    AWAY_AFTER,
    FURTHEST_BACK,
    LIST_OVERLAP,
    LOOK_BACK,
    ON_ITS_WAY,
)
from followup.sending.capacity import MEASURED_OVER, OF_A_LEASE
from followup.sending.claim import ROOM_AGAIN
from followup.sending.kill_switch_check import LOOK_EVERY
from followup.sending.provider_calls import COMMIT_EVERY, COMMIT_WITHIN
from followup.sending.send_batch import BEGIN_TOGETHER
from followup.settings.settings import Settings
from followup.staff.sign_in_throttle import KNOWN_FOR
from followup.store.closed_days import CLOSED_AFTER
from followup.store.encryption.sealing import KEY_BYTES, KEYS_KEPT
from followup.store.engine.replica import AGAIN_SECONDS
from followup.store.engine.session import (
    LOCK_SECONDS,
    REWRITE_SECONDS,
    STATEMENT_SECONDS,
    make_engine,
)
from followup.tracing.otlp import CLOSE_SECONDS, MOST_WAITING
from followup.web.caller import WRONG_KEYS
from followup.web.console.framework.costly import AT_ONCE, WAITING
from followup.web.forms import MOST_BYTES as BODY_BYTES
from followup.web.gate import PART_SECONDS
from followup.web.impatient import HEADER_SECONDS
from followup.web.metrics import BALANCE_SECONDS
from followup.web.patient_page.limits import CHANGES_A_WINDOW, LIMIT_WINDOW
from followup.worklist.items import TIME_LIMITS
from tasks.app import _transport, app
from tasks.dispatch import AHEAD, AHEAD_EMBEDDED, APART, MOST_LOOKS
from tests.bench.pages import CALLS, LIMIT_BYTES, LIMIT_EXPORT_SECONDS, LIMIT_MS
from tests.documents import NAMES, prose_of, read

NUMBERS = {
    "a": 1, "an": 1, "one": 1, "once": 1, "two": 2, "twice": 2, "three": 3, "four": 4, "five": 5,
    "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
    "fifteen": 15, "twenty": 20, "thirty": 30, "sixty": 60, "hundred": 100, "a hundred": 100,
    "fifth": 1 / 5, "third": 1 / 3, "half": 1 / 2, "quarter": 1 / 4,
}  # fmt: skip
NUMBER = r"\d[\d,]*(?:\.\d+)?|" + "|".join(sorted(NUMBERS, key=len, reverse=True))
UNIT = (
    r"milliseconds?|ms|seconds?|minutes?|(?:office )?hours?|days?|weeks?|months?|years?|times"
    r"|a (?:second|minute|day)|an hour|calls|texts|answers|(?:wrong )?codes|connections|threads"
    r"|messages|characters|letters|digits|bytes|MB|kB|%"
)
FIGURE = re.compile(
    rf"(?<![\w.,/-])(?!a second|0\d\d\d)(?:{NUMBER})[ -](?:{UNIT})(?!\w)", re.IGNORECASE
)
"""A number with a unit behind it; not "a second account", nor the number of a decision."""


def seconds(span: timedelta | float) -> float:
    return span.total_seconds() if isinstance(span, timedelta) else span


def minutes(span: timedelta | float) -> float:
    return seconds(span) / 60


def hours(span: timedelta | float) -> float:
    return minutes(span) / 60


def days(span: timedelta | float) -> float:
    return hours(span) / 24


def years(record_class: RecordClass) -> float:
    return DEFAULT_DAYS[record_class] / YEAR


def default(setting: str) -> float:
    """Return the default of a setting, which stays whatever is in the environment."""
    value = Settings.model_fields[setting].default
    assert isinstance(value, int | float)
    return value


def conf(name: str) -> float:
    """Return a setting of Celery's."""
    value = app.conf[name]
    assert isinstance(value, int | float)
    return value


def job(name: str) -> PeriodicJob:
    """Return the periodic job of this name."""
    return next(each for each in JOBS if each.name == name)


CONNECTIONS = 2 * (make_engine.__kwdefaults__ or {})["pool_size"]
"""Those that are kept, and as many again for a burst."""
EXPIRES = app.conf.beat_schedule["dispatch"]["options"]["expires"]
POLLING = _transport(Settings(_env_file=None, broker_url="memory://"))["polling_interval"]

Value = float | tuple[float, ...]

LOOKS_A_SECOND = 1 / seconds(WORDS_LOOK_EVERY)

FIGURES: dict[str, dict[str, Value]] = {
    "README.md": {
        "patients who are booked up to {} days ahead": days(LONGEST_AHEAD),
        "{} weeks of them are played first, then {} minutes pass there each second": (
            days(DEMO_HISTORY) / 7,
            DEMO_SPEED / 60,
        ),
        "| {} bytes in base64": KEY_BYTES,
    },
    "config/example.env": {
        "keys of {} bytes in base64": KEY_BYTES,
        "(a red flag: {} minutes, at any hour)": minutes(TIME_LIMITS[1]),
        "as often as it stays open, {} times at most": MOST_TIMES,
    },
    "docs/evidence.md": {
        "Refuse salts of another length than {} bytes": SALT_BYTES,
        "ask for a new one {} minutes later": minutes(SIGN_AFTER),
        "a job compares every {} minutes": minutes(job("keep-checkpoints").every),
    },
    "docs/data-map.md": {
        "{} years after the patient was last seen": years(RecordClass.FOLLOW_UP),
        "words are emptied {} days after": days(WORDS_KEPT_FOR),
        "never enrolled after {} years": years(RecordClass.RAW_INTAKE),
        "As staff accounts: {} years": years(RecordClass.STAFF),
        "As sessions: {} days": days(DEFAULT_DAYS[RecordClass.SESSIONS]),
        "As sandbox: {} days": days(DEFAULT_DAYS[RecordClass.SANDBOX]),
        "As working copies: from minutes to {} day": days(KEPT),
        "signs for {} day after a change": days(BOTH_SIGN),
        "to undo it within {} day": days(UNDO_WITHIN),
        "kept for {} day to undo a mistake": days(UNDO_WITHIN),
    },
    "docs/operations.md": {
        "a patient's record | {} years": years(RecordClass.FOLLOW_UP),
        "raw intake | {} years": years(RecordClass.RAW_INTAKE),
        "replies that belong to no patient | {} years": years(RecordClass.REPLIES),
        "a closed account | {} years": years(RecordClass.STAFF),
        "sessions and invitations | {} days": days(DEFAULT_DAYS[RecordClass.SESSIONS]),
        "sandbox messages | {} days": days(DEFAULT_DAYS[RecordClass.SANDBOX]),
        "the audit trail | {} years": years(RecordClass.AUDIT),
        "it is tried again every {} minutes, and `sweeps-late`": minutes(
            job("keep-checkpoints").every
        ),
        "sent {} wrong API keys within {} minutes": (WRONG_KEYS, minutes(LIMIT_WINDOW)),
        "behind** ({} seconds unless set)": default("replica_behind"),
        "away is tried again every {} seconds": AGAIN_SECONDS,
        "It can be undone for {} hours": hours(UNDO_WITHIN),
        "up to {} spans of a process wait": MOST_WAITING,
        "that holds it up for {} seconds at most": CLOSE_SECONDS,
        "has taken none for {} minutes, or answered": minutes(UNTOLD),
        "messages of feeds were refused within {} hour": hours(REFUSED_SINCE),
        "(`finish-enrolments`, every {} seconds)": seconds(job("finish-enrolments").every),
        "after {} minutes without a tick": minutes(AWAY_AFTER),
        "`FOLLOWUP_MISSED_TEXTS_EVERY` ({} minutes unless set)": minutes(
            default("missed_texts_every")
        ),
        "the last {} hours of it, or back to {} hour before it was last read": (
            hours(LOOK_BACK),
            hours(LIST_OVERLAP),
        ),
        "read to the end, {} days at most": days(FURTHEST_BACK),
        "The newest texts, of the last {} seconds": seconds(ON_ITS_WAY),
        "more than {} hour old, and is withheld where it is more than {} hours old": (
            hours(CONVERSATION_LASTS),
            hours(WORTH_ANSWERING),
        ),
        "Every {} to {} seconds the first account is asked": (SHORTEST_OPEN, LONGEST_OPEN),
        "tried again in {} minutes": minutes(job("fetch-bounces").every),
        "within about {} second, for what a worker has in hand": seconds(LOOK_EVERY),
        "on their way for {} minutes": minutes(STUCK_AFTER),
        "An alarm is told when it was seen {}, again": LOOKS_BEFORE_ALARM,
        "in the like of a {} of `FOLLOWUP_LEASE`": 1 / OF_A_LEASE,
        "in the last {} of one": 1 / MEASURED_OVER,
        "holds up to {} connections to PostgreSQL": CONNECTIONS,
    },
    "docs/importing-a-list.md": {
        "It may be {} MB large and have {} rows": (MOST_BYTES / 2**20, MOST_ROWS),
        "(the rows to correct) {} day after the upload": days(KEPT),
        "more than {} years ago, and an age": OLDEST,
        "from {} days ago to {} days ahead": (days(EARLIEST_PROCEDURE), days(LONGEST_AHEAD)),
    },
    "docs/replies.md": {
        "({} letter in words of {} letters and more, {} in words of {})": (
            1,
            ONE_SLIP,
            2,
            TWO_SLIPS,
        ),
        "once in a conversation ({} hour), {} times a day of a kind, {} a day in all, so": (
            hours(ALIKE_APART),
            ALIKE_A_DAY,
            ANSWERS_A_DAY,
        ),
        "(`[replies]`, `within`: {} hour if nothing is set)": hours(
            RepliesShape.model_fields["within"].default
        ),
        "| 1 | {} minutes, by night as by day": minutes(TIME_LIMITS[1]),
        "| 2, anything else | {} hours in which the office is open": hours(TIME_LIMITS[2]),
        "| 3 | {} hours in which the office is open": hours(TIME_LIMITS[3]),
        "again after {} minutes (urgency 1), {} hours (2) or {} day (3), {} times at most": (
            minutes(TOLD_AGAIN_AFTER[1]),
            hours(TOLD_AGAIN_AFTER[2]),
            days(TOLD_AGAIN_AFTER[3]),
            MOST_TIMES,
        ),
        "fails is made again, {} times": NOTICE_TRIES,
        "the mailbox is fetched every {} minutes": minutes(job("fetch-bounces").every),
        "those of the last {} days that somebody has read": days(LOOKS_BACK),
        "Of more than {} that wait nothing": MOST_KEPT,
        "(`FOLLOWUP_ALERT_UNMATCHED`, {})": default("alert_unmatched"),
    },
    "docs/the-api.md": {
        "up to {} days ahead and {} days back": (days(LONGEST_AHEAD), days(LONGEST_AGO)),
        "at most {} an hour and {} times a day, and {} answers of any kind a day": (
            hours(ALIKE_APART),
            ALIKE_A_DAY,
            ANSWERS_A_DAY,
        ),
        "which is to be 0; up to {} seconds old": BALANCE_SECONDS,
    },
    "docs/writing-a-protocol.md": {
        "Patients are enrolled up to {} days ahead": days(LONGEST_AHEAD),
        "| 1, most urgent, to 9 | {} |": StepShape.model_fields["priority"].default,
        'a person is asked to look | `"{}h"` |': hours(
            StepShape.model_fields["receipt_deadline"].default
        ),
    },
    "docs/writing-messages.md": {
        "{} characters alone, {} to a segment": (SINGLE_UNITS["GSM-7"], SEGMENT_UNITS["GSM-7"]),
        "A file has at most {} characters": LONGEST_SOURCE,
        "is made of at most {} files": MOST_FILES,
    },
    "docs/reliability.md": {
        "goes to a person after {} hour, or once": hours(ASK_AFTER),
        "`FOLLOWUP_RECONCILE_AFTER` ({} minutes unless set)": minutes(default("reconcile_after")),
        "may take up to {} seconds to learn how late": SharedTime.ASK_AGAIN,
        "A worker more than {} seconds ahead of beat": EXPIRES,
        "others that need them wait up to {} seconds": LOCK_SECONDS,
        "take up in a {} of `FOLLOWUP_LEASE`": 1 / OF_A_LEASE,
    },
    "docs/performance.md": {
        "Each page is asked for {} times in one process": CALLS,
        "| p95 under {} |": LIMIT_MS,
        "where it takes over {} s": LIMIT_EXPORT_SECONDS,
        "before compression | under {} |": LIMIT_BYTES / 1000,
        "bounded ({} patients' keys, {} quoted texts)": (
            KEYS_KEPT,
            _quoted.cache_parameters()["maxsize"],
        ),
        "a worker process is replaced after {} tasks": conf("worker_max_tasks_per_child"),
        "(`FOLLOWUP_SMS_PER_SECOND`, {} unless set)": default("sms_per_second"),
        "a task carries {} messages, not one": default("batch_size"),
        "Attempts are committed {} at a time": BEGIN_TOGETHER,
        "outcomes in groups of {}, or after a {} of a second": (COMMIT_EVERY, COMMIT_WITHIN),
        "the in-memory broker is looked at {} times a second": 1 / POLLING,
        "with two worker processes of {} threads each": default("send_concurrency"),
    },
    "docs/security.md": {
        "signed in within {} days": days(KNOWN_FOR),
        "{} hashes at once on threads of their own; beyond {}, 503": (AT_ONCE, AT_ONCE + WAITING),
        "{} seconds for headers, {} for each part of a body": (HEADER_SECONDS, PART_SECONDS),
        "{} in ten minutes; all can be undone there": CHANGES_A_WINDOW,
        "{} wrong ones from an address in {} minutes, then": (WRONG_KEYS, minutes(LIMIT_WINDOW)),
        "20 in {} minutes; all can be undone there": minutes(LIMIT_WINDOW),
        "what is younger than {} minutes does not": minutes(SIGN_AFTER),
        "unless others write for {} s or the disk": REWRITE_SECONDS,
        "| {} KiB |": BODY_BYTES / 1024,
    },
    "docs/decisions/0004-answers-are-messages.md": {
        "dies after {} hour": hours(USEFUL_FOR),
    },
    "docs/decisions/0006-the-audit-trail-is-sealed-in-arrears.md": {
        "sealed in a chain, {} minutes in arrears": minutes(SIGN_AFTER),
        "at least {} minutes old": minutes(SIGN_AFTER),
        "an idle transaction after {} seconds each": STATEMENT_SECONDS,
        "only within its first {} minutes": minutes(SIGN_AFTER),
    },
    "docs/decisions/0020-two-people-sign-the-exact-bytes.md": {
        "Each process looks {} a second": LOOKS_A_SECOND,
    },
    "docs/decisions/0015-one-person-is-one-patient.md": {
        "the birth date by less than {} years": GENERATION,
        "the birth date {} years apart or more": GENERATION,
        "The {} latest who share one": MOST_ALIKE,
    },
    "docs/decisions/0024-people-are-found-by-keyed-beginnings-of-names.md": {
        "of the first {} letters of each word of {} letters or more": (BEGINNING, BEGINNING),
        "names that the first {} letters find are opened, the {} latest at most": (
            BEGINNING,
            MOST_OPENED,
        ),
        "A search shows {} people and no further page": MOST_FOUND,
        "one member of staff makes {} in {} minutes": (MOST_LISTS, minutes(SEARCH_WINDOW)),
    },
    "docs/decisions/0029-days-that-are-over-are-summed-once.md": {
        "once they are over for {} days": days(CLOSED_AFTER),
        "and the last {} days": days(CLOSED_AFTER),
    },
    "docs/decisions/0032-no-worker-waits-for-the-next-message.md": {
        "has one after {} s": seconds(ROOM_AGAIN),
        "At most {} such looks follow a tick of beat, {} s apart": (MOST_LOOKS, APART),
        "looked at every {} of a second, which": POLLING,
        "comes {} s before the next message falls due ({} s in": (
            seconds(AHEAD),
            seconds(AHEAD_EMBEDDED),
        ),
        "waits a {} of a second at most": seconds(AHEAD),
    },
    "docs/glossary.md": {
        "What decides, {} a second, whether words may go out": LOOKS_A_SECOND,
    },
    "docs/signing-words.md": {
        "in the database with the keys, {} a second": LOOKS_A_SECOND,
        "go on by themselves within {} seconds": seconds(job("release-held").every),
        "Within {} seconds every process": seconds(job("words-go-live").every + WORDS_LOOK_EVERY),
        "{} and {} days before it an item": (days(EARLY), days(LATE)),
        "move the date by {} year at most": days(LONGEST_EXTENSION) // 365,
    },
    "docs/decisions/0027-words-of-the-console-lie-over-the-files.md": {
        "Each process looks {} a second": LOOKS_A_SECOND,
    },
    "docs/decisions/0017-events-are-read-from-the-audit-log.md": {
        "for {} days before the first event is given up": days(AWAY_FOR),
        "one that refuses an event, for {} hours": hours(REFUSED_FOR),
        "Waiting for {} minutes, as the seals do": minutes(SIGN_AFTER),
    },
    "docs/decisions/0019-what-merging-two-patients-keeps.md": {
        "It can be undone for {} hours": hours(UNDO_WITHIN),
    },
    "docs/webhooks.md": {
        "Answer 2xx within {} seconds": ANSWER_SECONDS,
        "tried again after {} seconds, {} seconds, and so on, up to every {} hours": (
            seconds(PAUSES[0]),
            seconds(PAUSES[1]),
            hours(PAUSES[-1]),
        ),
        "is waited for, {} days": days(AWAY_FOR),
        "the event, which is tried for {} hours": hours(REFUSED_FOR),
        "After {} minutes without success": minutes(UNTOLD),
        "For {} day both sign": days(BOTH_SIGN),
    },
    "docs/decisions/0021-the-trail-is-a-tree-that-anybody-can-check.md": {
        "at least {} minutes old": minutes(SIGN_AFTER),
        "Full tiles of {} hashes": TILE_WIDTH,
        "{} bytes of salt": SALT_BYTES,
    },
    "docs/decisions/0031-what-proves-the-trail-lies-elsewhere.md": {
        "for retention after {} years": years(RecordClass.AUDIT),
        "anew is found within {} minutes": minutes(job("keep-checkpoints").every),
    },
    "docs/decisions/README.md": {
        "sealed in a chain, {} minutes in arrears": minutes(SIGN_AFTER),
    },
    "docs/decisions/0008-the-database-tells-the-real-time.md": {
        "ask its server for the time every {} seconds": SharedTime.ASK_AGAIN,
        "ahead by more than {} seconds leaves ticks": EXPIRES,
    },
    "docs/decisions/0009-a-question-about-stopping-stops-nothing.md": {
        "waits for the person, within {} hours": hours(TIME_LIMITS[2]),
    },
    "docs/decisions/0011-the-code-of-a-test-text-is-kept-nowhere.md": {
        "Its {} digits are": len(HIDDEN_CODE),
        "for {} minutes of real time, {} wrong codes and {} texts; a number gets {} an hour": (
            minutes(CODE_LIFETIME),
            MOST_WRONG,
            MOST_TEXTS,
            NUMBER_AN_HOUR,
        ),
    },
}

MEASURED = ("docs/performance.md", "docs/reliability.md")
"""Their figures are of runs: each section with a table of them names the command that made it."""

NOT_OURS: dict[str, dict[str, str]] = {
    "docs/decisions/0025-weeks-are-counted-by-a-job.md": {
        "A page shows half a year of messages by": "as tests/figures holds it",
        "it, and a page has 150 ms. **Decision.**": "as tests/figures holds it",
        "runs is counted every ten minutes, a week that is": "as tests/figures holds it",
        "over each day for five weeks (receipts come": "as tests/figures holds it",
        "Figures are up to ten minutes old, and the page": "as tests/figures holds it",
    },
    "docs/decisions/0024-people-are-found-by-keyed-beginnings-of-names.md": {
        "A date with a year of two digits is looked for": "tests/patients holds it",
        "beginning of a name (2 letters, 4, 5 and so on):": "what was not taken",
    },
    "README.md": {
        "take the dressing off after 24 hours": "the leaflet's",
        "(half a minute, the first time)": "as long as the machine and its index take",
        "To see six weeks in two minutes": "the length of a protocol; and of its rests",
    },
    "docs/evidence.md": {
        "cut to its first 4 bytes": "the note format's",
    },
    "docs/architecture.md": {
        "tells two times": "no figure",
        "where six weeks pass in minutes": "the longest protocol",
        'after 24 hours" is elapsed time': "an example",
    },
    "docs/glossary.md": {
        "name, of its first three letters, or of a date": "tests/patients holds it",
        "So many messages of one content a minute, so many to one patient a day": "settings",
    },
    "docs/dpia.md": {
        "Expected patients a year": "no figure",
    },
    "docs/operations.md": {
        "keeps until a day": "no figure",
        "up to 20 years in all": "of the Code",
        "All tries together last 15 seconds": "Twilio's connection overrides",
        "(SIGTERM, up to a minute)": "as long as the slowest provider answers: docker-compose.yml",
        "Rotate them once a year": "advice",
        "gave one id to two messages": "no figure",
        "a few hundred messages a minute": "an estimate",
        "lasts for an hour in the daytime": "advice",
    },
    "docs/decisions/0031-what-proves-the-trail-lies-elsewhere.md": {
        "by hand every hour": "no figure",
    },
    "docs/webhooks.md": {
        "once an hour in which": "as tests/audit holds it",
        "more than five minutes off": "the tolerance of Standard Webhooks' libraries",
    },
    "docs/replies.md": {
        "half of them within 0.25 s of their": "tests/bench/reply_flood.py measured it",
        "the last within 0.96 s (embedded": "tests/bench/reply_flood.py measured it",
        "half were there within 0.15 s and the last within 0.37 s, at 29 replies a second": (
            "tests/bench/reply_flood.py measured it"
        ),
        "1,600 characters never lose": "of a test, which draws texts of that length",
        "in about a second on a busy machine": "of a run of tests/replies/test_end_to_end.py",
    },
    "docs/writing-a-protocol.md": {
        "The first, two weeks before, is": "as tests/domain/test_timeline.py holds it",
        "The second, three days before, is": "as tests/domain/test_timeline.py holds it",
        "24 hours after 14:30 is 13:30": "an example",
        "A day and time are what": "no figure",
        "moves forward by an hour": "the change of the clocks",
    },
    "docs/decisions/0014-a-second-net-that-can-only-raise.md": {
        "A missed sign waited over a week-end": "what was",
    },
    "docs/decisions/0001-two-kinds-of-time.md": {
        "plays six weeks in minutes": "the longest protocol",
        "a lease of a minute would end within a tick at 3600 times": "an example",
    },
    "docs/decisions/0002-words-are-pinned-at-send.md": {
        "being sent for six weeks": "the longest protocol",
        "some twenty times as much": "an estimate",
    },
    "docs/decisions/0006-the-audit-trail-is-sealed-in-arrears.md": {
        "A wait of 90 seconds, as this record said at first": "what was not chosen",
        "whose clock was a minute behind": "an example",
    },
    "docs/decisions/0008-the-database-tells-the-real-time.md": {
        "clock five minutes behind": "of a fault run",
        "sent 35 of 320 messages twice": "of a fault run",
    },
    "docs/decisions/0010-what-is-in-doubt-stays-with-its-account.md": {
        "useful for half a day": "an estimate",
    },
    "docs/decisions/0013-our-own-http-client-stays.md": {
        "15 turns) | 0.12 ms | 0.33 to 0.35 ms | 0.39 to 0.42 ms": "measured by that command",
        "4 headers (7 pairs of 3,000) | 1.05 ms | 1.29 ms": "measured as this was decided",
        "all headers (7 pairs of 3,000) | 1.18 ms | 1.43 ms": "measured as this was decided",
        "httpx: 0.7 to 0.8 ms a call, where ours took 0.1": "measured as this was decided",
        "0.25 to 0.28 ms a call, a message some 9 % dearer": "measured as this was decided",
    },
    "docs/decisions/0032-no-worker-waits-for-the-next-message.md": {
        "half a second on average": "half of a tick",
    },
    "docs/decisions/0033-a-message-s-id-is-its-trace.md": {
        "some 2.5 MB and up to a tenth of a second": "measured as this was decided",
    },
    "docs/decisions/0012-a-released-revision-is-frozen.md": {
        "rewritten 17 times under one id": "of the history",
        "3 ms on SQLite, 10 to 25 on PostgreSQL": "measured on 32 tables as this was decided",
    },
}
"""Figures that no code decides: a fragment that holds the figure, and whose it is."""


def number_of(written: str) -> float:
    """Return what a figure says, in digits or in words."""
    word = written.lower()
    return NUMBERS[word] if word in NUMBERS else float(word.replace(",", ""))


def find(document: str, fragment: str) -> re.Match[str] | None:
    """Return where a fragment of `FIGURES` stands in a document."""
    parts = map(re.escape, " ".join(fragment.split()).split(r"{}"))
    return re.search(f"({NUMBER})".join(parts), prose_of(document), re.IGNORECASE)


@pytest.mark.parametrize(
    ("document", "fragment", "value"),
    [
        pytest.param(document, fragment, value, id=f"{document}: {fragment}")
        for document, promised in FIGURES.items()
        for fragment, value in promised.items()
    ],
)
def test_a_figure_is_what_the_code_works_by(document: str, fragment: str, value: Value):
    found = find(document, fragment)
    assert found, f"{document} no longer says: {fragment} (bring FIGURES up to date)"

    values = value if isinstance(value, tuple) else (value,)
    assert [number_of(each) for each in found.groups()] == pytest.approx(values)


@pytest.mark.parametrize("document", [each for each in NAMES if each not in MEASURED])
def test_no_figure_stands_in_a_document_unread(document: str):
    prose = prose_of(document)
    ours = [found for each in FIGURES.get(document, {}) if (found := find(document, each))]
    read_spans = [found.span() for found in ours]
    for fragment in NOT_OURS.get(document, {}):
        assert fragment in prose, f"{document} no longer says: {fragment}"
        place = prose.index(fragment)
        read_spans.append((place, place + len(fragment)))

    unread = [
        prose[max(0, found.start() - 40) : found.end() + 30]
        for found in FIGURE.finditer(prose)
        if not any(begin <= found.start() < end for begin, end in read_spans)
    ]

    assert unread == [], "give each a line in FIGURES, or in NOT_OURS"


@pytest.mark.parametrize("document", MEASURED)
def test_every_table_of_measured_figures_names_the_command_that_measures(document: str):
    for section in re.split(r"^## ", read(document), flags=re.MULTILINE)[1:]:
        rows = [line for line in section.splitlines() if line.startswith("|")]
        if any(len(re.findall(r"\| \**[\d.,]+", row)) > 1 for row in rows):
            assert re.search(r"make [a-z]+|python -m tests\.", section), section[:60]
