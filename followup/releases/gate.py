"""Release gate: whether the words of a message may go out, by what two people signed.

Each process knows the bytes that it loaded, looks at the files and at the database once a second,
and verifies a signature anew only where a byte of it changed. So sending costs one query a second,
and a byte changed on disk or in the database holds what is made of it from the next look on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import NamedTuple
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy.orm import Session

from followup.catalogue.signers import load_signers, signers_stamp
from followup.content.release_files import (
    ReleasedText,
    ReleaseFile,
    files_of_release,
    manifest_of,
    words_of_templates,
)
from followup.context import AppContext
from followup.domain.errors import BadSignature, FollowupError, ProtocolError
from followup.domain.message_kind import MessageKind
from followup.domain.reasons import Reason
from followup.domain.releases.manifest import (
    Manifest,
    bytes_digest,
    changes,
    covers,
    read_manifest,
)
from followup.domain.releases.readiness import unready
from followup.domain.releases.signer import Signer
from followup.releases.queries import approved_releases, with_digests
from followup.releases.verify import two_people_of
from followup.store.engine.session import Store
from followup.store.models.releases import Release

LOOK_EVERY = timedelta(seconds=1)
"""How old (real time) the knowledge of files and releases may grow."""


@dataclass(frozen=True, slots=True)
class Clearance:
    """Whether words may go out: by which release, or why not, with a sentence for a person."""

    release_id: UUID | None = None
    reason: Reason | None = None
    sentence: str = ""


class Concerned(NamedTuple):
    """What of a message decides which words it has; an answer has a protocol's too."""

    kind: str
    clinic: str
    protocol: str | None
    template: str


NOT_ASKED = Clearance()
"""On a practice system anything goes."""


class _Loaded:
    """What this process sends: the files of each protocol at each clinic, as it read them."""

    def __init__(self, app: AppContext) -> None:
        self.catalogue, self.content = app.catalogue, app.content
        self.files: dict[tuple[str, str], tuple[ReleaseFile, ...]] = {}
        self.manifests: dict[tuple[str, str], Manifest] = {}
        for clinic in app.catalogue.clinics:
            for protocol in app.catalogue.protocols:
                files = files_of_release(protocol, clinic, app.content, app.catalogue)
                self.files[clinic, protocol] = files
                self.manifests[clinic, protocol] = manifest_of(
                    protocol, clinic, files, app.catalogue
                )
        self._of_templates: dict[tuple[str, str | None, str], tuple[ReleaseFile, ...]] = {}

    def is_of(self, app: AppContext) -> bool:
        return self.catalogue is app.catalogue and self.content is app.content

    @cached_property
    def digests(self) -> dict[tuple[str, str], str]:
        return {pair: manifest.digest for pair, manifest in self.manifests.items()}

    def of_template(
        self, clinic: str, protocol: str | None, template: str
    ) -> tuple[ReleaseFile, ...]:
        """Return the files of one message: of an answer, or of a test text."""
        key = (clinic, protocol, template)
        if key not in self._of_templates:
            words = words_of_templates(self.content.of(clinic, protocol), {template})
            self._of_templates[key] = tuple(words)
        return self._of_templates[key]


class _Disk:
    """Which of the files are still what they were when they were read."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, str]] = {}

    def changed(self, files: Iterable[ReleaseFile]) -> list[str]:
        """Return the paths of files that changed or are gone."""
        return [file.path for file in files if self._digest(file) != file.digest]

    def _digest(self, file: ReleaseFile) -> str:
        if isinstance(file.place, ReleasedText):
            # What changes in the database makes another text of it, which is loaded anew.
            return file.digest
        key = str(file.place)
        try:
            stamp = _stamp(file)
            known = self._seen.get(key)
            # The time of the last change of the inode can't be set back by whoever wrote to it.
            if known is None or stamp is None or known[0] != stamp:
                self._seen[key] = known = (stamp, bytes_digest(file.place.read_bytes()))
        except OSError:
            return ""
        return known[1]


def _stamp(file: ReleaseFile) -> object:
    if not isinstance(file.place, Path):
        return None
    stat = file.place.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns


class ReleaseGate:
    """Knows what may be sent, and looks again when that is a second old. Shared by threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._loaded: _Loaded | None = None
        self._disk = _Disk()
        self._signers: tuple[object, tuple[Signer, ...], str] = (None, (), "")
        self._verified: dict[UUID, tuple[object, str]] = {}
        self._looked: dict[str, datetime] = {}
        self._changed: dict[tuple[str, str], list[str]] = {}
        self._clearances: dict[tuple[str, str], Clearance] = {}
        self._approved: dict[str, dict[UUID, Manifest]] = {}

    def clearances(
        self, session: Session, app: AppContext, messages: Collection[Concerned]
    ) -> dict[Concerned, Clearance]:
        """Return for each message whether its words may go out, as of a second ago at most."""
        if not messages:
            return {}
        if not app.policy.live:
            return dict.fromkeys(messages, NOT_ASKED)
        with self._lock:
            self._look(session, app, {message.clinic for message in messages})
            return {message: self._of(app, message) for message in set(messages)}

    def of_protocols(self, session: Session, app: AppContext) -> dict[tuple[str, str], Clearance]:
        """Return it of every protocol at every clinic, by clinic and protocol."""
        with self._lock:
            self._look(session, app, set(app.catalogue.clinics))
            return {
                (clinic, protocol): self._of_pair(app, clinic, protocol)
                for clinic in app.catalogue.clinics
                for protocol in app.catalogue.protocols
            }

    def unapproved(self, session: Session, app: AppContext) -> frozenset[tuple[str, str]]:
        """Return the clinics and protocols whose words in the database no approved release has."""
        with self._lock:
            self._look(session, app, set(app.catalogue.clinics))
            assert self._loaded is not None  # noqa: S101 - `_look` has loaded it
            return frozenset(
                (clinic, protocol)
                for clinic, protocol in app.content.released_for & self._loaded.files.keys()
                if not any(
                    manifest.protocol == protocol
                    and covers(manifest.files, _in_database(self._loaded.files[clinic, protocol]))
                    for manifest in self._approved.get(clinic, {}).values()
                )
            )

    def _of(self, app: AppContext, message: Concerned) -> Clearance:
        if message.kind == MessageKind.ADVICE and message.protocol is not None:
            return self._of_pair(app, message.clinic, message.protocol)
        return self._of_words(message)

    def _of_pair(self, app: AppContext, clinic: str, protocol: str) -> Clearance:
        found = self._clearances.get((clinic, protocol))
        if found is None:
            return Clearance(
                None,
                Reason.WORDS_NOT_APPROVED,
                f"{protocol} at {clinic} is in no file of the configuration: put it back",
            )
        if app.policy.live:
            facts = app.catalogue.clinics[clinic]
            known = app.catalogue.protocols[protocol]
            for reason, sentence in unready(known, facts, on_call=app.policy.on_call.anybody):
                return Clearance(None, reason, sentence)
        return found

    def _of_words(self, message: Concerned) -> Clearance:
        """Return it of an answer or a test text: its own words must be approved, and no others.

        A patient who reports a warning sign is answered although other words wait for approval.
        """
        assert self._loaded is not None  # noqa: S101 - `_look` has loaded it
        files = self._loaded.of_template(message.clinic, message.protocol, message.template)
        if changed := self._disk.changed(files):
            return _changed(changed)
        wanted = [(file.path, file.digest) for file in files]
        for release_id, manifest in self._approved.get(message.clinic, {}).items():
            if covers(manifest.files, wanted):
                return Clearance(release_id)
        return Clearance(
            None,
            Reason.WORDS_NOT_APPROVED,
            f"no approved release of {message.clinic} has the words of {message.template}",
        )

    def _look(self, session: Session, app: AppContext, clinics: Collection[str]) -> None:
        if self._loaded is None or not self._loaded.is_of(app):
            self._loaded = _Loaded(app)
            self._looked.clear()
        now = app.clock.real_now()
        stale = {one for one in clinics if one in app.catalogue.clinics and self._is_old(one, now)}
        if not stale:
            return
        signers, trouble = self._load_signers(app.catalogue.folder)
        loaded = self._loaded
        pairs = [pair for pair in loaded.manifests if pair[0] in stale]
        found = with_digests(session, stale, [loaded.digests[pair] for pair in pairs])
        for pair in pairs:
            self._changed[pair] = self._disk.changed(loaded.files[pair])
            mine = [
                one
                for one in found
                if (one.clinic, one.protocol, one.digest) == (*pair, loaded.digests[pair])
            ]
            told = app.content.broken.get(pair)
            self._clearances[pair] = (
                _broken(pair, told) if told else self._judge(pair, mine, signers, trouble)
            )
        self._take_approved(session, stale, found, signers)
        for pair in pairs:
            self._clearances[pair] = self._explained(pair)
        for clinic in stale:
            self._looked[clinic] = now

    def _is_old(self, clinic: str, now: datetime) -> bool:
        looked = self._looked.get(clinic)
        # A clock that was set back makes it old too.
        return looked is None or not timedelta() <= now - looked < LOOK_EVERY

    def _judge(
        self,
        pair: tuple[str, str],
        releases: Sequence[Release],
        signers: Sequence[Signer],
        trouble: str,
    ) -> Clearance:
        if self._changed[pair]:
            return _changed(self._changed[pair])
        refusals = []
        for release in releases:
            if release.withdrawn_at is not None or release.sent_back_at is not None:
                continue
            refusal = trouble or self._refusal(release, signers)
            if not refusal:
                return Clearance(release.id)
            refusals.append((release.approver is not None, refusal))
        approved = [refusal for is_approved, refusal in refusals if is_approved]
        where = f"{pair[1]} at {pair[0]}"
        if approved:
            return Clearance(None, Reason.WORDS_CHANGED, f"the release of {where}: {approved[0]}")
        if any(release.withdrawn_at is not None and release.approver for release in releases):
            return Clearance(
                None,
                Reason.WORDS_WITHDRAWN,
                f"the words of {where} were withdrawn: have others signed and approved, or go back "
                "to those before with followup words rollback",
            )
        return Clearance(
            None,
            Reason.WORDS_NOT_APPROVED,
            f"the words of {where} are not approved: an author signs them (followup words sign), "
            "and another person approves them (followup words approve)",
        )

    def _explained(self, pair: tuple[str, str]) -> Clearance:
        """Say of words without a release whether others are approved: somebody changed a file."""
        found = self._clearances[pair]
        if found.reason is not Reason.WORDS_NOT_APPROVED:
            return found
        assert self._loaded is not None  # noqa: S101 - `_look` has loaded it
        mine = self._loaded.manifests[pair].files
        for manifest in self._approved.get(pair[0], {}).values():
            if manifest.protocol == pair[1]:
                differing = [change.path for change in changes(manifest.files, mine)]
                return Clearance(
                    None,
                    Reason.WORDS_CHANGED,
                    f"the words of {pair[1]} at {pair[0]} are not the approved ones, but differ in "
                    f"{', '.join(differing[:3])}: put the approved files back, or sign these",
                )
        return found

    def _take_approved(
        self,
        session: Session,
        clinics: Collection[str],
        found: Sequence[Release],
        signers: Sequence[Signer],
    ) -> None:
        """Keep the files of every approved release: more are read only where one is missing."""
        missing = {
            clinic
            for clinic in clinics
            if any(
                self._clearances[pair].release_id is None
                for pair in self._clearances
                if pair[0] == clinic
            )
        }
        more = approved_releases(session, missing) if missing else ()
        for clinic in clinics:
            kept = {}
            for release in (*found, *more):
                stands = release.withdrawn_at is None and release.sent_back_at is None
                if release.clinic == clinic and stands and not self._refusal(release, signers):
                    kept[release.id] = read_manifest(release.statement)
            self._approved[clinic] = kept

    def _refusal(self, release: Release, signers: Sequence[Signer]) -> str:
        """Return why two people did not sign this; the answer is kept until a byte changes."""
        stamp = (
            release.statement,
            release.digest,
            (release.author, release.author_key, release.author_signature, release.signed_at),
            (release.approver, release.approver_key, release.approver_signature),
            release.approved_at,
            self._signers[0],
        )
        known = self._verified.get(release.id)
        if known is None or known[0] != stamp:
            try:
                two_people_of(release, signers)
                manifest = read_manifest(release.statement)
                right = (manifest.clinic, manifest.protocol) == (release.clinic, release.protocol)
                refusal = "" if right else "it is for another clinic or protocol"
            except (FollowupError, ValueError) as error:
                refusal = _plain(error)
            self._verified[release.id] = known = (stamp, refusal)
        return known[1]

    def _load_signers(self, folder: Path | None) -> tuple[tuple[Signer, ...], str]:
        stamp = signers_stamp(folder)
        if self._signers[0] != stamp:
            try:
                self._signers = (stamp, load_signers(folder), "")
            except ProtocolError as error:
                self._signers = (stamp, (), f"the files of signers are wrong: {error}")
        return self._signers[1], self._signers[2]


def _plain(error: Exception) -> str:
    return error.problems[0].message if isinstance(error, BadSignature) else str(error)


def _in_database(files: Iterable[ReleaseFile]) -> list[tuple[str, str]]:
    return [(file.path, file.digest) for file in files if isinstance(file.place, ReleasedText)]


def _changed(paths: Sequence[str]) -> Clearance:
    return Clearance(
        None,
        Reason.WORDS_CHANGED,
        f"{', '.join(paths[:3])} on disk is not what two people approved: put it back, or have the "
        "new words signed and approved, and restart the service",
    )


def _broken(pair: tuple[str, str], told: str) -> Clearance:
    return Clearance(
        None,
        Reason.WORDS_CHANGED,
        f"the words of {pair[1]} at {pair[0]} that lie in the database can't be used: {told}: go "
        "back to an earlier release",
    )


_gates: WeakKeyDictionary[Store, ReleaseGate] = WeakKeyDictionary()
_GATES = Lock()


def gate_of(app: AppContext) -> ReleaseGate:
    """Return what this process knows of releases."""
    with _GATES:
        return _gates.setdefault(app.store, ReleaseGate())
