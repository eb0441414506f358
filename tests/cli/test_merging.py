"""`followup merge-patients` and `unmerge-patients`."""

from __future__ import annotations

import pytest

from tests.support.people import nhs_number
from tests.support.two_records import two_records

MERGE = ("merge-patients", "REF-1", "OTHER", "--reason", "Asked her")


@pytest.fixture
def both(followup):
    with followup.app() as app:
        return two_records(app, theirs={"reference": "OTHER"})


def test_a_dry_run_shows_the_timeline_and_changes_nothing(followup, both):
    dry = followup("merge-patients", "REF-1", "OTHER", "--dry-run")

    assert dry.code == 0
    assert "the follow-up of a newer procedure takes over" in dry.out
    assert "Nothing was changed" in dry.err
    patients = followup("merge-patients", "REF-1", "OTHER", "--dry-run", "--json").json
    assert (patients["survivor"], patients["duplicate"]) == (
        str(both.survivor),
        str(both.duplicate),
    )
    assert patients["merge"] is None


def test_merging_and_taking_it_back(followup, both):
    refused = followup("merge-patients", "REF-1", "OTHER")
    assert refused.code == 1
    assert "say how you know" in refused.err

    merged = followup(
        "merge-patients", "REF-1", str(both.duplicate), "--reason", "Asked her", "--json"
    )
    assert merged.json["messages"]
    assert followup("merge-patients", "REF-1", "OTHER", "--reason", "x").code == 1

    undone = followup("unmerge-patients", merged.json["merge"])
    assert undone.code == 0
    assert str(both.duplicate) in undone.out
    again = followup("unmerge-patients", merged.json["merge"])
    assert again.code == 1
    assert "undone already" in again.err


def test_what_is_to_be_decided_is_named(followup):
    with followup.app() as app:
        two_records(app, theirs={"nhs_number": nhs_number(8)})

    dry = followup("merge-patients", "REF-1", "OTHER", "--dry-run")
    assert "To be decided: Which NHS number is right?" in dry.err
    assert "there are two NHS numbers" in followup(*MERGE).err
    assert followup(*MERGE, "--nhs-number", "both").code == 2
    assert followup(*MERGE, "--nhs-number", "duplicate").code == 0
    assert followup("unmerge-patients", "nothing").code == 1
