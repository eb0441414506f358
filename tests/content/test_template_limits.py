"""Templates hold against their authors: nothing runs, nothing grows, and each is told why."""

from __future__ import annotations

import pytest

from followup.content.rules import complaints_about
from followup.content.versions_of_sources import complaints

PART = "x" * 500
CASES = {
    "reaches into Python": ("{{ clinic.__class__.__mro__ }}", "clinic.__class__"),
    "by a text": ("{{ ''.__class__ }}", "take a fact as in"),
    "by brackets": ("{{ clinic[last] }}", "not worked out"),
    "formats": ("{{ '%s' % clinic }}", "not worked out"),
    "calls": ("{{ clinic.name.format(clinic) }}", "not worked out"),
    "loops": ("{% for a in 'ab' %}{% for b in 'ab' %}x{% endfor %}{% endfor %}", "not worked out"),
    "a macro that calls itself": (
        "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
        "not worked out",
    ),
    "doubles": ("{% set x = 'a' %}{{ x ~ x }}", "not worked out"),
    "a block in itself": ("{% block a %}{{ self.a() }}{% endblock %}", "can't stand in a block"),
    "twice the block above": ("{% block a %}{{ super() }}{{ super() }}{% endblock %}", "once"),
    "grows": ("{{ 'a'|replace('a', 'aa')|replace('a', 'aa') }}", "not the longer"),
    "fills": ("{{ clinic.name|replace('a', '" + "a" * 50 + "') }}", "not the longer"),
    "brackets": ("{{ " + "(" * 6000 + "1" + ")" * 6000 + " }}", "nests too deeply"),
    "conditions": ("{% if last %}" * 40 + "x" + "{% endif %}" * 40, "too many conditions"),
    "is long": ("x" * 16_001, "make it 16000 at most"),
    "includes much": ('{% include "_layout/en/part.txt" %}\n' * 250, "include fewer"),
    "imports": ('{% import "_layout/en/part.txt" as a %}', "not worked out"),
}


@pytest.mark.parametrize(("text", "told"), CASES.values(), ids=CASES)
def test_a_text_holds_words_alone(text: str, told: str):
    sources = {"_hello/en/sms.txt": text, "_layout/en/part.txt": PART}
    found = [*complaints_about("_hello/en/sms.txt", sources)] or complaints(sources, {})

    assert any(told in one for one in found), found


RUNS_ASKS_OR_LOADS = (
    "<p><SCRIPT>alert(1)</SCRIPT>",
    '<p onclick="x()">',
    "<p/onclick=x()>",
    '<form action="/content">',
    '<img src="https://example.com/who-reads.png">',
    '<td background="https://example.com/a">',
    '<a href="javascript:x()">',
    '<a href="&#106;avascript:x()">',
    '<a href="//example.com">',
    '<p style="background: url(https://example.com/a)">',
    "<p style=\"background: image-set('https://example.com/a' 1x)\">",
    r"<style>p { background: u\72l(x) }</style>",
    '<meta http-equiv="refresh" content="0;url=https://example.com">',
)
PUT_TOGETHER = (
    "<s{# hidden #}cript>alert(1)</script>",
    "<s{% if last %}x{% else %}cript{% endif %}>",
    "{% raw %}<script>{% endraw %}",
    '<a href="java{# hidden #}script:x()">',
    '<a href="{% if last %}javascript:{% else %}https://{% endif %}x">',
    "{% if last %}x{% else %}<!--{% endif %}<b>-->",
    "{% if last %}<style>{% endif %}<script>x</script>",
    "<style>{% if last %}u{% else %}x{% endif %}rl(x)</style>",
    '<style>{% if last %}</style>{% endif %}@import "x";</style>',
    '<p class="{% if last %}a" {% endif %}{% if large_print %} title="{% endif %} onclick=x() ">',
    '<p title={% if last %}"{% endif %} class=" onclick=x() ">',
    '<p class={% if last %}"{% else %}"{% endif %} onclick=x() ">',
    '<p on{% if last %}click{% endif %}="x()">',
    '{% if last %}<p {% endif %}class="x">',
    "<p {{ clinic.name }}>",
    '<p class="',
)


def test_an_email_holds_nothing_that_runs_asks_or_loads_however_it_is_put_together():
    for html in (*RUNS_ASKS_OR_LOADS, *PUT_TOGETHER):
        told = [*complaints_about("hello/en/email.html", {"hello/en/email.html": html})]
        assert any("does not belong in a message" in one for one in told), html
    whole = (
        '<!doctype html><html lang="en"{% if last %} dir="rtl"{% endif %}>\n'
        '<p class="a{% if last %} b{% endif %}">{{ clinic.name }} &lt;\n'
        '<a href="tel:{{ clinic.phone_link }}">x</a>{% if last %}<b>y</b>{% endif %} z\n<img>'
    )
    [told] = complaints_about("hello/en/email.html", {"hello/en/email.html": whole})
    assert "line 4" in told
    assert "<img" in told
