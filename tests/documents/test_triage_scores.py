"""The guide to replies tells how well the shipped phrases do, as they do now."""

from __future__ import annotations

from functools import partial

import pytest

from followup.catalogue.load import load_catalogue
from followup.domain.triage.triage import ReplyClass, sort_reply
from followup.replies.triage_evaluation import TriageEvaluation, read_corpus, score_triage
from tests.documents import prose_of
from tests.triage import HELD_OUT, REPLIES

GUIDE = prose_of("docs/replies.md")
TOLD_APART = (ReplyClass.RED_FLAG, ReplyClass.STOP)
"""Classes with rows of their own; the others share two."""


@pytest.fixture(scope="module")
def reports() -> tuple[TriageEvaluation, TriageEvaluation]:
    """How the phrases do on the replies that they were tuned on, and on those held out."""
    sort = partial(sort_reply, load_catalogue().triage)
    tuned, held_out = (
        score_triage(each.stem, read_corpus(each), sort) for each in (REPLIES, HELD_OUT)
    )
    return tuned, held_out


def found(report: TriageEvaluation, each: ReplyClass) -> str:
    return f"{report.scores[each].found} of {report.scores[each].labelled}"


def in_vain(report: TriageEvaluation) -> str:
    return listed(report, lambda one: one.false_alarms)


def missed(report: TriageEvaluation) -> str:
    return listed(report, lambda one: one.labelled - one.found)


def listed(report: TriageEvaluation, count) -> str:
    named = [
        f"{each} {count(one)}"
        for each, one in report.scores.items()
        # What no class fits is where all that was missed ends.
        if each not in {*TOLD_APART, ReplyClass.UNCLEAR} and count(one)
    ]
    return ", ".join(named) or "none"


def test_the_guide_tells_the_scores_of_the_shipped_phrases(
    reports: tuple[TriageEvaluation, TriageEvaluation],
):
    tuned, held_out = reports
    rows = {
        "red flags found": [found(each, ReplyClass.RED_FLAG) for each in reports],
        "red flags raised in vain": [
            str(each.scores[ReplyClass.RED_FLAG].false_alarms) for each in reports
        ],
        "requests to stop found": [found(each, ReplyClass.STOP) for each in reports],
        "false alarms of other classes": [in_vain(each) for each in reports],
        "missed of other classes": [missed(each) for each in reports],
    }

    head = f"tuned on ({tuned.replies} replies) | held out ({held_out.replies} replies)"
    assert head in GUIDE
    for name, cells in rows.items():
        assert f"| {name} | {' | '.join(cells)} |" in GUIDE
    [version] = {each.version for each in load_catalogue().triage}
    assert f"at version {version.rpartition('/')[2]}:" in GUIDE
