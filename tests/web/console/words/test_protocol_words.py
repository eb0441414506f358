"""A change of a protocol in words, as the two people who sign it read it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from followup.data_files import data_folder
from followup.domain.roles import Role
from followup.wording.protocols.changes import changes_of_files
from tests.support.apps import enrol_one
from tests.support.people import CLINIC, PROTOCOL
from tests.support.signing import approved, live_app, live_folder, signed
from tests.web.console.conftest import make_asgi
from tests.web.console.visitors import join

FILE = data_folder("config") / "protocols" / "shoulder-injection.toml"


def changed(*replaced: tuple[str, str]) -> list[str]:
    """Return what is said of a shipped file in which each first text becomes the second."""
    before = after = FILE.read_text("utf-8")
    for old, new in replaced:
        assert old in after
        after = after.replace(old, new, 1)
    return changes_of_files(before, after, lambda template: template)


CHANGES = [
    (
        (
            ('targets = [{ after = "24h" }]', 'targets = [{ after = "36h" }]'),
            ('not_after = { after = "48h" }', 'not_after = { after = "60h" }'),
        ),
        [
            (
                "Dressing (step dressing): moved from 24 hours after the procedure to 36 hours "
                "after the procedure."
            ),
            (
                "Dressing (step dressing): sending times change from between 24 hours after "
                "the procedure and 2 days after the procedure to between 24 hours after the "
                "procedure and 60 hours after the procedure."
            ),
        ],
    ),
    (
        (('missed = "person"', 'missed = "drop"'),),
        [
            (
                "Red-flags (step red-flags): what happens if it is too late changes from staff "
                "phone to left out."
            )
        ],
    ),
    (
        (("diabetic = true, steroid_given = true", "diabetic = true, steroid_given = false"),),
        [
            (
                "Sugar (step sugar): who gets it changes from “Does the patient have "
                "diabetes?” yes and “Does the injection contain a steroid?” yes to “Does the "
                "patient have diabetes?” yes and “Does the injection contain a steroid?” no."
            )
        ],
    ),
    (
        (('channels = ["sms", "email"]\npriority = 6', 'channels = ["sms"]\npriority = 5'),),
        [
            "Dressing (step dressing): channels change from text then e-mail to text.",
            (
                "Dressing (step dressing): sent on the other channel if one fails changes from "
                "yes to no."
            ),
            "Dressing (step dressing): priority changes from 6 to 5.",
        ],
    ),
    (
        (("review_due = 2025-08-31", "review_due = 2026-08-31"), ("example = true\n", "")),
        [
            "It is no example any more: it is for patients.",
            "The source’s review date is 2026-08-31, and was 2025-08-31.",
        ],
    ),
    (
        (("Has your shoulder become hot", "Has your arm become hot"),),
        [
            (
                "Question for calls, new: “Has your arm become hot, red or swollen?” Get help "
                "now, and do not wait for us: NHS 111, the GP or the emergency department. 999 "
                "in an emergency. (proposed)"
            ),
            (
                "Question for calls, taken out: “Has your shoulder become hot, red or "
                "swollen?” Get help now, and do not wait for us: NHS 111, the GP or the "
                "emergency department. 999 in an emergency. (proposed)"
            ),
        ],
    ),
    (
        (("# What staff ask", "# All that staff ask"),),
        ["Comments and layout alone change: what is sent, when and to whom stays."],
    ),
    (((FILE.read_text("utf-8")[:200], "key = "),), []),
]


@pytest.mark.parametrize(
    ("replaced", "told"), CHANGES, ids=[each[0][0][1][:25] for each in CHANGES]
)
def test_what_a_version_changes_is_said_in_words(replaced, told):
    assert changed(*replaced) == told


def test_a_step_that_comes_or_goes_is_named_with_its_times():
    text = FILE.read_text("utf-8")
    start = text.index('[[steps]]\nkey = "moving"')
    fewer = text[:start] + text[text.index('[[steps]]\nkey = "red-flags"') :]

    gone = changes_of_files(text, fewer, str.title)
    new = changes_of_files(fewer, text, str.title)

    assert gone == ["No longer sent: Moving (step moving) (day 10 at 10am)."]
    assert new == [
        (
            "New: Moving (step moving). Day 10 at 10am, between 7 days after the procedure and "
            "4 days after it is due. Who gets it: Everyone."
        )
    ]


def test_author_and_approver_read_the_change_and_what_it_means_for_those_under_way(
    migrated_sqlite_url: str, tmp_path: Path
):
    folder = live_folder(tmp_path)
    with closing(live_app(migrated_sqlite_url, folder)) as before:
        approved(before)
        enrol_one(before)
    file = folder / "protocols" / f"{PROTOCOL}.toml"
    text = file.read_text("utf-8")
    file.write_text(
        text.replace('{ day = 8, at = "10:00" }', '{ day = 9, at = "10:00" }', 1), "utf-8"
    )

    with closing(live_app(migrated_sqlite_url, folder)) as app:
        reader = join(app, make_asgi(app), Role.MANAGE)
        author = reader.get(f"/content/sign/{CLINIC}/{PROTOCOL}").text
        release = signed(app)
        address = f"/content/releases/{release.id}"
        [part] = [one for one in reader.get(address).links().values() if f"{address}/" in one]
        approver = reader.get(part).text

    for seen in (author, approver):
        assert "moved from day 8 at 10am to day 9 at 10am." in seen
        assert "1 follow-up of this protocol is under way at Derriford Pain Clinic" in seen
        assert "Messages that are planned keep their times" in seen
