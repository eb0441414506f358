"""`followup balance`, `audit`, `worklist`, `outbox` and `sandbox`: what came of it all."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from followup.audit.tree import SIGN_AFTER, sign_trail
from followup.cli.framework.new_file import write_new_file
from followup.domain.errors import FollowupError
from followup.store.models.audit import AuditEvent
from tests.cli.conftest import document, enrolled
from tests.support.apps import clock_of, rows, run_until
from tests.support.people import nhs_number

VERIFIER = Path("scripts/verify_evidence.py").resolve()

FIGURES = [
    "due",
    "delivered",
    "sent",
    "with_a_person",
    "suppressed",
    "expired",
    "cancelled",
    "held",
    "in_progress",
    "remainder",
]


def play(followup, **span):
    with followup.app() as app:
        run_until(app, followup.now + timedelta(**span))


def enrolled_with(followup, serial, **patient):
    """Enrol a patient who is reached only as given."""
    wanted = document(serial)["patient"] | {"mobile": None, "email": None} | patient
    channels = [name for name, key in (("sms", "mobile"), ("email", "email")) if wanted[key]]
    return enrolled(
        followup,
        serial,
        patient={key: value for key, value in wanted.items() if value},
        channels=channels,
    )


def do(followup, statement, **values):
    with followup.app() as app, app.store.write() as session:
        session.execute(text(statement), values)


# --------------------------------------------------------------------------- balance


def test_the_balance_has_the_figures_of_the_machine_interface(on_both):
    enrolled(on_both)
    play(on_both, days=43)

    answer = on_both("balance", "--json")

    assert answer.code == 0
    assert list(answer.json) == FIGURES
    assert answer.json["due"] == answer.json["delivered"] == 14
    assert answer.json["remainder"] == 0


def test_the_balance_is_read_by_people_too(followup):
    enrolled(followup)
    play(followup, days=2)

    answer = followup("balance")

    assert answer.code == 0
    assert "every message is accounted for" in answer.out
    assert answer.out.count("\n") == len(FIGURES) + 1


def test_a_message_that_is_gone_is_a_remainder_and_ends_with_1(on_both):
    enrolled(on_both)
    do(on_both, "DELETE FROM messages WHERE step = 'dressing'")

    told = on_both("balance")
    answer = on_both("balance", "--json")

    assert (told.code, answer.code) == (1, 1)
    assert answer.json["remainder"] == 1
    assert "NOT ACCOUNTED FOR" in told.out
    assert "Unaccounted for: 1 message." in told.err


def test_the_balance_may_be_of_a_part(followup):
    enrolled(followup)
    play(followup, days=3)

    def due(*args):
        return followup("balance", *args, "--json").json["due"]

    assert due("--clinic", "derriford-pain") == due() == 7
    assert due("--protocol", "facet-joint-injection") == 0
    assert due("--since", "2026-10-20", "--until", "2026-10-21") == 3
    assert followup("balance", "--clinic", "nowhere").code == 1
    assert followup("balance", "--since", "soon").code == 2


# ----------------------------------------------------------------------------- audit


def test_an_audit_tells_what_when_in_which_words_and_whether_it_arrived(on_both):
    enrolled(on_both)
    play(on_both, hours=6)

    told = on_both("audit", "REF-1").out
    shown = on_both("audit", "REF-1", "--json").json

    first = shown["messages"][0]
    (attempt,) = first["tries"]
    assert first["state"] == "delivered"
    assert attempt["text"] == first["text"]
    assert attempt["outcome"] == "accepted"
    assert attempt["to"] == "07… …001"
    assert len(attempt["content_version"]) == 64
    assert attempt["approval"]["standing"] == "draft"
    assert [receipt["status"] for receipt in attempt["receipts"]] == ["delivered"]
    assert shown["patient"] == {
        "name": "T… P…",
        "nhs_number": f"… …{nhs_number(1)[-3:]}",
        "mobile": "07… …001",
        "email": "p…@example.com",
    }
    for words in (
        "DELIVERED: the provider confirmed that it arrived",
        "Attempt 1 on Mon 19 Oct 2026 15:00, by Practice carrier from sandbox to 07… …001: acc",
        f"Message text of version {attempt['content_version'][:12]}, draft: no clinician has",
        "| Derriford Pain Clinic: do not drive yourself home.",
        "Never handed to a provider: 12 planned.",
        "enrolment created (messages 14, protocol nerve-root-block)",
    ):
        assert words in told


def test_an_audit_names_no_patient(followup):
    enrolled(followup)
    play(followup, hours=1)

    printed = followup("audit", "REF-1", "--all").out + followup("audit", "REF-1", "--json").out

    for private in ("Test Patient", nhs_number(1), "900001", "patient1@", "1957"):
        assert private not in printed


def test_an_audit_tells_of_failures_fallbacks_persons_and_staff(followup):
    enrolled_with(followup, 1, mobile="07700 900222", email="bounce@example.com")
    play(followup, minutes=5)
    play(followup, minutes=5)
    followup("withdraw", "REF-1", "--reason", "Moved to Exeter")

    answer = followup("audit", "REF-1")

    assert "NOT DELIVERED" in answer.out
    assert "to b…@example.com" in answer.out
    assert "WHAT NEEDED ACTION" in answer.out
    assert "still open" in answer.out
    assert "Ended: Moved to Exeter" in answer.out
    assert "enrolment withdrawn (why by-staff)" in answer.out
    shown = followup("audit", "REF-1", "--json").json
    assert shown["why_ended"] == "Moved to Exeter"
    assert [item["kind"] for item in shown["worklist"]] == ["failed"]


def test_every_event_is_told_when_asked_for(followup):
    enrolled(followup)
    play(followup, hours=1)

    brief, whole = followup("audit", "REF-1").out, followup("audit", "REF-1", "--all").out

    assert "message delivered" not in brief
    assert "provider: message delivered (from sent, to delivered)" in whole


def test_an_evidence_pack_is_written_once_and_proved_by_anybody(on_both, tmp_path):
    enrolled(on_both)
    play(on_both, hours=1)
    with on_both.app() as app:
        ahead = datetime.now(UTC) - app.clock.real_now() + 2 * SIGN_AFTER
        clock_of(app).advance_real(ahead)
        sign_trail(app)
    pack = tmp_path / "pack.zip"

    told = on_both("audit", "REF-1", "--pack", str(pack))

    assert told.code == 0
    key = told.out.strip().rpartition(" ")[2]
    done = subprocess.run(
        [sys.executable, "-I", VERIFIER, pack, key],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("OK: ")
    with ZipFile(pack) as archive:
        report = json.loads(archive.read("report.json"))
    assert report["messages"][0]["tries"][0]["text"]
    assert "@" not in "".join(event["actor"] for event in report["events"])
    with on_both.app() as app:
        *_, made = rows(app, AuditEvent)
    assert made.action == "patient.evidence-exported"
    assert made.actor.startswith("cli:")
    again = on_both("audit", "REF-1", "--pack", str(pack))
    assert (again.code, "is there already" in again.err) == (2, True)
    assert on_both("audit", "REF-1", "--named").code == 2


def test_of_rows_that_can_not_be_read_nothing_is_made_and_it_is_said_what_to_do(followup):
    enrolled(followup)
    with followup.app() as app, app.store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE messages SET due_at = 'nonsense'")
    exports = (
        ("audit", "REF-1", "--pack", "one.zip"),
        ("incident", "export", "--enrolment", "REF-1", "--to", "one.zip"),
        ("export-patient", "REF-1", "--output", "one.zip"),
        ("audit", "REF-1"),
    )
    for command in exports:
        answer = followup(*command)
        assert (answer.code, answer.out) == (1, "")
        assert "can't be read as it was written" in answer.err
        assert "make it from a backup" in answer.err
    assert not (followup.folder / "one.zip").exists()


def test_a_file_that_no_room_is_left_for_is_not_left_in_half(tmp_path):
    target, limits = tmp_path / "one.zip", resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "link.zip").symlink_to(tmp_path / "elsewhere.zip")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(FollowupError, match="can't be written"):
            write_new_file(target, b"x" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with pytest.raises(FollowupError, match="is there already"):
        write_new_file(tmp_path / "link.zip", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["link.zip"]


def test_the_trail_is_found_intact_or_not(on_both, tmp_path):
    enrolled(on_both)
    assert "Public key: followup-audit/" in on_both("audit", "--verify").out
    play(on_both, hours=1)
    # Long after other events, and no service runs that signs: nothing was edited for that.
    waiting = on_both("audit", "--verify")
    assert (waiting.code, "NOT INTACT" in waiting.err) == (1, False)
    assert "NOT SIGNED: Events " in waiting.err
    assert on_both("audit", "--verify", "--json").json["intact"] is None
    with on_both.app() as app:
        # The command itself wrote at the real time.
        ahead = datetime.now(UTC) - app.clock.real_now() + 2 * SIGN_AFTER
        clock_of(app).advance_real(ahead)
        sign_trail(app)

    intact = on_both("audit", "--verify", "--json")
    assert intact.code == 0
    assert intact.json["intact"] is True
    assert intact.json["events"] >= 5
    told = on_both("audit", "--verify").out
    assert "Intact: " in told
    kept = tmp_path / "kept.note"
    kept.write_text(intact.json["checkpoint"])
    assert on_both("audit", "--verify", "--head", str(kept)).code == 0
    assert "give the file that holds" in on_both("audit", "--verify", "--head", "nowhere").err
    lost = on_both("audit", "--verify", "--head", "00" * 32)
    assert lost.code == 1
    assert "does not hold what you kept of it" in lost.err

    tamper(on_both)
    edited = on_both("audit", "--verify")
    assert edited.code == 1
    assert "NOT INTACT" in edited.err
    damage = on_both("audit", "--verify", "--json").json["damage"]
    assert [it["kind"] for it in damage] == ["events"]


def tamper(followup):
    """Edit the trail as only someone can who owns the database: past the triggers."""
    with followup.app() as app, app.store.write() as session:
        if app.store.is_sqlite:
            names = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
            for name in session.scalars(text(names)).all():
                session.execute(text(f"DROP TRIGGER {name}"))
        else:
            session.execute(text("ALTER TABLE audit_events DISABLE TRIGGER ALL"))
        session.execute(text("UPDATE audit_events SET actor = 'somebody' WHERE id = 2"))


@pytest.mark.parametrize(
    "args",
    [(), ("REF-1", "--verify"), ("REF-1", "--head", "00")],
    ids=["nothing", "both", "a seal without the trail"],
)
def test_an_audit_is_of_one_patient_or_of_the_trail(followup, args):
    assert followup("audit", *args).code == 2


# -------------------------------------------------------------------------- worklist


def test_what_waits_for_a_person_is_listed_shown_taken_and_closed(on_both):
    identifier = enrolled_with(on_both, 1, mobile="07700 900222")["enrolment_id"]
    play(on_both, minutes=10)

    listed = on_both("worklist")
    (item,) = on_both("worklist", "--json").lines
    shown = on_both("worklist", "show", item["id"])

    assert item["kind"] == "failed"
    assert item["enrolment_id"] == identifier
    assert item["look_by"].endswith("Z")
    assert item["id"] in listed.out
    assert "Message not delivered" in listed.out
    for words in ("Test Patient-00001", "+447700900222", "REF-1", "going-home"):
        assert words in shown.out
    assert on_both("worklist", "take", item["id"][:18]).code == 0
    assert on_both("worklist", "--json").lines[0]["owner"].startswith("cli:")
    closed = on_both("worklist", "close", item["id"], "--outcome", "rang")
    assert closed.out == f"Item {item['id']} is closed: phoned the patient.\n"
    assert on_both("worklist").out == "Nothing needs action.\n"
    assert on_both("worklist", "close", item["id"], "--outcome", "rang").code == 1


def test_the_list_names_no_patient(followup):
    enrolled_with(followup, 1, mobile="07700 900222")
    play(followup, minutes=10)

    printed = followup("worklist").out + followup("worklist", "--json").out

    for private in ("Test Patient", "900222", nhs_number(1)):
        assert private not in printed


@pytest.mark.parametrize(
    ("args", "code"),
    [
        pytest.param(("show", "0" * 32), 1, id="no-such-item"),
        pytest.param(("show", "0123"), 1, id="too-short"),
        pytest.param(("show", "not-an-id"), 1, id="no-id"),
        pytest.param(("close", "0" * 32), 2, id="no-outcome"),
        pytest.param(("--clinic", "nowhere"), 1, id="no-such-clinic"),
        pytest.param(("nonsense",), 2, id="no-such-command"),
    ],
)
def test_what_is_not_on_the_list_is_refused(followup, args, code):
    assert followup("worklist", *args).code == code


def test_refused_below_a_command_it_still_tells_programs(followup):
    answer = followup("worklist", "--clinic", "nowhere", "--json")

    assert answer.code == 1
    assert answer.json["problems"][0]["field"] == "clinic"


# --------------------------------------------------------------------------- sandbox


def test_the_outbox_shows_what_a_phone_and_a_mailbox_got(on_both):
    enrolled_with(on_both, 1, mobile="07700 900001")
    enrolled_with(on_both, 2, email="patient2@example.com")
    play(on_both, minutes=10)

    listed = on_both("outbox", "--json").lines
    phone = on_both("outbox", "--to", "07700 900001", "--json").lines
    mailbox = on_both("outbox", "--to", "Patient2@example.com", "--json").lines

    assert len(listed) == 2
    assert [(it["channel"], it["to"]) for it in phone] == [("sms", "+447700900001")]
    assert [it["to"] for it in mailbox] == ["patient2@example.com"]
    assert mailbox[0]["subject"]
    assert phone[0]["status"] == "delivered"
    assert len(on_both("outbox", "--limit", "1", "--json").lines) == 1
    assert "+447700900001" in on_both("outbox").out


def test_an_empty_outbox_says_so(followup):
    assert followup("outbox").out == "The sandbox was given nothing yet.\n"
    assert followup("outbox", "--to", "01752 437706").code == 1


def test_a_reply_is_taken_in_as_a_carrier_would_bring_it(on_both):
    enrolled(on_both)
    play(on_both, minutes=10)

    answer = on_both("sandbox", "reply", "--from", "07700 900001", "STOP", "--json")
    told = on_both("sandbox", "reply", "--from", "07700 900001", "my leg is weak")

    assert answer.json["meaning"] == "stop"
    assert answer.json["answer"] == "reply-stopped"
    assert len(on_both("objections", "--json").lines) == 1
    assert "possible red flag" in told.out
    item, to_ring = on_both("worklist", "--json").lines
    assert to_ring["kind"] == "advice-stopped"
    assert "my leg is weak" in on_both("worklist", "show", item["id"]).out


def test_a_reply_from_an_unknown_number_is_shown_with_it(followup):
    followup("sandbox", "reply", "--from", "07700 900777", "who is this?")

    (item,) = followup("worklist", "--json").lines
    shown = followup("worklist", "show", item["id"]).out

    assert "+447700900777" in shown
    assert "who is this?" in shown
    assert "(not known)" in shown


def test_what_a_patient_wrote_can_t_steer_the_terminal(followup):
    followup("sandbox", "reply", "--from", "07700 900777", "\x1b[2Jhelp\x07")

    (item,) = followup("worklist", "--json").lines

    shown = followup("worklist", "show", item["id"]).out
    assert "?[2Jhelp?" in shown
    assert "\x1b" not in shown


def test_with_a_real_provider_nobody_s_part_is_played(followup):
    followup.more = {
        "FOLLOWUP_SMS_CHANNEL": "twilio",
        "FOLLOWUP_TWILIO_ACCOUNT_SID": "AC00000000000000000000000000000000",
        "FOLLOWUP_TWILIO_AUTH_TOKEN": "secret",
        "FOLLOWUP_TWILIO_FROM": "+447700900000",
        "FOLLOWUP_TWILIO_API_URL": "http://127.0.0.1:9",
    }

    answer = followup("sandbox", "reply", "--from", "07700 900001", "STOP")

    assert answer.code == 1
    assert "texts go through twilio" in answer.err
