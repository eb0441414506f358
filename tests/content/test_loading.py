"""Broken folders of messages are refused at once, with every fault, its place and its fix."""

from __future__ import annotations

import pytest

from followup.content.library import Content, shipped_messages
from followup.domain.errors import TemplateError
from tests.content.conftest import CARD, Folder


def test_the_shipped_messages_load():
    content = Content.load(shipped_messages())

    assert {
        "going-home",
        "sugar",
        "dressing",
        "flare",
        "flare-over",
        "moving",
        "red-flags",
        "reply-stopped",
        "reply-started",
        "reply-signs",
    } <= content.cards.keys()


BROKEN = {
    "a variable that does not exist": (
        "hello/en/sms.txt",
        "{{ clinc.name }}",
        '"clinc" is nothing that a message is given; did you mean "clinic"?',
    ),
    "a variable in the second line": (
        "hello/en/sms.txt",
        "Hello\n{{ clinc.name }}",
        'hello/en/sms.txt, line 2: "clinc" is nothing',
    ),
    "the patient's name": (
        "hello/en/email.txt",
        "Dear {{ patient.name }}",
        'hello/en/email.txt, line 1: "patient" is nothing that a message is given',
    ),
    "a clinic fact that does not exist": (
        "hello/en/sms.txt",
        "{{ clinic.fone }}",
        '"clinic.fone" is nothing that a message is given; did you mean "clinic.phone"?',
    ),
    "a clinic fact where it is hardly ever said": (
        "hello/en/sms.txt",
        "{% if occurrence == 9 %}\nRing {{ clinic.fone }}.\n{% endif %}\n",
        'hello/en/sms.txt, line 2: "clinic.fone" is nothing',
    ),
    "a clinic fact that is not for patients": (
        "hello/en/sms.txt",
        "{{ clinic.sms_sender }}",
        '"clinic.sms_sender" is nothing that a message is given',
    ),
    "a tag that is not closed": (
        "hello/en/sms.txt",
        "Hello\n{% if last %}",
        "hello/en/sms.txt, line 2: ",
    ),
    "an unknown filter": (
        "hello/en/sms.txt",
        "{{ clinic.name | shout }}",
        "hello/en/sms.txt, line 1: No filter named 'shout'",
    ),
    "an include that is not there": (
        "hello/en/sms.txt",
        '{% include "_layout/stop.txt" %}',
        'hello/en/sms.txt: includes "_layout/stop.txt", which is not there',
    ),
    "an include by a name that is worked out": (
        "hello/en/sms.txt",
        "{% include clinic.name %}",
        "hello/en/sms.txt: includes a file whose name is worked out: write the name in quotes",
    ),
    "text included unescaped into HTML": (
        "hello/en/email.html",
        '{% include "hello/en/email.txt" %}',
        'hello/en/email.html: may not include "hello/en/email.txt"',
    ),
    "a file that includes itself": (
        "hello/en/sms.txt",
        '{% include "hello/en/sms.txt" %}',
        "hello/en/sms.txt: includes itself",
    ),
    "words that would be glued to the next line": (
        "hello/en/sms.txt",
        "Hello{% if last %} again{% endif %}\nand goodbye",
        "hello/en/sms.txt, line 1: the words before the tag would be glued to the next line",
    ),
    "a file that is not UTF-8": (
        "hello/en/sms.txt",
        "Hé".encode("latin-1"),
        "hello/en/sms.txt: is not UTF-8 (byte 2): save it as UTF-8",
    ),
    "a byte order mark": (
        "hello/en/sms.txt",
        b"\xef\xbb\xbfHello",
        "hello/en/sms.txt: begins with a byte order mark",
    ),
    "a card that is not TOML": (
        "hello/meta.toml",
        "title = Hello",
        "hello/meta.toml: is not valid TOML",
    ),
    "a card without a limit": (
        "hello/meta.toml",
        CARD.replace("max_segments = 2", ""),
        'hello/meta.toml: "max_segments" is missing: add it',
    ),
    "a card with a misspelt key": (
        "hello/meta.toml",
        CARD + "aproval = []\n",
        'hello/meta.toml: unknown key "aproval"; did you mean "approval"?',
    ),
    "a card with an unknown channel": (
        "hello/meta.toml",
        CARD + 'channels = ["fax"]\n',
        "hello/meta.toml, channels 1: 'fax' is not known",
    ),
    "an approval that is none": (
        "hello/meta.toml",
        CARD + '[[approval]]\nlanguage = "en"\nstatus = "signed"\n',
        "hello/meta.toml, approval 1, status: 'signed' is not known",
    ),
    "an approval of a language that is not there": (
        "hello/meta.toml",
        CARD + '[[approval]]\nlanguage = "cy"\nstatus = "draft"\n',
        'hello/meta.toml: approval in "cy", and there is no folder hello/cy',
    ),
    "words without a card": (
        "other/en/sms.txt",
        "Hello",
        "other/meta.toml: is missing",
    ),
    "a card without words": (
        "other/meta.toml",
        CARD,
        "other: has words in no language: add a folder such as other/en",
    ),
}


@pytest.mark.parametrize(("path", "text", "complaint"), BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_named_with_the_fix(folder: Folder, path, text, complaint):
    folder.write(path, text)

    with pytest.raises(TemplateError) as raised:
        folder.load()

    assert complaint in str(raised.value)


def test_a_missing_part_is_named(folder: Folder):
    folder.remove("hello/en/subject.txt")

    with pytest.raises(TemplateError, match=r"hello/en/subject\.txt: is missing: add it"):
        folder.load()


def test_files_that_include_each_other_are_refused(folder: Folder):
    folder.write("_shared/a.txt", '{% include "_shared/b.txt" %}')
    folder.write("_shared/b.txt", '{% include "_shared/a.txt" %}')

    with pytest.raises(TemplateError, match=r"_shared/a\.txt: includes itself"):
        folder.load()


def test_all_faults_are_told_at_once(folder: Folder):
    folder.write("hello/en/sms.txt", "{{ one }} {{ two }}")
    folder.write("hello/en/subject.txt", "{{ three }}")

    with pytest.raises(TemplateError) as raised:
        folder.load()

    assert [line.split('"')[1] for line in str(raised.value).splitlines()] == [
        "one",
        "two",
        "three",
    ]


def test_faults_of_several_files_that_can_not_be_read_are_told_at_once(folder: Folder):
    folder.write("hello/meta.toml", "title = ")
    folder.write("hello/en/sms.txt", b"\xff")

    with pytest.raises(TemplateError) as raised:
        folder.load()

    assert len(str(raised.value).splitlines()) == 2


def test_a_folder_without_messages_is_refused(tmp_path):
    with pytest.raises(TemplateError, match="holds no message"):
        Content.load(tmp_path / "nowhere")


def test_notes_and_backups_beside_the_words_do_no_harm(folder: Folder):
    folder.write("README.md", "{{ not a template")
    folder.write("hello/en/sms.txt~", "{{ an editor's backup")

    assert folder.load().cards.keys() == {"hello"}
