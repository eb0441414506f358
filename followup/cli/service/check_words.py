"""Parts of `followup check` about words: the files, and what of the console lies over them."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import Engine

from followup.bootstrap import require_answerable
from followup.catalogue.bank_holidays import bank_holidays, last_known
from followup.catalogue.load import Catalogue, load_catalogue
from followup.cli.service.findings import Finding, Findings
from followup.clock import parse_clock
from followup.content.check import content_faults, content_reservations
from followup.content.layers import load_content, words_of
from followup.content.library import Content
from followup.content.safety_check import safety_findings
from followup.releases.in_force import laid_over, rows_in_force
from followup.replies.triage import unsorted_languages
from followup.settings.settings import Settings
from followup.store.engine.session import Store

HOLIDAYS_AHEAD = timedelta(days=120)


def look_at_files(
    findings: Findings, settings: Settings | None
) -> tuple[Catalogue, Content] | None:
    """Return what the files hold; None where they can't be read."""
    catalogues: list[Catalogue] = []
    contents: list[Content] = []
    today = _today(settings)
    findings.look("protocols", lambda: _catalogue(catalogues, settings))
    if catalogues:
        findings.look("messages", lambda: _content(contents, catalogues[0], settings))
        findings.warn("protocols", *catalogues[0].reservations(today))
        findings.warn("clinics", *holidays_running_out(catalogues[0], today=today))
        findings.warn("replies", *unsorted_languages(catalogues[0]))
    return (catalogues[0], contents[0]) if catalogues and contents else None


def look_at_words(
    findings: Findings,
    catalogue: Catalogue,
    content: Content,
    engine: Engine | None,
    settings: Settings | None,
) -> None:
    """Look at the words that are sent: those of the files, and of the console over them."""
    clinics, protocols = catalogue.clinics.values(), catalogue.protocols.values()
    today = _today(settings)
    if engine is not None:
        content = _in_force(findings, content, Store(engine))
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


def _today(settings: Settings | None) -> date:
    return parse_clock(settings.clock if settings else None).now().date()


def holidays_running_out(catalogue: Catalogue, *, today: date) -> list[str]:
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


def _in_force(findings: Findings, files: Content, store: Store) -> Content:
    with store.read() as session:
        rows = rows_in_force(session)
    if not rows:
        return files
    content = laid_over(files, rows)
    for (clinic, protocol), told in content.broken.items():
        sentence = (
            f"the words of {protocol} at {clinic} that were written in the console can't be used: "
            f"{told}: go back to an earlier release"
        )
        findings.errors.append(Finding("messages", sentence))
    whose = ", ".join(sorted(f"{protocol} at {clinic}" for clinic, protocol, _ in rows))
    findings.sound.append(Finding("console", f"words in force over the files: {whose}"))
    return content
