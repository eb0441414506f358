"""The rules of a page catch what they are there to catch."""

from __future__ import annotations

import pytest

from tests.web.console.markup import breaches, parse

SOUND = """<!DOCTYPE html><html lang="en-GB"><head><title>Enrol – Follow-up</title></head><body>
<main id="main"><h1>Enrol</h1><h2>Who</h2>
<form action="/enrol" method="post" novalidate><label for="a">Name</label><input id="a" name="a">
<fieldset><legend>Sex</legend><label for="r">F</label><input type="radio" id="r" name="r">
</fieldset>
<button type="submit">Go</button></form></main></body></html>"""


def test_a_sound_page_breaks_no_rule():
    assert breaches(parse(SOUND), status=200) == []


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("<h1>Enrol</h1>", "<h1>Enrol</h1><h1>Again</h1>", "there are 2 h1"),
        ("<title>Enrol", "<title>Console", "does not begin with 'Enrol'"),
        ('lang="en-GB"', "", "does not say its language"),
        ("<h2>Who", "<h4>Who", "a heading of level 4 follows one of level 1"),
        ('<label for="a">', '<label for="b">', "nothing labels the control a"),
        ("<legend>Sex</legend>", "", "no fieldset is around r"),
        ('action="/enrol"', "", "a form is sent to ''"),
        ('action="/enrol"', 'action="//x"', "a form is sent to '//x'"),
        ('method="post"', "", "has no method"),
        ("novalidate", "", "get in the way"),
        ('id="r"', 'id="a"', "the id a is there twice"),
        ("<h2>Who", '<h2 aria-describedby="z">Who', "names z, which is not there"),
        ("<h2>Who", '<h2><a href="#z">Who</a>', "leads to #z, which is not there"),
        ("<h2>Who", '<h2><a href="https://x">Who</a>', "leads out of the site"),
        ("<h2>Who", '<h2><img src="//x">Who', "leads out of the site"),
        ("<h2>Who", '<h2 style="color: red">Who', "has an attribute style"),
        ("<h2>Who", '<h2 onclick="x()">Who', "has an attribute onclick"),
        ("<h2>Who", "<h2><script>x()</script>Who", "there is an inline script"),
        ("<h2>Who", "<h2><style>x</style>Who", "there is a style element"),
        (">Go<", "><", "a button has no words"),
    ],
)
def test_each_rule_is_noticed_when_it_is_broken(before, after, says):
    assert before in SOUND

    found = breaches(parse(SOUND.replace(before, after, 1)), status=200)

    assert any(says in breach for breach in found), found


def test_a_refused_form_says_error_in_its_title():
    assert any("does not say Error" in breach for breach in breaches(parse(SOUND), status=422))
