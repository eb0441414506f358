"""A message is rendered from a clinic's facts alone, safely, quickly, and pinned to its sources."""

from __future__ import annotations

from dataclasses import replace
from html import unescape

import pytest

from followup.content.library import Content
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from tests.content.conftest import CARD, PAGE, Folder
from tests.support.growth import steps_of

SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL


def text_of(content: Content, clinic, **changes) -> str:
    wanted = {"language": "en", "channel": SMS, **changes}
    return content.render("hello", clinic=clinic, **wanted).text


# ------------------------------------------------------------------------------------- what is made


def test_a_text_has_its_size_and_no_subject(folder: Folder, clinic):
    rendered = folder.load().render("hello", language="en", channel=SMS, clinic=clinic)

    assert rendered.text == "Hello from Derriford Pain Clinic."
    assert (rendered.subject, rendered.html) == (None, None)
    assert rendered.size is not None
    assert (rendered.size.encoding, rendered.size.segments) == ("GSM-7", 1)


def test_an_email_has_subject_text_and_html_and_no_size(folder: Folder, clinic):
    rendered = folder.load().render("hello", language="en", channel=EMAIL, clinic=clinic)

    assert rendered.subject == "Hello"
    assert rendered.text == "Hello from Derriford Pain Clinic."
    assert rendered.html is not None
    assert "<p>Hello from Derriford Pain Clinic.</p>" in rendered.html
    assert rendered.size is None


def test_lines_are_joined_and_empty_lines_and_lists_break(folder: Folder, clinic):
    source = "One\ntwo.\n\nThree:\n- four\n  five\n- six\n{% if last %}\n\nSeven.\n{% endif %}\n"
    folder.write("hello/en/sms.txt", source)
    folder.write("hello/en/email.txt", source)
    content = folder.load()

    assert text_of(content, clinic) == "One two.\nThree:\n- four five\n- six\nSeven."
    assert text_of(content, clinic, channel=EMAIL) == (
        "One two.\n\nThree:\n- four five\n- six\n\nSeven."
    )


def test_typographic_characters_are_downgraded_in_a_text_before_it_is_counted(
    folder: Folder, clinic
):
    folder.write("hello/en/sms.txt", "Don’t – “wait”…")

    rendered = folder.load().render("hello", language="en", channel=SMS, clinic=clinic)

    assert rendered.text == 'Don\'t - "wait"...'
    assert rendered.size is not None
    assert rendered.size.encoding == "GSM-7"


def test_the_words_may_vary_with_the_occurrence_and_say_which_is_the_last(folder: Folder, clinic):
    folder.write("hello/en/sms.txt", "{{ occurrence }}{% if last %} and out{% endif %}")
    content = folder.load()

    assert text_of(content, clinic, occurrence=1, occurrences=2) == "1"
    assert text_of(content, clinic, occurrence=2, occurrences=2) == "2 and out"
    assert text_of(content, clinic, occurrence=2, occurrences=3) == "2"


def test_styles_are_inlined_and_the_sheet_is_gone(folder: Folder, clinic):
    folder.write("_layout/page.css", "p { color: #212b32; }")
    folder.write(
        "hello/en/email.html",
        '<html><head><style>{% include "_layout/page.css" %}</style></head>'
        "<body><p>Hello</p></body></html>",
    )

    html = folder.load().render("hello", language="en", channel=EMAIL, clinic=clinic).html

    assert html is not None
    assert '<p style="color: #212b32;">' in html
    assert "<style" not in html


def test_a_clinic_fact_can_not_inject_html(folder: Folder, clinic):
    odd = replace(clinic, name='Pain & <script>alert("x")</script>')

    rendered = folder.load().render("hello", language="en", channel=EMAIL, clinic=odd)

    assert rendered.html is not None
    assert "<script>" not in rendered.html
    assert "Pain &amp; &lt;script&gt;" in rendered.html
    assert 'Pain & <script>alert("x")</script>' in rendered.text


# -------------------------------------------------------------------------------------- the sandbox

TRICKS = {
    "the class of a string": "{{ ''.__class__.__mro__ }}",
    "the class by subscript": "{{ ''['__class__'] }}",
    "the class by filter": "{{ clinic|attr('__class__') }}",
    "the class by format": "{{ '{0.__class__}'.format(clinic) }}",
    "a method's globals": "{{ clinic['__init__'].__globals__ }}",
    "changing a list": "{{ [1].append(2) }}",
    "a fact by a name that is worked out": "{{ clinic['sms_' ~ 'sender'] }}",
    "an error of its own": "{{ occurrence / 0 }}",
    "adding apples to pears": "{{ occurrence + clinic.name }}",
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_a_template_that_reaches_further_than_its_facts_is_refused(folder: Folder, clinic, trick):
    folder.write("_shared/trick.txt", f"Hello\n{trick}\n")
    folder.write("hello/en/sms.txt", '{% include "_shared/trick.txt" %}')

    # Some is seen in the file already; the sandbox refuses the rest where it renders.
    with pytest.raises(TemplateError, match=r"^_shared/trick\.txt, line 2: "):
        text_of(folder.load(), clinic)


def test_a_missing_value_is_named_when_only_rendering_can_find_it(folder: Folder, clinic):
    folder.write("hello/en/sms.txt", "{{ language.fone }}")
    content = folder.load()

    with pytest.raises(TemplateError, match=r"hello/en/sms\.txt, line 1: .*fone"):
        text_of(content, clinic)


@pytest.mark.parametrize("name", ["range", "dict", "lipsum", "cycler", "joiner", "namespace"])
def test_there_are_no_functions_to_call(folder: Folder, name):
    folder.write("hello/en/sms.txt", f"{{{{ {name}(9) }}}}")

    with pytest.raises(TemplateError, match=f'"{name}" is nothing that a message is given'):
        folder.load()


# ------------------------------------------------------------------------------- asking for nothing


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ({"template": "helo"}, 'there is no message "helo"; did you mean "hello"'),
        ({"language": "pl"}, 'hello: has no words in "pl"; it is written in en'),
        ({"extra": {"name": "Ann"}}, "extra can hold code, page_url, stop_url only, not name"),
    ],
    ids=["no such message", "no such language", "no such extra"],
)
def test_what_is_not_there_is_named(folder: Folder, clinic, wanted, complaint):
    content = folder.load()
    asked = {"template": "hello", "language": "en", "channel": SMS, **wanted}

    with pytest.raises(TemplateError, match=complaint):
        content.render(asked.pop("template"), clinic=clinic, **asked)


def test_a_channel_without_words_is_named(folder: Folder, clinic):
    folder.write("hello/meta.toml", CARD + 'channels = ["sms"]\n')
    content = folder.load()

    with pytest.raises(TemplateError, match="hello: has no words for email"):
        text_of(content, clinic, channel=EMAIL)


# ------------------------------------------------------------------------------ the address to stop


def test_each_patient_gets_their_own_address_to_stop_emails(folder: Folder, clinic):
    folder.write("hello/en/email.txt", "{% if stop_url %}Stop: {{ stop_url }}{% endif %}")
    folder.write(
        "hello/en/email.html",
        PAGE.format('{% if stop_url %}<a href="{{ stop_url }}">Stop</a>{% endif %}'),
    )
    content = folder.load()

    for url in ("https://clinic.example/u/a?b=1&c=2", 'https://clinic.example/u/"d"'):
        rendered = content.render(
            "hello", language="en", channel=EMAIL, clinic=clinic, extra={"stop_url": url}
        )
        assert rendered.text == f"Stop: {url}"
        assert rendered.html is not None
        href = rendered.html.split('href="')[1].split('"')[0]
        assert unescape(href) == url


def test_without_an_address_an_email_does_not_pretend_to_have_one(content: Content, clinic):
    rendered = content.render("dressing", language="en", channel=EMAIL, clinic=clinic)

    assert rendered.html is not None
    assert "http" not in rendered.html
    assert f"To stop these emails, ring us on {clinic.phone}." in rendered.text


# ----------------------------------------------------------------------------- versions, signatures


def test_a_version_is_pinned_to_everything_that_it_is_made_of(content: Content):
    version = content.version("going-home", language="en", channel=EMAIL)

    assert set(version.sources) == {
        "_layout/email-dark.css",
        "_layout/email.css",
        "_layout/email.html",
        "_layout/en/email.html",
        "_layout/en/email.txt",
        "_layout/en/red-flags.html",
        "_layout/en/red-flags.txt",
        "going-home/en/email.html",
        "going-home/en/email.txt",
        "going-home/en/subject.txt",
    }


def test_any_changed_byte_of_a_source_makes_another_version(folder: Folder):
    folder.write("_shared/end.txt", "Goodbye.\n")
    folder.write("hello/en/sms.txt", 'Hello.\n{% include "_shared/end.txt" %}\n')
    before = folder.load().version("hello", language="en", channel=SMS)
    sources = dict(before.sources)

    seen = {before.id}
    for path, source in sources.items():
        raw = source.encode()
        for place in range(len(raw)):
            folder.write(path, raw[:place] + b" " + raw[place:])
            try:
                seen.add(folder.load().version("hello", language="en", channel=SMS).id)
            except TemplateError:
                seen.add(f"refused: {path} {place}")
        folder.write(path, raw.replace(b"\n", b"\r\n"))
        seen.add(folder.load().version("hello", language="en", channel=SMS).id)
        folder.write(path, raw)

    # A space beside a space is the same text whichever of the two came first.
    doubled = sum(source.encode().count(b" ") for source in sources.values())
    expected = 1 + sum(len(source.encode()) + 1 for source in sources.values()) - doubled
    assert len(seen) == expected
    assert folder.load().version("hello", language="en", channel=SMS).id == before.id


def test_versions_differ_by_language_and_channel_even_where_the_words_do_not(folder: Folder):
    folder.translate("cy")
    versions = folder.load().versions()

    assert len({version.id for version in versions}) == len(versions) == 4


def test_a_version_does_not_change_with_files_that_change_later(folder: Folder, clinic):
    content = folder.load()
    before = content.version("hello", language="en", channel=SMS)

    folder.write("hello/en/sms.txt", "Something else.")

    assert text_of(content, clinic) == "Hello from Derriford Pain Clinic."
    assert content.version("hello", language="en", channel=SMS).id == before.id


def approve(folder: Folder, language: str) -> None:
    approval = f'[[approval]]\nlanguage = "{language}"\nstatus = "approved"\n'
    folder.write("hello/meta.toml", f"{CARD}{approval}")


def test_english_words_may_go_out_as_a_draft(folder: Folder, clinic):
    content = folder.load()

    assert content.version("hello", language="en", channel=SMS).standing == "draft"
    assert content.languages("hello") == ("en",)
    assert text_of(content, clinic)


def test_other_languages_wait_for_an_approval(folder: Folder, clinic):
    folder.translate("cy")
    content = folder.load()

    assert content.languages("hello") == ("en",)
    with pytest.raises(TemplateError, match="hello/cy: the words for sms are draft and may not be"):
        text_of(content, clinic, language="cy")

    approve(folder, "cy")
    content = folder.load()

    assert content.languages("hello") == ("cy", "en")
    assert text_of(content, clinic, language="cy")


# --------------------------------------------------------------------------------------------- pace


MOST_STEPS = 150
"""Lines of Python for one message: a template that were read or compiled again takes thousands."""


@pytest.mark.parametrize("channel", [SMS, EMAIL], ids=str)
def test_a_message_renders_in_few_steps_however_many_went_before(content: Content, clinic, channel):
    _render(content, clinic, channel, times=4)

    ten = steps_of(lambda: _render(content, clinic, channel, times=10))
    hundred = steps_of(lambda: _render(content, clinic, channel, times=100))

    assert hundred < 10.1 * ten
    assert hundred < MOST_STEPS * 100


def _render(content: Content, clinic, channel: ChannelKind, *, times: int) -> None:
    for number in range(times):
        content.render(
            "sugar",
            language="en",
            channel=channel,
            clinic=clinic,
            occurrence=1 + number % 4,
            extra={"stop_url": f"https://followup.example/u/{number}"},
        )
