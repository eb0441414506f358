"""Parts of `followup check`, one by one; nothing is made or changed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import make_url

from followup.cli.framework.opening import opened
from followup.cli.service.check_words import look_at_files, look_at_words
from followup.cli.service.findings import Findings
from followup.domain.errors import FollowupError, WrongMasterKey
from followup.monitoring import health
from followup.settings.rules import remarks
from followup.settings.settings import Settings, load_settings
from followup.store.encryption.key_check import KeyCheck, check_keys
from followup.store.encryption.sealing import MasterKeys
from followup.store.engine.session import Store, make_engine
from followup.store.schema import current as schema
from followup.store.schema.revisions import newest_revision

BROKER_SECONDS = 3.0


def look_at_everything() -> Findings:
    """Return what is well, what a clinic should settle, and what must be corrected."""
    findings = Findings()
    settings: list[Settings] = []
    findings.look("settings", lambda: _settings(settings))
    if settings:
        findings.warn("settings", *remarks(settings[0]))
    read = look_at_files(findings, settings[0] if settings else None)
    engine = _look_at_database(findings, settings[0]) if settings else None
    try:
        if read is not None:
            look_at_words(findings, *read, engine, settings[0] if settings else None)
        if engine is not None:
            _look_at_keys(findings, engine, settings[0])
    finally:
        if engine is not None:
            engine.dispose()
    if settings and not settings[0].is_embedded:
        findings.look("broker", lambda: _broker(settings[0]))
    return findings


def _settings(found: list[Settings]) -> str:
    settings = load_settings()
    found.append(settings)
    return f"texts by {settings.sms_channel}, e-mails by {settings.email_channel}"


def _look_at_database(findings: Findings, settings: Settings) -> Engine | None:
    """Return what reads the database; None where it is not there, or not as this version has it."""
    if settings.is_sqlite and not Path(make_url(settings.database_url).database or "").exists():
        findings.warn("database", "there is none yet: it is made at the first start")
        return None
    engine = make_engine(settings.database_url)
    sound = findings.look("database", lambda: _database(engine, settings))
    if sound and schema.revision_of(engine) == newest_revision():
        return engine
    engine.dispose()
    return None


def _look_at_keys(findings: Findings, engine: Engine, settings: Settings) -> None:
    found: list[KeyCheck] = []
    findings.look("keys", lambda: _keys(found, Store(engine), settings))
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
    # Slow to import, and an embedded stack has none.
    import redis  # noqa: PLC0415

    from followup.broker.client import redis_client  # noqa: PLC0415

    client = redis_client(settings.broker_url, seconds=BROKER_SECONDS)
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
