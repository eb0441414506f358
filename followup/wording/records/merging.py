"""Merging of two records of one patient: questions, obstacles, and whose details count."""

from __future__ import annotations

from followup.domain.merging.facts import Question, Side
from followup.domain.merging.undo import Obstacle
from followup.wording.terms import Term

SIDES: dict[Side, str] = {
    Side.SURVIVOR: "the record that is kept",
    Side.DUPLICATE: "the other record",
}

QUESTIONS: dict[Question, Term] = {
    Question.NHS_NUMBER: Term(
        "Which NHS number is right?",
        to_do="there are two NHS numbers: say which of them is right",
    ),
    Question.BIRTH_DATE: Term(
        "Which date of birth is right?",
        to_do="there are two dates of birth: say which of them is right",
    ),
    Question.ANSWERS: Term(
        "Whose answers on the procedure are right?",
        to_do="the two records answer the questions on the procedure in different ways: say which "
        "answers are right",
    ),
}

OBSTACLES: dict[Obstacle, str] = {
    Obstacle.UNDONE: "this merge was undone already",
    Obstacle.TOO_LATE: "a merge can be undone for 24 hours: enrol the patient again under another "
    "record if they are two people after all",
    Obstacle.MERGED_ON: "one of the two records was merged again since: undo that merge first, if "
    "it can be",
    Obstacle.CHANGED: "details, follow-up or wishes of the patient were changed since, and nobody "
    "can tell whose they would be: correct the record by hand",
    Obstacle.WROTE: "the patient has written since, and nobody can tell which of the two it was",
    Obstacle.SENT_ELSEWHERE: "a message was sent since to an address of the other record: enrol "
    "the patient whom it was meant for anew, so that they get the advice",
    Obstacle.TAKEN: "another patient has by now the NHS number, or the name and date of birth, of "
    "the record that would come back",
}
"""Why a merge can't be undone: a clause that stands by itself."""

SAME_PERSON = "Asked whether they are the same person, staff said that they are."
"""Reason of a merge by which that question was answered."""

DIED_ELSEWHERE = "Another record of the patient says that they have died."
"""With which words a follow-up ends when two records are merged."""
