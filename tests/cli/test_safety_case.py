"""`followup safety-case`: bound to the program and its words, as a page, a PDF and data."""

from __future__ import annotations

import pytest

from followup.safety_case import case as cases
from followup.safety_case.controls import ControlFault
from followup.safety_case.hazards import load_hazards
from tests.support.apps import shipped_catalogue

UNSIGNED = "No clinical safety officer has reviewed or signed this safety case."


def test_it_lists_the_hazards_and_says_that_nobody_has_signed_it(followup):
    told = followup("safety-case")
    data = followup("safety-case", "--json").json

    assert told.code == 0
    assert UNSIGNED in " ".join(told.out.split())
    assert data["signed"] is False
    assert data["proved_here"] is True
    assert [it["id"] for it in data["hazards"]] == [it.id for it in load_hazards()]
    assert len(data["program_digest"]) == 64
    assert data["protocols"].keys() == shipped_catalogue().protocols.keys()
    # Those of the shoulder too, which has words of its own.
    assert list(data["words"].values()).count("red-flags/en/sms") == 2
    assert data["releases"] == []


def test_it_is_written_as_a_page_and_as_a_pdf(followup):
    answer = followup("safety-case", "--html", "case.html", "--pdf", "case.pdf")

    page = (followup.folder / "case.html").read_text(encoding="utf-8")
    assert answer.code == 0
    assert UNSIGNED in answer.err
    assert page.count(UNSIGNED) == 2
    for told in ("Intended purpose", "Medical-device law", "H01: ", "Proved by tests/", "@media"):
        assert told in page
    assert "<script" not in page
    assert (followup.folder / "case.pdf").read_bytes().startswith(b"%PDF-")


def test_it_is_refused_where_a_control_has_lost_its_proof(followup, monkeypatch):
    gone = ControlFault("H07", "tests/test_x.py::test_gone", "is gone: there is no such file")
    monkeypatch.setattr(cases, "control_faults", lambda hazards: [gone])

    answer = followup("safety-case", "--html", "case.html")

    assert answer.code == 1
    assert "H07: tests/test_x.py::test_gone is gone" in answer.err
    assert not (followup.folder / "case.html").exists()


def test_a_file_that_can_not_be_written_is_told(followup):
    answer = followup("safety-case", "--html", "nowhere/case.html")

    assert answer.code == 1
    assert "nowhere/case.html: can't be written" in answer.err


@pytest.mark.parametrize("part", ["intended-purpose.md", "deployment-sign-off.md", "dtac.md"])
def test_every_document_says_that_nobody_has_signed_or_assessed_it(part):
    text = (cases.safety_folder() / part).read_text(encoding="utf-8")

    assert any(
        told in " ".join(text.split())
        for told in (
            "No clinical safety officer has reviewed or signed this",
            "nobody has signed anything",
            "Nobody has assessed it",
        )
    )
