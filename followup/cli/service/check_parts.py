"""Parts of `followup check`, one by one; nothing is made or changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from followup.bootstrap import require_answerable
from followup.catalogue.bank_holidays import bank_holidays, last_known
from followup.catalogue.load import Catalogue, load_catalogue
from followup.cli.framework.opening import opened
from followup.clock import parse_clock
from followup.content.check import content_faults, content_reservations
from followup.content.layers import load_content, words_of
from followup.content.library import Content
from followup.content.safety_check import safety_findings
from followup.domain.errors import FollowupError, WrongMasterKey
from followup.monitoring import health
from followup.replies.triage import unsorted_languages
from followup.settings.rules import remarks
from followup.settings.settings import Settings, load_settings
from followup.store.encryption.key_check import KeyCheck, check_keys
from followup.store.encryption.sealing import MasterKeys
from followup.store.engine.session import Store, make_engine
from followup.store.schema import current as schema
from followup.store.schema.revisions import newest_revision

BROKER_SECONDS = 3.0
HOLIDAYS_AHEAD = timedelta(days=120)


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence for the operator, about one part."""

    part: str
    message: str


@dataclass(slots=True)
class Findings:
    """All that was found: `sound` holds a line for each part in which nothing is wrong."""

    sound: list[Finding] = field(default_factory=list)
    warnings: list[Finding] = field(default_factory=list)
    errors: list[Finding] = field(default_factory=list)

    def look(self, part: str, work: Callable[[], str]) -> bool:
        """Do a part of the work, which returns what is well, or raises what is wrong."""
        try:
            self.sound.append(Finding(part, work()))
        except FollowupError as error:
            self.errors += [Finding(part, sentence) for sentence in _sentences(error)]
            return False
        return True

    def warn(self, part: str, *messages: str) -> None:
        self.warnings += [Finding(part, message) for message in messages]


def _sentences(error: FollowupError) -> list[str]:
    """Return the complaints of an error one by one, without the line that introduces a list."""
    lines = str(error).splitlines()
    listed = [line.removeprefix("- ") for line in lines if line.startswith("- ")]
    return listed or lines


def look_at_everything() -> Findings:
    """Return what is well, what a clinic should settle, and what must be corrected."""
    findings = Findings()
    settings: list[Settings] = []
    findings.look("settings", lambda: _settings(settings))
    if settings:
        findings.warn("settings", *remarks(settings[0]))
    _look_at_words(findings, settings[0] if settings else None)
    if settings:
        _look_at_database(findings, settings[0])
        if not settings[0].is_embedded:
            findings.look("broker", lambda: _broker(settings[0]))
    return findings


def _settings(found: list[Settings]) -> str:
    settings = load_settings()
    found.append(settings)
    return f"texts by {settings.sms_channel}, e-mails by {settings.email_channel}"


def _look_at_words(findings: Findings, settings: Settings | None) -> None:
    catalogues: list[Catalogue] = []
    contents: list[Content] = []
    today = parse_clock(settings.clock if settings else None).now().date()
    findings.look("protocols", lambda: _catalogue(catalogues, settings))
    if catalogues:
        findings.look("messages", lambda: _content(contents, catalogues[0], settings))
        findings.warn("protocols", *catalogues[0].reservations(today))
        findings.warn("clinics", *_holidays_running_out(catalogues[0], today=today))
        findings.warn("replies", *unsorted_languages(catalogues[0]))
    if catalogues and contents:
        _look_at_both(findings, catalogues[0], contents[0], today=today)


def _holidays_running_out(catalogue: Catalogue, *, today: date) -> list[str]:
    """Say whose bank holidays are known for too short a time to count office hours by."""
    divisions = {clinic.division for clinic in catalogue.clinics.values()}
    return [
        f"the bank holidays of {division} are known until {last_known(division)} only: update "
        "govuk-bank-holidays, or office hours will be counted on days when nobody is there"
        for division in sorted(divisions)
        if last_known(division) < today + HOLIDAYS_AHEAD
    ]


def _catalogue(found: list[Catalogue], settings: Settings | None) -> str:
    found.append(load_catalogue(settings.config_dir if settings else None))
    if settings is not None:
        require_answerable(settings, found[0])
    clinics, protocols = (", ".join(sorted(it)) for it in (found[0].clinics, found[0].protocols))
    replies = ", ".join(each.name for each in found[0].triage)
    return f"{protocols}; clinics: {clinics}; replies understood in: {replies}"


def _content(found: list[Content], catalogue: Catalogue, settings: Settings | None) -> str:
    found.append(
        load_content(
            words_of(settings.config_dir if settings else None),
            protocols=catalogue.protocols,
            clinics=catalogue.clinics,
        )
    )
    return f"{len(found[0].cards)} messages, {len(found[0].versions())} versions of their words"


def _look_at_both(
    findings: Findings, catalogue: Catalogue, content: Content, *, today: date
) -> None:
    clinics, protocols = catalogue.clinics.values(), catalogue.protocols.values()
    for fault in content_faults(content, clinics=clinics, protocols=protocols):
        findings.errors.append(Finding("messages", fault))
    findings.warn(
        "messages",
        *content_reservations(content, clinics=clinics, protocols=protocols, today=today),
    )
    for breach in safety_findings(
        content, clinics=clinics, protocols=protocols, today=today, holidays=bank_holidays
    ):
        kept = findings.errors if breach.grave else findings.warnings
        kept.append(Finding("safety", str(breach)))


def _look_at_database(findings: Findings, settings: Settings) -> None:
    if settings.is_sqlite and not Path(make_url(settings.database_url).database or "").exists():
        findings.warn("database", "there is none yet: it is made at the first start")
        return
    engine = make_engine(settings.database_url)
    try:
        if not findings.look("database", lambda: _database(engine, settings)):
            return
        if schema.revision_of(engine) != newest_revision():
            return
        found: list[KeyCheck] = []
        findings.look("keys", lambda: _keys(found, Store(engine), settings))
    finally:
        engine.dispose()
    if found and found[0].outdated:
        findings.warn(
            "keys",
            f"{found[0].outdated} patients are sealed under an older master key: "
            "run followup keys rotate",
        )
    if found and found[0].service_keys and not findings.errors:
        with opened() as app:
            findings.warn("running", *(ailment.sentence for ailment in health.health_problems(app)))


def _database(engine: Engine, settings: Settings) -> str:
    schema.require_sound(engine)
    if not settings.is_sqlite:
        schema.require_current(engine)
    revision = schema.revision_of(engine)
    behind = revision != newest_revision()
    return f"schema {revision or 'empty'}" + (": brought up at the next start" if behind else "")


def _keys(found: list[KeyCheck], store: Store, settings: Settings) -> str:
    own = settings.data_dir / "master-keys"
    if settings.master_keys is None and not own.exists():
        raise WrongMasterKey(
            f"{own} is missing: put it back from a backup, or set FOLLOWUP_MASTER_KEYS; without "
            "the key nothing that it sealed can be read"
        )
    masters = MasterKeys(settings.load_master_keys())
    with store.read() as session:
        found.append(check_keys(session, masters))
    if not found[0].service_keys:
        return "nothing is sealed yet"
    return f"master key {masters.current_id} opens what is sealed"


def _broker(settings: Settings) -> str:
    import redis  # noqa: PLC0415 - slow to import, and an embedded stack has none

    client = redis.Redis.from_url(
        settings.broker_url,
        socket_timeout=BROKER_SECONDS,
        socket_connect_timeout=BROKER_SECONDS,
    )
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        message = (
            f"the broker does not answer ({type(error).__name__}): check FOLLOWUP_BROKER_URL, and "
            "that Redis runs and lets this machine in"
        )
        raise FollowupError(message) from error
    finally:
        client.close()
    return "answers"
