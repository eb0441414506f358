"""A change of a protocol is tried in the console: what is wrong, and who is then sent what when."""

from __future__ import annotations

import re
from html import unescape

import pytest

from followup.domain.roles import Role
from followup.releases.protocol_draft import LONGEST_PROTOCOL
from tests.support.apps import enrol_one
from tests.support.people import PROTOCOL
from tests.web.console.visitors import Visitor, join

DRAFT = f"/protocols/{PROTOCOL}/draft"
WHEN = {"on": "14", "on-month": "12", "on-year": "2026", "at": "11:30"}


@pytest.fixture
def writer(sqlite_app, asgi) -> Visitor:
    return join(sqlite_app, asgi, Role.MANAGE)


def in_force(visitor: Visitor) -> str:
    """Return the file as the page shows it."""
    found = re.search(r'name="text"[^>]*>(.*?)</textarea>', visitor.get(DRAFT).html, re.DOTALL)
    assert found
    return unescape(found[1].lstrip("\n"))


def other(text: str, *replaced: tuple[str, str]) -> str:
    for old, new in replaced:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def test_a_change_is_shown_in_words_with_the_dated_messages_of_each_audience(sqlite_app, writer):
    enrol_one(sqlite_app)
    later = other(in_force(writer), ('{ day = 8, at = "10:00" }', '{ day = 9, at = "10:00" }'))

    seen = writer.post(DRAFT, {"text": later, **WHEN})
    plain = writer.post(DRAFT, {"text": in_force(writer), **WHEN})

    assert "moved from day 8 at 10am to day 9 at 10am." in seen.text
    assert "1 follow-up of this protocol is under way" in seen.text
    for told in ("Does the patient have diabetes? Yes.", "Does the patient have diabetes? No."):
        assert seen.text.count(told) == 2
    assert "Wed 23 Dec 2026, 10am" in seen.text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Comments and layout alone change" in plain.text
    # The text of a message that only some get is in their timelines alone.
    parts = seen.page.all("details")
    sugar = [part.text for part in parts if "check your blood sugar" in part.text.lower()]
    assert 0 < len(sugar) < len(parts)


def test_what_is_wrong_stands_beside_the_line_that_it_is_about(writer):
    text = in_force(writer)
    line = 1 + text.splitlines().index('key = "dressing"')
    given = text.splitlines().index("priority = 6") + 1
    for (old, new), at, says, told in (
        (("priority = 6", "priority = 60"), given, "priority = 60", "use 9 or less"),
        (('{ after = "48h" }', '{ after = "1h" }'), line + 3, "not_after", "make it later"),
        (("priority = 6", "priority = "), given, "priority =", "is not valid toml"),
        (('key = "dressing"', 'key = "undressing"'), line - 1, "[[steps]]", "no message"),
        (('key = "nerve-root-block"', 'key = "another"'), 0, 'key = "another"', "keep"),
    ):
        seen = writer.post(DRAFT, {"text": other(text, (old, new)), **WHEN}, status=422)
        cells = [cell.text for cell in seen.page.all("td")]
        rows_of_table = list(zip(*[iter(cells)] * 3, strict=True))
        assert any(
            says in row[1] and told in row[2].lower() and (not at or str(at) in row[0])
            for row in rows_of_table
        ), (new, rows_of_table)
        assert seen.errors[0].startswith("Correct 1 thing") or len(rows_of_table) > 1
        assert "What each audience is sent" not in seen.text


def test_the_rules_of_the_check_are_told_where_the_file_in_force_keeps_them(writer):
    text = in_force(writer)
    shorter = other(text, ('  { day = 42, at = "10:00" },\n', ""))

    seen = writer.post(DRAFT, {"text": shorter, **WHEN})

    assert "warning signs are last named on day 28" in seen.text
    assert "warning signs are last named" not in writer.post(DRAFT, {"text": text, **WHEN}).text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Is empty"),
        ("a = " + "[" * 30_000, "Nests too deeply"),
        ("a = " + "9" * 60_000, "Is not valid TOML"),
        ("x" * (LONGEST_PROTOCOL + 5), "It has 64001 characters"),
        ("[[steps]]\n" * 5_000, "Is missing"),
        ('key = "{{ 7 * 7 }}"\nname = "<script>alert(1)</script>"', "unknown key"),
    ],
    ids=["empty", "deep", "digits", "long", "many", "markup"],
)
def test_a_file_that_is_meant_to_harm_is_refused_soon(writer, text, told):
    seen = writer.post(DRAFT, {"text": text, **WHEN}, status=422)

    assert seen.errors
    assert "<script>alert" not in seen.html
    assert len(seen.page.all("tr")) < 60


def test_too_many_messages_are_refused(writer):
    targets = ", ".join(f'{{ after = "{hours}h" }}' for hours in range(24, 24 + 2 * 101, 2))
    many = other(
        in_force(writer),
        ('targets = [{ after = "24h" }]', f"targets = [{targets}]"),
        ('not_after = { after = "48h" }', 'not_after = { after_target = "1h" }'),
    )

    seen = writer.post(DRAFT, {"text": many, **WHEN}, status=422)

    assert "send 100 at most" in seen.text


def test_the_file_is_downloaded_and_nothing_is_kept(sqlite_app, writer):
    later = other(in_force(writer), ('{ day = 8, at = "10:00" }', '{ day = 9, at = "10:00" }'))

    answer = writer.client.post(DRAFT, data={"text": later, "do": "file", **WHEN})
    reader = join(sqlite_app, writer.client.app, Role.AUDIT)

    assert answer.headers["content-disposition"] == f'attachment; filename="{PROTOCOL}.toml"'
    assert answer.text == later.rstrip() + "\n"
    assert "day = 9" not in in_force(writer)
    assert "may try a change" in reader.get(DRAFT).text
    assert reader.post(DRAFT, {"text": later}, status=403).status == 403


def test_a_quotation_is_held_against_the_document_as_it_is_kept(writer):
    text = in_force(writer)
    misquoted = other(text, ("do not worry if it should fall off sooner", "never let it fall off"))

    seen = writer.post(DRAFT, {"text": misquoted, **WHEN})
    as_it_is = writer.post(DRAFT, {"text": text, **WHEN})

    assert "never let it fall off" in seen.text.partition("What each audience is sent")[0]
    assert "Nothing that is not so with the file in force." in as_it_is.text
