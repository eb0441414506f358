"""A clinic's and a protocol's own words: which file counts, and what is told of one that can't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from followup.content.check import content_reservations
from followup.content.layers import load_content
from followup.content.library import Content
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError
from tests.content.test_check import TODAY
from tests.support.apps import shipped_catalogue, shipped_content

SMS, EMAIL = ChannelKind.SMS, ChannelKind.EMAIL
DERRIFORD, NERVE, FACET = "derriford-pain", "nerve-root-block", "facet-joint-injection"
RIGHTS = "messages", "protocols/nerve-root-block", "clinics/derriford-pain/messages"


class Words:
    """A folder of words, empty at first, of a configuration with the shipped protocols."""

    def __init__(self, root: Path) -> None:
        self.root = root
        catalogue = shipped_catalogue()
        self.protocols = dict(catalogue.protocols)
        clinic = catalogue.clinics[DERRIFORD]
        self.clinics = {DERRIFORD: clinic, "other": replace(clinic, key="other")}
        root.mkdir()

    def write(self, path: str, text: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    def load(self) -> Content:
        return load_content(self.root, protocols=self.protocols, clinics=self.clinics)

    def complaints(self) -> list[str]:
        with pytest.raises(TemplateError) as caught:
            self.load()
        return str(caught.value).split("\n")

    def text(self, protocol: str | None = NERVE, clinic: str = DERRIFORD, **more: object) -> str:
        asked = {"template": "dressing", "language": "en", "channel": SMS, **more}
        return self.load().render(protocol=protocol, clinic=self.clinics[clinic], **asked).text  # type: ignore[arg-type]


@pytest.fixture
def words(tmp_path: Path) -> Words:
    return Words(tmp_path / "words")


def ids_of(content: Content) -> Iterator[str]:
    for _, variant in content.variants():
        yield from (version.id for version in variant.versions())


# ------------------------------------------------------------------------------ which file counts


def test_an_empty_folder_of_words_changes_nothing(words: Words):
    assert set(ids_of(words.load())) == set(ids_of(shipped_content()))


PLACES = (
    "messages",
    "clinics/derriford-pain/messages",
    "protocols/nerve-root-block",
    "clinics/derriford-pain/protocols/nerve-root-block",
)
"""What counts least first."""


def test_of_two_files_that_of_the_protocol_counts_and_then_that_of_the_clinic(words: Words):
    for place in PLACES:
        words.write(f"{place}/dressing/en/sms.txt", f"{{{{ clinic.short_name }}}}: from {place}.")

        assert words.text() == f"Derriford Pain Clinic: from {place}."

    assert words.text(clinic="other").endswith("from protocols/nerve-root-block.")
    assert words.text(FACET).endswith("from clinics/derriford-pain/messages.")
    assert words.text(FACET, "other").endswith("from messages.")
    assert words.text(None, "other").endswith("from messages.")


def test_a_part_that_messages_share_can_be_one_protocol_s_own(words: Words):
    words.write(
        "protocols/nerve-root-block/_layout/en/sms-red-flags.txt", "A blue hand: ring 999.\n"
    )

    assert "A blue hand: ring 999." in words.text(template="flare")
    assert "A blue hand" not in words.text(FACET, template="red-flags")
    assert "New leg weakness" in words.text(FACET, template="facet-going-home")


def test_an_answer_can_be_one_protocol_s_own(words: Words):
    words.write("protocols/nerve-root-block/reply-stopped/en/sms.txt", "Stopped.")

    assert words.text(template="reply-stopped") == "Stopped."
    assert words.text(FACET, template="reply-stopped") != "Stopped."


def test_the_shared_words_in_another_language_are_those_of_another_procedure(words: Words):
    words.write("protocols/nerve-root-block/_layout/en/red-flags.html", "<p>A blue hand</p>")
    content = words.load()
    clinic = words.clinics[DERRIFORD]

    mine = content.of(protocol=NERVE)
    assert "blue hand" in content.red_flags("ar", clinic, protocol=NERVE)
    assert "blue hand" not in content.red_flags("ar", clinic, protocol=FACET)
    assert mine.find("flare", language="ar", channel=EMAIL) is None
    assert mine.find("flare", language="en", channel=EMAIL) is not None
    assert mine.find("dressing", language="ar", channel=SMS) is not None


def test_a_message_of_one_s_own_in_english_leaves_the_shared_one_in_arabic_to_others(words: Words):
    words.write("protocols/nerve-root-block/dressing/en/sms.txt", "{{ clinic.short_name }}: ours.")
    content = words.load()

    assert content.of(protocol=NERVE).find("dressing", language="ar", channel=SMS) is None
    assert content.of(protocol=FACET).find("dressing", language="ar", channel=SMS) is not None
    assert [each.language for each in content.of(protocol=NERVE).cards["dressing"].approval] == [
        "en"
    ]


def test_a_shipped_protocol_s_words_are_about_no_leg_in_any_language():
    content = shipped_content()
    mine = content.of(protocol="shoulder-injection")

    # The shared Arabic answer names the signs itself, and includes no file that is another's.
    for template in ("reply-signs", "red-flags", "flare", "reply-stopped"):
        assert content.find(template, language="ar", channel=SMS) is not None
        assert mine.find(template, language="ar", channel=SMS) is None
    assert mine.find("dressing", language="ar", channel=SMS) is not None
    texts = [text for path, text in mine.sources.items() if "/en/" in path]
    assert not [text for text in texts if "bladder" in text or "leg weakness" in text]


def test_own_words_of_a_protocol_count_before_those_that_are_shipped_for_it(words: Words):
    own = {"protocol": "shoulder-injection", "template": "going-home"}
    assert "numb or heavy arm" in words.text(**own)

    words.write(
        "protocols/shoulder-injection/going-home/en/sms.txt", "{{ clinic.short_name }}: rest."
    )

    assert words.text(**own) == "Derriford Pain Clinic: rest."


def test_a_language_is_added_file_by_file_and_takes_none_away(words: Words):
    for part in ("sms.txt", "subject.txt", "email.txt", "email.html"):
        text = shipped_content().sources[f"dressing/en/{part}"]
        words.write(f"messages/dressing/cy/{part}", text)
    content = words.load()

    found = {each.language for each in content.versions() if each.template == "dressing"}
    assert found == {"ar", "cy", "en"}


def test_a_message_of_one_s_own_takes_a_card_and_words(words: Words):
    card = (
        'title = "Ice"\naudience = "All"\nmax_segments = 2\nreview_due = 2027-11-30\n'
        'channels = ["sms"]\nsource = ["Ice helps."]\n'
    )
    words.write("protocols/nerve-root-block/ice/meta.toml", card)
    words.write("protocols/nerve-root-block/ice/en/sms.txt", "{{ clinic.short_name }}: ice helps.")

    assert words.text(template="ice") == "Derriford Pain Clinic: ice helps."
    assert "ice" not in words.load().cards


def test_words_that_are_the_same_have_the_same_version_wherever_they_lie(words: Words):
    for path in ("en/sms.txt", "ar/sms.txt", "meta.toml"):
        name = f"dressing/{path}"
        text = (Path("templates/messages") / name).read_bytes()
        words.write(f"messages/{name}", text)

    assert set(ids_of(words.load())) == set(ids_of(shipped_content()))


# --------------------------------------------------------------------------- last of how many


def test_the_last_of_a_message_is_that_of_the_step_and_not_of_another_protocol(words: Words):
    steps = shipped_catalogue().protocols
    times = {key: len(steps[key].step("red-flags").occurrences) for key in (NERVE, FACET)}
    assert times == {NERVE: 4, FACET: 3}

    def said(protocol: str, occurrence: int) -> bool:
        text = words.text(
            protocol,
            template="red-flags",
            occurrence=occurrence,
            occurrences=times[protocol],
        )
        return "this is our last text" in text

    assert [said(FACET, number) for number in (1, 2, 3)] == [False, False, True]
    assert [said(NERVE, number) for number in (1, 2, 3, 4)] == [False, False, False, True]


# ---------------------------------------------------------------------------------- what is told

STRAY = {
    "a misspelt message": (
        "messages/dresing/en/sms.txt",
        'no message is made of it; did you mean "dressing/en/sms.txt"?',
    ),
    "a misspelt file": (
        "messages/dressing/en/smss.txt",
        'no message is made of it; did you mean "dressing/en/sms.txt"?',
    ),
    "a file too high": (
        "messages/dressing/sms.txt",
        "no message is made of it; did you mean ",
    ),
    "a shared part that nothing includes": (
        "protocols/nerve-root-block/_layout/en/sms-red-flag.txt",
        'no message is made of it; did you mean "_layout/en/sms-red-flags.txt"?',
    ),
    "a file of another kind": (
        "messages/dressing/en/sms.docx",
        "is no file of words, which end in .txt, .html or .css: rename it",
    ),
}


@pytest.mark.parametrize(("path", "told"), STRAY.values(), ids=STRAY)
def test_a_file_that_no_message_is_made_of_is_refused_by_name(words: Words, path, told):
    file = words.write(path, "Hello")

    [complaint] = words.complaints()

    assert complaint.startswith(f"{file}: {told}")


MISPLACED = {
    "a folder of words": ("mesages/dressing/en/sms.txt", "mesages", "folder", "messages"),
    "a protocol": ("protocols/nerve-rot-block/a/en/sms.txt", "protocols/nerve-rot-block",
                   "protocol", NERVE),
    "a clinic": ("clinics/deriford-pain/messages/a/en/sms.txt", "clinics/deriford-pain",
                 "clinic", DERRIFORD),
    "a folder of a clinic": ("clinics/other/mesages/a/en/sms.txt", "clinics/other/mesages",
                             "folder", "messages"),
}  # fmt: skip


@pytest.mark.parametrize(("path", "at", "what", "meant"), MISPLACED.values(), ids=MISPLACED)
def test_a_folder_that_nobody_reads_is_refused(words: Words, path, at, what, meant):
    words.write(path, "Hello")

    assert words.complaints() == [
        f'{words.root / at}: there is no such {what}; did you mean "{meant}"?'
    ]


@pytest.mark.parametrize("name", [".DS_Store", "dressing/en/sms.txt~", "dressing/.hidden/x.txt"])
def test_what_editors_and_systems_leave_there_is_passed_over(words: Words, name):
    words.write(f"messages/{name}", "Hello")

    assert words.text() == words.load().render(
        "dressing", language="en", channel=SMS, clinic=words.clinics[DERRIFORD]
    ).text  # fmt: skip


BROKEN = {
    "a name that does not exist": ("{{ clinic.fone }}", ', line 1: "clinic.fone" is nothing'),
    "an attribute of python": ("{{ clinic.__class__ }}", ', line 1: "clinic.__class__" is nothing'),
    "an attribute of a string": ("{{ ''.__class__.__mro__ }}", ", line 1: "),
    "one that only a rendering finds": ("{{ clinic['fone'] }}", ", line 1: "),
    "a loop": ("{% for a in range(9) %}\n{% endfor %}", ', line 1: "range" is nothing'),
    "a great many": ("{{ 'a' * 999999999 }}", ", line 1: words are not worked out: write"),
    "a filter that makes many": ("{{ 'a'|center(9999999) }}", ', line 1: the filter "center" is'),
    "a loop over letters": ("{% for a in clinic.name %}x{% endfor %}", ", line 1: words are not"),
    "a text that doubles": ("{% set a = clinic.name ~ clinic.name %}", ", line 1: words are not"),
    "a text that grows": ("{{ 'a'|replace('a', 'aaaaaaaaa') }}", ", line 1: replace takes two"),
    "HTML that is let in": ("{% autoescape false %}x{% endautoescape %}", ", line 1: words are"),
    "a macro": ("{% macro a() %}x{% endmacro %}", ", line 1: words are not worked out"),
    "a block without end": (
        "{% block a %}{{ self.a() }}{% endblock %}",
        ", line 1: a block can't stand in a block",
    ),
    "blocks by the thousand": ("{{ self.a() }}" * 4, ", line 1: words are not worked out"),
    "itself": ('{% include "dressing/en/sms.txt" %}', ": includes itself, or more than 100 files"),
    "nesting without end": ("{% if " + "not " * 9000 + "last %}x{% endif %}", ": nests too deeply"),
    "a tag that is not closed": ("Hello\n{% if last %}", ", line 2: "),
    "not UTF-8": (b"caf\xe9", ": is not UTF-8 (byte 4): save it as UTF-8"),
}


@pytest.mark.parametrize(("text", "told"), BROKEN.values(), ids=BROKEN)
def test_broken_words_are_refused_with_their_file_and_line(words: Words, text, told):
    file = words.write("protocols/nerve-root-block/dressing/en/sms.txt", text)

    complaint, *_ = words.complaints()

    assert complaint.startswith(f"{file}{told}")


def test_a_language_that_lacks_a_file_is_refused_where_the_file_belongs(words: Words):
    words.write("messages/dressing/cy/sms.txt", "{{ clinic.short_name }}: helo.")

    assert words.complaints() == [
        f"{words.root}/messages/dressing/cy/{part}: is missing: add it, or take email off channels "
        "in meta.toml"
        for part in ("subject.txt", "email.txt", "email.html")
    ]


def test_a_card_that_is_wrong_is_refused(words: Words):
    file = words.write("messages/dressing/meta.toml", 'titel = "Dressing"')

    assert f'{file}: unknown key "titel"; did you mean "title"?' in words.complaints()


def test_every_broken_file_is_told_in_one_go(words: Words):
    words.write("messages/dresing/en/sms.txt", "Hello")
    words.write("messages/dressing/meta.toml", "titel")
    words.write("protocols/other/dressing/en/sms.txt", "Hello")

    assert len(words.complaints()) == 3


# ---------------------------------------------------------------------------- what is unsettled


def reservations(words: Words) -> tuple[str, ...]:
    return content_reservations(
        words.load(),
        clinics=words.clinics.values(),
        protocols=words.protocols.values(),
        today=TODAY,
    )


def test_own_words_beside_shipped_ones_in_another_language_should_be_settled(words: Words):
    words.write("messages/dressing/en/sms.txt", "{{ clinic.short_name }}: leave it on for a week.")

    assert (
        "message dressing: its words in en are your own, and those in ar are the shipped ones: "
        "see that they say the same"
    ) in reservations(words)


def test_a_message_that_no_step_sends_should_be_settled(words: Words):
    card = (Path("templates/messages/dressing/meta.toml")).read_bytes()
    file = words.write("messages/dresing/meta.toml", card.split(b"# No clinician")[0])
    for part in ("sms.txt", "subject.txt", "email.txt", "email.html"):
        words.write(f"messages/dresing/en/{part}", shipped_content().sources[f"dressing/en/{part}"])

    assert (
        f'{file}: no step of a protocol sends dresing; did you mean "dressing"?'
    ) in reservations(words)


# ------------------------------------------------------------------------------ the patient's page

LEAFLET = (
    "{{% block title %}}{0}{{% endblock %}}{{% block urgent %}}<p>{0}</p>{{% endblock %}}"
    "{{% block leaflet %}}<p>Ring {{{{ clinic.phone }}}}</p>{{% endblock %}}"
)
PO = (
    'msgid ""\nmsgstr ""\n"Language: cy\\n"\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    'msgid "Ring NHS 111"\nmsgstr "Ffoniwch 111"\n'
)


def test_a_leaflet_of_one_clinic_counts_before_that_of_all_and_that_before_the_shipped(
    words: Words,
):
    def title(clinic: str) -> str:
        leaflet = words.load().page(clinic).leaflet(NERVE, "en", words.clinics[clinic])
        assert leaflet is not None
        return leaflet.title

    assert title(DERRIFORD) == "After your nerve root block"
    words.write(f"patient/leaflets/{NERVE}/en.html", LEAFLET.format("All"))
    assert (title(DERRIFORD), title("other")) == ("All", "All")
    words.write(f"clinics/{DERRIFORD}/patient/leaflets/{NERVE}/en.html", LEAFLET.format("One"))
    assert (title(DERRIFORD), title("other")) == ("One", "All")


def test_a_translation_of_the_page_adds_its_language(words: Words):
    words.write("patient/locale/cy/LC_MESSAGES/patient.po", PO)
    page = words.load().page(DERRIFORD)

    assert page.languages == ("en", "ar", "cy")
    assert page.translations("cy").gettext("Ring NHS 111") == "Ffoniwch 111"
    assert not page.shows("cy")


PAGE_FAULTS = {
    "a leaflet without a block": (
        f"patient/leaflets/{NERVE}/en.html",
        "{% block title %}T{% endblock %}",
        ": has no block 'urgent': a leaflet has the blocks title, urgent, leaflet",
    ),
    "a leaflet with a name that does not exist": (
        f"patient/leaflets/{NERVE}/en.html",
        "{{ clinic.fone }}",
        ', line 1: "clinic.fone" is nothing',
    ),
    "a leaflet of a protocol that is not there": (
        "patient/leaflets/nerve-block/en.html",
        LEAFLET.format("T"),
        ": is no file of the patient's page; ",
    ),
    "a compiled catalogue": (
        "patient/locale/cy/LC_MESSAGES/patient.mo",
        "",
        ": is no file of the patient's page; ",
    ),
    "a phrase that the page does not have": (
        "patient/locale/cy/LC_MESSAGES/patient.po",
        PO.replace("Ring NHS 111", "Ring NHS 112"),
        ', line 6: the page does not say "Ring NHS 112"; did you mean "Ring NHS 111"?',
    ),
    "a card that is wrong": (
        "patient/meta.toml",
        "titel = 1",
        ': unknown key "titel"; did you mean "title"?',
    ),
}


@pytest.mark.parametrize(("path", "text", "told"), PAGE_FAULTS.values(), ids=PAGE_FAULTS)
def test_broken_words_of_the_page_are_refused(words: Words, path, text, told):
    file = words.write(path, text)

    assert any(each.startswith(f"{file}{told}") for each in words.complaints())
