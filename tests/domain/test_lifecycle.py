"""The state table, by exhaustion: every pair of states is in it for a reason, or refused."""

from __future__ import annotations

from itertools import product

import pytest

from followup.domain.errors import IllegalMove
from followup.domain.lifecycle import (
    FINAL_STATES,
    LEASED_STATES,
    LEGAL_MOVES,
    MAY_HAVE_ARRIVED,
    NEVER_SENT,
    OUTCOME_KNOWN,
    OUTCOME_PENDING,
    UNSENT_STATES,
    State,
    check_move,
)

# Written out a second time, so that a change of the table has to be meant.
LEGAL = {
    "planned": "claimed held cancelled suppressed expired sent unknown",
    "held": "planned cancelled expired sent unknown",
    "claimed": "sending planned held suppressed expired cancelled sent unknown",
    "sending": "sent failed unknown planned expired",
    "unknown": "sent failed planned expired",
    "sent": "delivered failed",
    "delivered": "",
    "failed": "delivered",
    "expired": "sent",
    "suppressed": "sent",
    "cancelled": "sent planned held",
}
PAIRS = [pytest.param(a, b, id=f"{a} to {b}") for a, b in product(State, State)]


@pytest.mark.parametrize(("current", "wanted"), PAIRS)
def test_a_move_is_legal_or_refused_as_the_table_says(current, wanted):
    if wanted.value in LEGAL[current.value].split():
        check_move(current, wanted)
    else:
        with pytest.raises(IllegalMove, match=f"that is {current} can't become {wanted}"):
            check_move(current, wanted)


def test_every_state_has_its_row():
    assert set(LEGAL_MOVES) == set(State)
    assert set(LEGAL) == {state.value for state in State}


def test_nothing_leaves_delivered():
    assert not LEGAL_MOVES[State.DELIVERED]


def test_a_final_state_is_left_only_because_a_provider_or_an_undone_merge_corrects_it():
    ways_out = {(state, to) for state in FINAL_STATES for to in LEGAL_MOVES[state]}
    undone = {(State.CANCELLED, State.PLANNED), (State.CANCELLED, State.HELD)}

    assert {to for _, to in ways_out - undone} == {State.SENT, State.DELIVERED}
    assert undone <= ways_out
    assert (State.FAILED, State.DELIVERED) in ways_out


def test_a_provider_is_called_from_claimed_alone():
    assert [state for state in State if State.SENDING in LEGAL_MOVES[state]] == [State.CLAIMED]


def test_what_the_provider_may_have_is_never_claimed_again_at_once():
    for state in (State.SENDING, State.UNKNOWN, State.SENT, State.DELIVERED, State.FAILED):
        assert State.CLAIMED not in LEGAL_MOVES[state]


def test_every_state_can_be_reached_from_planned():
    reached, frontier = {State.PLANNED}, [State.PLANNED]
    while frontier:
        new = LEGAL_MOVES[frontier.pop()] - reached
        reached |= new
        frontier.extend(new)

    assert reached == set(State)


def test_every_state_that_is_not_final_leads_to_a_final_one():
    for state in set(State) - FINAL_STATES:
        reached, frontier = {state}, [state]
        while frontier:
            new = LEGAL_MOVES[frontier.pop()] - reached
            reached |= new
            frontier.extend(new)
        assert reached & FINAL_STATES, state


def test_a_person_s_change_cancels_what_no_provider_was_called_for():
    for state in (State.PLANNED, State.HELD, State.CLAIMED):
        assert State.CANCELLED in LEGAL_MOVES[state]


def test_leases_are_of_states_that_are_not_final():
    assert FINAL_STATES.isdisjoint(LEASED_STATES)


def test_each_state_is_unsent_pending_known_or_an_end_without_a_call():
    parts = [UNSENT_STATES, OUTCOME_PENDING, OUTCOME_KNOWN, NEVER_SENT]

    assert sorted(state for part in parts for state in part) == sorted(State)


def test_what_may_have_arrived_is_what_was_called_and_did_not_fail():
    assert set(MAY_HAVE_ARRIVED) == {*OUTCOME_PENDING, *OUTCOME_KNOWN} - {State.FAILED}
