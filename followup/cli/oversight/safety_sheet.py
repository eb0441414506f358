"""The safety case as sections and entries, for page and PDF alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from followup.content.version import ApprovalStatus
from followup.domain.safety.finding import WHY
from followup.safety_case.case import UNSIGNED, SafetyCase
from followup.safety_case.controls import run_apart
from followup.safety_case.hazards import Hazard
from followup.safety_case.risk import HARM, HIGHEST_TOLERABLE, LEVELS, MEANING, Severity
from followup.sheets import Entry, Facts, Section, Sheet

TITLE = "Safety case of Followup"


def safety_sheet(case: SafetyCase) -> Sheet:
    """Return a safety case in words."""
    return Sheet(
        facts=tuple(_about(case)),
        verdict="",
        is_broken=False,
        sections=(
            *(
                Section(
                    heading=heading,
                    entries=tuple(Entry(when="", what=text) for text in texts),
                    empty="",
                )
                for heading, texts in case.purpose.items()
            ),
            Section(heading="The matrix", entries=tuple(_matrix()), empty=""),
            Section(
                heading="Hazard log",
                entries=tuple(_hazard(hazard) for hazard in case.hazards),
                empty="",
            ),
            Section(
                heading="Safety rules of the words",
                entries=tuple(Entry(when=rule, what=why) for rule, why in WHY.items()),
                empty="",
            ),
            Section(
                heading="What these rules find in the words as they are",
                entries=tuple(
                    Entry(when="Error" if found.grave else "To settle", what=found.sentence)
                    for found in case.findings
                ),
                empty="Nothing.",
            ),
            Section(
                heading="Signed releases of the words",
                entries=tuple(
                    Entry(
                        when=each.protocol,
                        what=f"{each.digest}: signed by {each.author}, approved by {each.approver}",
                    )
                    for each in case.releases
                ),
                empty="None: nobody has signed and nobody has approved a release of these words.",
            ),
            Section(heading="Protocols", entries=tuple(_protocols(case)), empty="None."),
            Section(heading="Versions of the words", entries=tuple(_words(case)), empty="None."),
        ),
    )


def _about(case: SafetyCase) -> Iterator[tuple[str, str]]:
    program = case.program
    changed = ", with changes that are not committed" if program.changed else ""
    yield "Status", UNSIGNED
    yield "Made on", f"{case.made_on.day} {case.made_on:%B %Y}"
    yield "Version", program.version
    yield "Commit", f"{program.commit}{changed}" if program.commit else "not known: installed"
    yield "Digest of the program", program.digest
    yield "Hazards", f"{len(case.hazards)}, with {case.controls} controls"
    levels = Counter(hazard.after.level for hazard in case.hazards)
    yield (
        "Risk after the controls",
        "; ".join(f"level {level}: {levels[level]}" for level in sorted(levels, reverse=True)),
    )
    open_ = [hazard.id for hazard in case.hazards if hazard.after.level > HIGHEST_TOLERABLE]
    yield "Above what is tolerable", ", ".join(open_) or "none, by the maintainers' estimate"
    yield (
        "Proof of the controls",
        "each test was found in this checkout, and none is skipped"
        if case.proved_here
        else "each test is on the list that was made when this version was built; it was not "
        "looked for here",
    )
    drafts = sum(1 for each in case.words if each.standing is not ApprovalStatus.APPROVED)
    yield "Words without an approval", f"{drafts} of {len(case.words)} versions"


def _matrix() -> Iterator[Entry]:
    for severity, harm in HARM.items():
        yield Entry(when=f"Severity {severity}", what=harm)
    for likelihood, levels in LEVELS.items():
        by_severity = zip(Severity, levels, strict=True)
        yield Entry(
            when=f"Likelihood {likelihood}",
            what=", ".join(f"{severity}: {level}" for severity, level in by_severity),
        )
    for level, meaning in MEANING.items():
        yield Entry(when=f"Level {level}", what=meaning)


def _hazard(hazard: Hazard) -> Entry:
    facts: Facts = (
        ("Cause", hazard.cause),
        ("Harm", hazard.harm),
        ("Known from", hazard.known_from),
        ("Risk before", str(hazard.before)),
        *(
            ("Control", f"{each.what}. Proved by {each.test}{_apart(each.test)}")
            for each in hazard.controls
        ),
        ("Risk after", str(hazard.after)),
        *([("For the deployment", hazard.deployment)] if hazard.deployment else []),
    )
    return Entry(when=hazard.id, what=hazard.hazard, facts=facts)


def _apart(test: str) -> str:
    return " (a fault run: it runs apart from the others)" if run_apart(test) else ""


def _protocols(case: SafetyCase) -> Iterator[Entry]:
    for protocol in case.protocols:
        source = protocol.source
        yield Entry(
            when=protocol.key,
            what=f"version {protocol.version}",
            facts=(
                ("Source", f"{source.reference}, {source.version}"),
                ("To be reviewed by", f"{source.review_due.day} {source.review_due:%B %Y}"),
                ("Document", source.sha256 or "not kept"),
                *(
                    ("Beyond the source", f"{each.says} Rests on: {each.source} ({each.standing})")
                    for each in protocol.beyond
                ),
                *(
                    ("Asked on the phone", f"{each.asks} If yes: {each.if_yes} ({each.standing})")
                    for each in protocol.call_questions
                ),
                *(("Left out", f"{each.sentence} {each.reason}") for each in protocol.left_out),
            ),
        )


def _words(case: SafetyCase) -> Iterator[Entry]:
    for each in case.words:
        yield Entry(
            when=f"{each.template}, {each.language}, {each.channel}",
            what=f"{each.id} ({each.standing})",
        )
