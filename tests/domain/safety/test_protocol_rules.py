"""Nobody is left out, and what goes beyond the source is decided by a clinician."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from followup.domain.channel import ChannelKind
from followup.domain.protocols.protocol import Beyond, Missed, Standing
from followup.domain.safety.beyond_rules import beyond_the_source
from followup.domain.safety.reach_rules import unreached

SIGNS = "New leg weakness or fever: go to A&E at once."


def test_a_step_by_one_channel_leaves_those_out_who_have_the_other(protocol):
    step = replace(protocol.step("moving"), channels=(ChannelKind.SMS,))

    [found] = unreached(replace(protocol, steps=(step,)), [])

    assert 'who has e-mail alone does not get it: add "email" to channels' in found.sentence
    assert not found.grave


def test_warning_signs_that_nobody_rings_about_are_found(protocol, say):
    flags = replace(protocol.step("red-flags"), missed=Missed.DROP)
    dropped = replace(protocol, steps=(flags,))

    [found] = unreached(dropped, [say(SIGNS, step=flags)])

    assert "nobody rings a patient whom the warning signs did not reach" in found.sentence
    assert list(unreached(protocol, [say(SIGNS, step=protocol.step("red-flags"))])) == []


def beyond(standing, **changes):
    decided = (
        {} if standing is Standing.PROPOSED else {"by_role": "Consultant", "on": date(2026, 1, 1)}
    )
    return Beyond(
        says="In an emergency, 999.",
        words="ring 999",
        source="Usual advice.",
        standing=standing,
        **decided,
        **changes,
    )


@pytest.mark.parametrize(
    ("standing", "text", "told", "grave"),
    [
        (Standing.PROPOSED, "Ring 999.", "have a clinician accept or strike it", False),
        (Standing.PROPOSED, "Rest.", "stands in no message: take the entry out", False),
        (Standing.ACCEPTED, "Rest.", "stands in no message: take the entry out", False),
        (Standing.STRUCK, "Ring 999.", '"ring 999" was struck and stands in clinic', True),
    ],
)
def test_what_goes_beyond_is_told(protocol, say, *, standing, text, told, grave):
    reaching = replace(protocol, beyond=(beyond(standing),))

    [found] = beyond_the_source(reaching, [say(text)])

    assert told in found.sentence
    assert found.grave is grave


@pytest.mark.parametrize(
    ("standing", "text"), [(Standing.ACCEPTED, "Ring 999."), (Standing.STRUCK, "Rest.")]
)
def test_what_is_decided_and_kept_to_is_fine(protocol, say, standing, text):
    assert list(beyond_the_source(replace(protocol, beyond=(beyond(standing),)), [say(text)])) == []
