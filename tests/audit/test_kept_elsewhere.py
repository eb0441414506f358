"""Checkpoints that leave the house: by every way that is set, and never over what does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from rfc3161_client import TimestampRequestBuilder
from sqlalchemy import delete, update

from followup.audit.kept_elsewhere import keep_elsewhere, newest_kept
from followup.audit.tree import trail_signer
from followup.audit.verify import verify_trail
from followup.context import AppContext, CheckpointKeepers
from followup.domain.errors import TrailDamaged
from followup.providers.operator_alerts import EmailMessenger
from followup.providers.time_stamps import TimeStamper
from followup.store.models.audit import AuditCheckpoint, AuditEvent, AuditTile
from tests.audit.test_verify import do, open_to_changes, record, sign
from tests.stand_ins.mail import MailServer
from tests.stand_ins.time_stamp_authority import TimeStampAuthority
from tests.support.apps import clock_of, rows

AUDITOR = "auditor@hospital.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TimeStampAuthority]:
    with closing(TimeStampAuthority(tmp_path_factory.mktemp("tsa") / "own")) as running:
        yield running


@pytest.fixture
def mailbox() -> Iterator[MailServer]:
    with MailServer() as server:
        yield server


@pytest.fixture
def kept(
    sqlite_app: AppContext, tmp_path: Path, authority: TimeStampAuthority, mailbox: MailServer
) -> AppContext:
    """An app context that keeps checkpoints in every way, over a signed trail."""
    (tmp_path / "elsewhere").mkdir()
    mail = EmailMessenger(mailbox.url, sender="followup@clinic.example", to=[AUDITOR])
    stamper = TimeStamper(authority.url, roots=authority.roots)
    keepers = CheckpointKeepers(folder=tmp_path / "elsewhere", mail=mail, stamper=stamper)
    object.__setattr__(sqlite_app, "keepers", keepers)
    record(sqlite_app, 300)
    assert sign(sqlite_app)
    return sqlite_app


def notes_of(app: AppContext) -> list[Path]:
    return sorted(app.keepers.folder.glob("*.note"))


def an_hour_later(app: AppContext) -> None:
    clock_of(app).advance_real(timedelta(hours=1))
    record(app, 20)
    assert sign(app)
    assert sign(app)


def test_each_hour_one_goes_by_every_way_and_what_is_there_is_never_written_over(
    kept: AppContext, authority: TimeStampAuthority, mailbox: MailServer
):
    assert keep_elsewhere(kept) == 3
    assert keep_elsewhere(kept) == 0
    first = {it: it.read_bytes() for it in kept.keepers.folder.iterdir()}
    an_hour_later(kept)
    assert keep_elsewhere(kept) == 3
    assert keep_elsewhere(kept) == 0

    notes = notes_of(kept)
    written = [
        it.detail["note"] for it in rows(kept, AuditEvent) if it.action == "audit.checkpoint"
    ]
    assert [it.read_text() for it in notes] == written
    assert [it.name[-17:-5] for it in notes] == ["000000000300", "000000000322"]
    assert {it: it.read_bytes() for it in first} == first
    assert len(list(kept.keepers.folder.iterdir())) == 4
    for note in notes:
        assert authority.verify(note.with_suffix(".tsr"), note) == "Verification: OK"
    assert authority.verify(notes[0].with_suffix(".tsr"), notes[1]) != "Verification: OK"
    attached = [next(it.message.iter_attachments()) for it in mailbox.letters]
    assert [it.get_filename() for it in attached] == [it.name for it in notes]
    assert [it.get_content() for it in attached] == [it.read_bytes() for it in notes]
    assert {it.recipients for it in mailbox.letters} == {(AUDITOR,)}
    assert newest_kept(kept) == written[1]
    # An e-mail is an event too, and alone no news: no checkpoint is made of it for ever.
    clock_of(kept).advance_real(timedelta(hours=2))
    sign(kept)
    clock_of(kept).advance_real(timedelta(hours=2))
    sign(kept)
    assert keep_elsewhere(kept) == 0


def test_a_way_that_fails_keeps_no_other_from_it_and_is_tried_again(
    kept: AppContext, authority: TimeStampAuthority, mailbox: MailServer, tmp_path: Path
):
    with closing(TimeStampAuthority(tmp_path / "another", name="Somebody else")) as another:
        stranger = TimeStamper(another.url, roots=authority.roots)
        own, keepers = kept.keepers.stamper, kept.keepers
        object.__setattr__(keepers, "stamper", stranger)
        with pytest.raises(OSError, match="does not hold"):
            keep_elsewhere(kept)
    assert [it.suffix for it in kept.keepers.folder.iterdir()] == [".note"]
    assert len(mailbox.letters) == 1
    object.__setattr__(keepers, "stamper", own)
    other = TimestampRequestBuilder().data(b"something else").build().as_bytes()
    for wrong in (b"", b"no answer of an authority", authority.answer(other)):
        authority.always = wrong
        with pytest.raises(OSError, match="does not hold"):
            keep_elsewhere(kept)
    authority.always = None

    assert keep_elsewhere(kept) == 1

    assert {it.suffix for it in kept.keepers.folder.iterdir()} == {".note", ".tsr"}
    assert len(mailbox.letters) == 1
    # A disk that is not mounted is not written to as if it were.
    kept.keepers.folder.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        keep_elsewhere(kept)
    assert not kept.keepers.folder.exists()


def test_a_trail_that_was_signed_anew_is_found_by_itself_and_not_kept(kept: AppContext):
    keep_elsewhere(kept)
    before = {it: it.read_bytes() for it in kept.keepers.folder.iterdir()}
    assert verify_trail(kept, kept=newest_kept(kept)).intact
    open_to_changes(kept)
    do(
        kept,
        delete(AuditCheckpoint),
        delete(AuditTile),
        update(AuditEvent).where(AuditEvent.id == 7).values(detail={"number": "another"}),
    )
    clock_of(kept).advance_real(timedelta(hours=3))
    while sign(kept):
        pass

    with pytest.raises(TrailDamaged, match="does not hold"):
        keep_elsewhere(kept)

    assert {it: it.read_bytes() for it in kept.keepers.folder.iterdir()} == before
    assert verify_trail(kept).intact, "consistent in itself"
    assert not verify_trail(kept, kept=newest_kept(kept)).intact
    # As after a restore: with the newer notes out of the way it goes on.
    for file in before:
        file.unlink()
    assert keep_elsewhere(kept) > 0
    assert trail_signer(kept).key.signed(notes_of(kept)[0].read_text()) is not None
