"""`followup check --live`: what is missing before messages may go to patients, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import typer
from sqlalchemy.orm import Session

from followup.catalogue.bank_holidays import bank_holidays
from followup.catalogue.signers import load_signers
from followup.cli.framework.boundary import EXIT_REFUSED
from followup.cli.framework.opening import opened
from followup.cli.framework.screen import say, say_json
from followup.content.check import content_faults
from followup.content.safety_check import safety_findings
from followup.context import AppContext
from followup.domain.releases.readiness import unready
from followup.domain.releases.review import ReviewStage
from followup.domain.releases.signer import Signer, SigningRole, same_person
from followup.releases.gate import gate_of
from followup.releases.reviews import reviews
from followup.settings.rules import remarks
from followup.settings.settings import Settings, load_settings

Missing = tuple[str, str]
"""Who can settle it, and what it is."""

OPERATOR, CLINIC, AUTHOR = "operator", "clinic", "author"
SIGNERS = "author and approver"


def check_live(*, as_json: bool) -> None:
    """List what is missing, and end with 1 where anything is."""
    settings = load_settings()
    with opened() as app, app.store.read() as session:
        live = replace(app, policy=replace(app.policy, live=True))
        found = list(dict.fromkeys(_missing(session, live, settings)))
    if as_json:
        say_json(
            {
                "live": settings.is_live,
                "ready": not found,
                "missing": [{"who": who, "message": message} for who, message in found],
            }
        )
    else:
        mode = "live" if settings.is_live else "practice: nothing needs approval"
        say(f"This installation is {mode}.")
        for number, (who, message) in enumerate(found, start=1):
            say(f"{number}. {who}: {message}")
        say("Ready for patients." if not found else "Not ready for patients.")
    if found:
        raise typer.Exit(EXIT_REFUSED)


def _missing(session: Session, app: AppContext, settings: Settings) -> Iterator[Missing]:
    for remark in remarks(settings):
        yield OPERATOR, remark
    if app.catalogue.folder is None:
        sentence = (
            "FOLLOWUP_CONFIG_DIR is unset: copy config/ to a folder of the clinic's own, under "
            "version control"
        )
        yield OPERATOR, sentence
    yield from _of_signers(app)
    yield from _of_facts(app)
    yield from _of_reviews(session, app)
    yield from _of_rules(app)
    yield from _of_words(session, app)


def _of_facts(app: AppContext) -> Iterator[Missing]:
    for clinic in app.catalogue.clinics.values():
        for protocol in app.catalogue.protocols.values():
            for _, sentence in unready(protocol, clinic, on_call=app.policy.on_call.anybody):
                yield CLINIC, sentence


def _of_reviews(session: Session, app: AppContext) -> Iterator[Missing]:
    for review in reviews(session, app):
        if review.stage is ReviewStage.OVER:
            sentence = (
                f"{review.source}, for {review.protocol} at {review.clinic}, was due for review by "
                f"{review.due}: have it reviewed, or two people sign a later date (followup words "
                "extend)"
            )
            yield CLINIC, sentence


def _of_rules(app: AppContext) -> Iterator[Missing]:
    """Say what must be mended in the words as they are sent, those of the console too."""
    known = app.catalogue
    protocols = [one for one in known.protocols.values() if not one.example]
    clinics = known.clinics.values()
    for fault in content_faults(app.content, clinics=clinics, protocols=protocols):
        yield AUTHOR, fault
    today = app.clock.now().date()
    for breach in safety_findings(
        app.content, clinics=clinics, protocols=protocols, today=today, holidays=bank_holidays
    ):
        if breach.grave:
            yield AUTHOR, str(breach)


def _of_words(session: Session, app: AppContext) -> Iterator[Missing]:
    for (clinic, protocol), clearance in gate_of(app).of_protocols(session, app).items():
        if clearance.reason is None or app.catalogue.protocols[protocol].example:
            continue
        facts, known = app.catalogue.clinics[clinic], app.catalogue.protocols[protocol]
        unsettled = any(unready(known, facts, on_call=app.policy.on_call.anybody))
        last = f"after that, two people sign and approve the words of {protocol} at {clinic}"
        yield SIGNERS, last if unsettled else clearance.sentence


def _of_signers(app: AppContext) -> Iterator[Missing]:
    signers, now = load_signers(app.catalogue.folder), app.clock.now()

    def who(role: SigningRole) -> list[Signer]:
        return [one for one in signers if one.refusal(role, now) is None]

    authors, approvers = who(SigningRole.AUTHOR), who(SigningRole.APPROVER)
    two = any(
        not same_person(author.name, approver.name) for author in authors for approver in approvers
    )
    if not two:
        sentence = (
            "two people with keys are needed, an author and an approver: each makes theirs with "
            "followup keys sign new NAME --role author, or --role approver"
        )
        yield CLINIC, sentence
