"""What a protocol file must say, and how each mistake in one is explained."""

# ruff: noqa: E501 - a complaint stands on one line here, as it does on the screen

from __future__ import annotations

import re
import tomllib
from datetime import date, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.domain.channel import ChannelKind
from followup.domain.errors import ProtocolError
from followup.domain.protocols.protocol import Attribute, LeftOut, Missed, Predicate, Protocol
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.protocols.timing import (
    After,
    FromProcedure,
    FromTarget,
    OnDay,
    OnEnrolment,
    StartOfDay,
)

GOOD = """
key = "knee-injection"
name = "Knee injection"

[source]
reference = "K-1"
title = "Knee injection"
version = "v1"
issued = 2026-01-01
review_due = 2027-12-31

[[attributes]]
key = "steroid_given"
question = "Does the injection contain a steroid?"
flag = "steroid"

[[steps]]
key = "going-home"
targets = [{ on_enrolment = true }]
not_before = { after = "0h" }
not_after = { after = "12h" }
missed = "drop"
channels = ["sms"]
source = "Rest today."

[[steps]]
key = "flare"
audience = { steroid_given = true }
template = "steroid-flare"
targets = [{ day = 2, at = "10:00" }, { day = 5, at = "10:00" }]
not_before = { day = 1 }
not_after = { after_target = "24h" }
missed = "person"
channels = ["email", "sms"]
fallback = false
priority = 3
receipt_deadline = "90m"
source = '''
It may hurt
  for some days.'''
"""


def parse(text: str) -> Protocol:
    return parse_protocol(tomllib.loads(text), file="knee.toml")


def changed(old: str, new: str) -> str:
    """Return the good file with one thing changed, wherever it stands."""
    assert old in GOOD
    return GOOD.replace(old, new)


def complaints(text: str) -> list[str]:
    with pytest.raises(ProtocolError) as caught:
        parse(text)
    return str(caught.value).split("\n")


def test_a_good_file_becomes_a_protocol():
    protocol = parse(GOOD)

    assert (protocol.key, protocol.name) == ("knee-injection", "Knee injection")
    assert protocol.source.issued == date(2026, 1, 1)
    assert protocol.source.note is None
    question = "Does the injection contain a steroid?"
    assert protocol.attributes == (Attribute("steroid_given", question, "steroid"),)
    flare = protocol.step("flare")
    assert flare.audience == (Predicate("steroid_given", equals=True),)
    assert flare.occurrences == (OnDay(2, time(10)), OnDay(5, time(10)))
    assert flare.not_before == StartOfDay(1)
    assert flare.not_after == FromTarget(timedelta(hours=24))
    assert flare.missed is Missed.PERSON
    assert flare.channels == (ChannelKind.EMAIL, ChannelKind.SMS)
    assert flare.fallback is False
    assert flare.priority == 3
    assert flare.template == "steroid-flare"
    assert flare.source == "It may hurt for some days."
    assert flare.receipt_deadline == timedelta(minutes=90)


def test_what_is_left_out_of_a_step_has_its_usual_value():
    step = parse(GOOD).step("going-home")

    assert step.audience == ()
    assert step.template == "going-home"
    assert step.priority == 5
    assert step.receipt_deadline == timedelta(hours=24)
    assert step.occurrences == (OnEnrolment(),)
    assert step.not_before == FromProcedure(timedelta(0))


def test_a_step_with_one_channel_has_nothing_to_fall_back_on():
    two_channels = changed('channels = ["sms"]', 'channels = ["sms", "email"]')

    assert parse(GOOD).step("going-home").fallback is False
    assert parse(two_channels).step("going-home").fallback is True


def test_an_attribute_without_a_flag_is_called_by_its_key_on_the_command_line():
    assert parse(changed('flag = "steroid"\n', "")).attributes[0].flag == "steroid-given"


SPANS = {
    "minutes": ("45m", timedelta(minutes=45)),
    "hours": ("24h", timedelta(hours=24)),
    "days": ("7d", timedelta(days=7)),
    "weeks": ("2w", timedelta(days=14)),
    "a year": ("366d", timedelta(days=366)),
}


@pytest.mark.parametrize(("written", "meant"), SPANS.values(), ids=SPANS)
def test_a_span_of_time_in(written, meant):
    text = changed("{ on_enrolment = true }", f'{{ after = "{written}" }}').replace(
        'not_after = { after = "12h" }', 'not_after = { after_target = "12h" }'
    )

    assert parse(text).step("going-home").occurrences == (After(meant),)


def test_the_version_is_that_of_the_content_and_not_of_the_layout():
    reworded = changed("Rest today.", "Rest for a day.")
    laid_out_anew = "# A comment.\n" + GOOD.replace("\n\n", "\n\n\n")

    assert parse(laid_out_anew).version == parse(GOOD).version
    assert parse(reworded).version != parse(GOOD).version


def test_the_definition_holds_all_that_the_file_says_as_json_values():
    definition = parse(GOOD).definition

    assert definition["source"]["issued"] == "2026-01-01"
    assert definition["steps"][1]["targets"][0] == {"day": 2, "at": "10:00"}


STEP = 'knee.toml, step "going-home"'
FLARE = 'knee.toml, step "flare"'
LISTED = "known here: key, audience, targets, not_before, not_after, missed, channels, fallback,"
MISTAKES = {
    # Keys.
    "misspelt key": (
        ("missed = ", "mised = "),
        [
            f'{STEP}: "missed" is missing: add it (when it could not be sent in time: `drop` it, or have a `person` ring)',
            f'{STEP}: unknown key "mised"; did you mean "missed"?',
            f'{FLARE}: "missed" is missing: add it (when it could not be sent in time: `drop` it, or have a `person` ring)',
            f'{FLARE}: unknown key "mised"; did you mean "missed"?',
        ],
    ),
    "unknown key": (
        ('missed = "drop"', 'missed = "drop"\nwww = 1'),
        [
            f'{STEP}: unknown key "www"; {LISTED} priority, template, source, receipt_deadline, reply_within',
        ],
    ),
    "unknown key at the top": (
        ('name = "Knee injection"', 'name = "Knee injection"\nauthor = "A"'),
        [
            'knee.toml: unknown key "author"; known here: key, name, example, source, attributes, steps, left_out, beyond, call_questions, red_flags_until_reason'
        ],
    ),
    "unknown key in the source": (
        ('version = "v1"', 'version = "v1"\nreviewdue = 1'),
        ['knee.toml, source: unknown key "reviewdue"; did you mean "review_due"?'],
    ),
    "step without a key": (
        ('key = "going-home"\n', ""),
        ['knee.toml, steps 1: "key" is missing: add it (its name, unlike that of any other step)'],
    ),
    "key in capitals": (
        ('key = "going-home"', 'key = "Going Home"'),
        [
            "knee.toml, step \"Going Home\", key: 'Going Home' can't be used: write small letters and digits, with single hyphens",
        ],
    ),
    "duplicate step keys": (
        ('key = "flare"', 'key = "going-home"'),
        ['knee.toml, step "going-home": 2 steps have this key: rename all but one'],
    ),
    # Audience.
    "misspelt attribute in an audience": (
        ("audience = { steroid_given", "audience = { steriod_given"),
        [
            f'{FLARE}, audience: no attribute "steriod_given" is declared; did you mean "steroid_given"?',
            'knee.toml, attribute "steroid_given": no step\'s audience uses it: give a step its audience, or ask for less',
        ],
    ),
    "an answer that is not true or false": (
        ("{ steroid_given = true }", '{ steroid_given = "yes" }'),
        [f"{FLARE}, audience, steroid_given: must be true or false, without quotes"],
    ),
    "an attribute that nothing uses": (
        ("audience = { steroid_given = true }\n", ""),
        [
            'knee.toml, attribute "steroid_given": no step\'s audience uses it: give a step its audience, or ask for less',
        ],
    ),
    "an attribute in an audience where none is declared": (
        (
            '[[attributes]]\nkey = "steroid_given"\nquestion = "Does the injection contain a steroid?"\nflag = "steroid"\n',
            "",
        ),
        [
            f'{FLARE}, audience: no attribute "steroid_given" is declared; there are none to choose from',
        ],
    ),
    # Times.
    "a day before anybody is enrolled": (
        ("{ day = 2, at", "{ day = -91, at"),
        [
            f"{FLARE}, targets 1, day: -91 is no day to count from the procedure: write 0 for the procedure's own day, 1 for the next, up to 366, -1 for the day before, down to -90",
        ],
    ),
    "a day that is true": (
        ("not_before = { day = 1 }", "not_before = { day = true }"),
        [
            f"{FLARE}, not_before, day: True is no day to count from the procedure: write 0 for the procedure's own day, 1 for the next, up to 366, -1 for the day before, down to -90",
        ],
    ),
    "a time before anybody is enrolled": (
        ('{ day = 5, at = "10:00" }', '{ before = "91d" }'),
        [
            f'{FLARE}, targets 2, before: is no time before the procedure at which a patient can be enrolled: write at least "1m" and at most "90d"',
        ],
    ),
    "bad time": (
        ('{ day = 5, at = "10:00" }', '{ day = 5, at = "24:00" }'),
        [
            f'{FLARE}, targets 2, at: 24:00 is no time of day: write hours and minutes in quotes, as in "08:30"',
        ],
    ),
    "time without quotes": (
        ('{ day = 5, at = "10:00" }', "{ day = 5, at = 10:00:00 }"),
        [
            f'{FLARE}, targets 2, at: 10:00:00 is no time of day: write hours and minutes in quotes, as in "08:30"',
        ],
    ),
    "day without a time": (
        ('{ day = 5, at = "10:00" }', "{ day = 5 }"),
        [
            f"""{FLARE}, targets 2: "at" is missing: add it (the time on the patient's clock, as in "08:30")""",
        ],
    ),
    "time without a day": (
        ('{ day = 5, at = "10:00" }', '{ at = "10:00" }'),
        [
            f'{FLARE}, targets 2: "day" is missing: add it (days after that of the procedure, which is day 0; -1 is the day before)',
        ],
    ),
    "two timings in one": (
        ('{ day = 5, at = "10:00" }', '{ after = "5d", at = "10:00" }'),
        [
            f'{FLARE}, targets 2: "at" does not go together with the other keys here: leave one out',
        ],
    ),
    "no timing that is known": (
        ('{ day = 5, at = "10:00" }', "{ hours = 5 }"),
        [
            f"""{FLARE}, targets 2: can't be read: write {{ after = "24h" }} or {{ before = "14d" }} or {{ day = 2, at = "10:00" }} or {{ on_enrolment = true }}""",
        ],
    ),
    "a timing that is no table": (
        ('not_before = { after = "0h" }', 'not_before = "0h"'),
        [
            f'{STEP}, not_before: can\'t be read: write {{ after = "24h" }} or {{ before = "14d" }} or {{ day = 1 }}'
        ],
    ),
    "a target as a bound that it can't be": (
        ("not_before = { day = 1 }", 'not_before = { after_target = "1h" }'),
        [
            f'{FLARE}, not_before: can\'t be read: write {{ after = "24h" }} or {{ before = "14d" }} or {{ day = 1 }}'
        ],
    ),
    "on enrolment, but not": (
        ("on_enrolment = true", "on_enrolment = false"),
        [f"{STEP}, targets 1, on_enrolment: False is not known: use True"],
    ),
    "span without a unit": (
        ('not_after = { after = "12h" }', 'not_after = { after = "12" }'),
        [
            f'''{STEP}, not_after, after: '12' is no span of time: write a number and m, h, d or w in quotes, as in "24h"''',
        ],
    ),
    "span as a number": (
        ('not_after = { after = "12h" }', "not_after = { after = 12 }"),
        [
            f'{STEP}, not_after, after: 12 is no span of time: write a number and m, h, d or w in quotes, as in "24h"',
        ],
    ),
    "span of more than a year": (
        ('not_after = { after = "12h" }', 'not_after = { after = "53w" }'),
        [f"{STEP}, not_after, after: '53w' is longer than a year: write a shorter span"],
    ),
    "no targets": (
        ("targets = [{ on_enrolment = true }]", "targets = []"),
        [f"{STEP}, targets: is empty: it needs at least one entry"],
    ),
    "one target that is no list": (
        ("targets = [{ on_enrolment = true }]", "targets = { on_enrolment = true }"),
        [f"{STEP}, targets: must be a list, in square brackets"],
    ),
    # Windows.
    "not_after at the target": (
        ('not_after = { after = "12h" }', 'not_after = { after = "0h" }'),
        [
            f"{STEP}, not_after: is not after its target for a procedure at 09:00: make it later",
        ],
    ),
    "not_after before a target late in the day": (
        ('not_after = { after_target = "24h" }', 'not_after = { after = "50h" }'),
        [
            f"{FLARE}, not_after: is not after target 1 for a procedure at 00:00: make it later",
            f"{FLARE}, not_after: is not after target 2 for a procedure at 09:00: make it later",
        ],
    ),
    "not_before that leaves no time": (
        ("not_before = { day = 1 }", 'not_before = { after = "10d" }'),
        [
            f"{FLARE}, not_before: leaves no time for target 1 before not_after",
            f"{FLARE}, not_before: leaves no time for target 2 before not_after",
        ],
    ),
    "not_before that is always later than the target": (
        ('not_before = { after = "0h" }', 'not_before = { after = "1h" }'),
        [
            f"{STEP}, not_before: is always later than its target: make it earlier, or the target later",
        ],
    ),
    "repeats that collide": (
        ('{ day = 5, at = "10:00" }', '{ day = 3, at = "09:59" }'),
        [
            f"{FLARE}, targets: target 2 comes before the window of target 1 is over, so that one patient could get both at once: move them apart, or make not_after earlier",
        ],
    ),
    # Choices.
    "unknown channel": (
        ('channels = ["sms"]', 'channels = ["sms", "fax"]'),
        [f"{STEP}, channels 2: 'fax' is not known: use 'sms' or 'email'"],
    ),
    "channel named twice": (
        ('channels = ["sms"]', 'channels = ["sms", "sms"]'),
        [
            f"{STEP}, channels: names a channel twice: name each once, the preferred one first",
        ],
    ),
    "no channel": (
        ('channels = ["sms"]', "channels = []"),
        [f"{STEP}, channels: is empty: it needs at least one entry"],
    ),
    "unknown missed policy": (
        ('missed = "drop"', 'missed = "retry"'),
        [f"{STEP}, missed: 'retry' is not known: use 'drop' or 'person'"],
    ),
    "priority zero": (
        ("priority = 3", "priority = 0"),
        [f"{FLARE}, priority: 0 is too small: use 1 or more"],
    ),
    "priority ten": (
        ("priority = 3", "priority = 10"),
        [f"{FLARE}, priority: 10 is too large: use 9 or less"],
    ),
    "priority in quotes": (
        ("priority = 3", 'priority = "3"'),
        [f"{FLARE}, priority: must be a whole number, without quotes"],
    ),
    "fallback in quotes": (
        ("fallback = false", 'fallback = "no"'),
        [f"{FLARE}, fallback: must be true or false, without quotes"],
    ),
    # Source.
    "no sentence of the leaflet": (
        ('source = "Rest today."', 'source = " "'),
        [f"{STEP}, source: is empty: fill it in"],
    ),
    "date in quotes": (
        ("issued = 2026-01-01", 'issued = "January 2026"'),
        ["knee.toml, source, issued: must be a date without quotes, as in 2025-08-31"],
    ),
    "review due before it was issued": (
        ("review_due = 2027-12-31", "review_due = 2025-12-31"),
        ["knee.toml, source: review_due is before issued: correct one of them"],
    ),
    "name that is a number": (
        ('name = "Knee injection"', "name = 7"),
        ["knee.toml, name: must be text in quotes"],
    ),
    "source that is no table": (
        (GOOD[GOOD.index("[source]") : GOOD.index("[[attributes]]")], 'source = "K-1"\n'),
        ["knee.toml, source: must be a table, in braces"],
    ),
    # Attributes.
    "attribute with a hyphen": (
        ('key = "steroid_given"', 'key = "steroid-given"'),
        [
            "knee.toml, attribute \"steroid-given\", key: 'steroid-given' can't be used: write small letters and digits, with single _",
            f'{FLARE}, audience: no attribute "steroid_given" is declared; did you mean "steroid-given"?',
        ],
    ),
}


@pytest.mark.parametrize(("change", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_with_its_place_and_its_fix(change, expected):
    assert complaints(changed(*change)) == expected


def with_attribute(key: str) -> str:
    """Return the good file with one more attribute."""
    more = f'[[attributes]]\nkey = "{key}"\nquestion = "?"\n\n[[steps]]'
    return GOOD.replace("[[steps]]", more, 1)


def test_the_same_attribute_declared_twice_is_told():
    assert complaints(with_attribute("steroid_given")) == [
        'knee.toml, attribute "steroid_given": 2 attributes have this key: rename all but one'
    ]


def test_two_attributes_with_one_flag_are_told():
    used = with_attribute("steroid").replace("= true }\ntemp", "= true, steroid = true }\ntemp")

    assert complaints(used) == [
        'knee.toml, attributes: 2 of them have the flag "steroid": give each one of its own'
    ]


def test_everything_that_is_wrong_is_told_in_one_go():
    wrong = (
        GOOD.replace('channels = ["sms"]', 'channels = ["fax"]')
        .replace("{ day = 5,", "{ day = 3,")
        .replace('"24h"', '"26h"')
        .replace("issued = 2026-01-01\n", "")
    )

    assert [line.partition(": ")[0] for line in complaints(wrong)] == [
        "knee.toml, source",
        f"{STEP}, channels 1",
        f"{FLARE}, targets",
    ]


def test_an_empty_file_is_told_what_a_protocol_needs():
    assert complaints("") == [
        'knee.toml: "key" is missing: add it (its name in the API and on the command line)',
        'knee.toml: "name" is missing: add it (its name for people)',
        'knee.toml: "source" is missing: add it (the document that it puts into messages)',
        'knee.toml: "steps" is missing: add it (the advice, in order)',
    ]


HEAD = GOOD[: GOOD.index("[[attributes]]")]


def test_steps_and_attributes_that_are_no_lists_are_told():
    assert complaints(HEAD.replace("[source]", "steps = 3\nattributes = 4\n[source]")) == [
        "knee.toml, attributes: must be a list, in square brackets",
        "knee.toml, steps: must be a list, in square brackets",
    ]


def test_a_step_that_is_no_table_is_told():
    assert complaints(HEAD.replace("[source]", "steps = [3]\n[source]")) == [
        "knee.toml, steps 1: must be a table, in braces",
    ]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.times()
    | st.sampled_from(["", "sms", "going-home", "steroid_given", "24h", "08:30", "drop", "{x}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["key", "after", "day", "at", "after_target", "on_enrolment", "x", "<"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=5,
)


def places(value: object, path: tuple[object, ...] = ()) -> list[tuple[object, ...]]:
    """Return the path of everything inside a value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    found = []
    for key, inner in inside:
        found.append((*path, key))
        if isinstance(inner, dict | list):
            found += places(inner, (*path, key))
    return found


@given(st.sampled_from(places(tomllib.loads(GOOD))), values, st.booleans())
def test_whatever_stands_in_a_file_it_is_a_protocol_or_a_complaint_that_names_it(
    place, value, removed
):
    data = tomllib.loads(GOOD)
    inner = data
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    if removed:
        del inner[place[-1]]

    try:
        parse_protocol(data, file="knee.toml")
    except ProtocolError as error:
        assert all(line.startswith("knee.toml") for line in str(error).split("\n"))  # noqa: PT017 - either will do


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (('channels = ["sms"]', 'channels = ["email"]\nreply_within = "24h"'), "to a text alone"),
        (('channels = ["sms"]', 'channels = ["sms"]\nreply_within = "1m"'), "too little time"),
    ],
    ids=["no-texts", "too-soon"],
)
def test_a_reply_that_nobody_could_give_is_told(change, says):
    (told,) = complaints(changed(*change))

    assert says in told


BEYOND = """
[[beyond]]
says = "Ring 999."
words = "999"
source = "Usual advice."
standing = "accepted"
by_role = "Consultant"
on = 2026-11-29

[[left_out]]
sentence = "You must fast."
reason = "Before the procedure."
"""


def test_what_is_left_out_and_what_goes_beyond_the_source_is_read():
    protocol = parse(
        GOOD.replace('name = "Knee', 'red_flags_until_reason = "R."\nname = "Knee') + BEYOND
    )

    assert protocol.left_out == (LeftOut("You must fast.", "Before the procedure."),)
    [beyond] = protocol.beyond
    assert (beyond.words, beyond.standing, beyond.on) == ("999", "accepted", date(2026, 11, 29))
    assert protocol.red_flags_until_reason == "R."


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('by_role = "Consultant"\n', "", "beyond 1: accepted needs by_role and on: say who"),
        ('"accepted"', '"proposed"', "beyond 1: what is proposed has no by_role or on"),
        ('"accepted"', '"denied"', "beyond 1, standing: 'denied' is not known: use 'proposed'"),
    ],
)
def test_a_decision_on_what_goes_beyond_is_whole(old, new, told):
    with pytest.raises(ProtocolError, match=re.escape(told)):
        parse(GOOD + BEYOND.replace(old, new))


def test_a_kept_document_is_named_with_its_digest():
    named = changed(
        'version = "v1"', f'version = "v1"\ndocument = "knee.txt"\nsha256 = "{"0" * 64}"'
    )
    alone = changed('version = "v1"', 'version = "v1"\ndocument = "knee.txt"')

    assert parse(named).source.document == "knee.txt"
    with pytest.raises(ProtocolError, match="source: document and sha256 belong together"):
        parse(alone)
