"""Catalogues of the patient page and the card: their phrases, checked, changed and compiled.

A phrase goes into the page as it is written, so it holds no markup, and what is filled in stands in
it as it does in the original.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from babel.core import UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, normalize, read_po

from followup.domain.errors import TemplateError
from followup.domain.file_shape import did_you_mean

LONGEST_CATALOGUE = 64_000
"""Characters of one catalogue: ours have eight thousand."""
LONGEST_PHRASE = 600
"""Characters of one phrase: the longest of ours has two hundred."""
WIDTH = 100
FILLED_IN = re.compile(r"%\((\w+)\)s")
MARKUP = re.compile(r"[<>&]")
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
"""How a catalogue begins that has nothing yet."""


def compiled(text: str, *, language: str, phrases: Iterable[str], file: str) -> bytes:
    """Return a catalogue as gettext reads it; raise `TemplateError` with all that is wrong."""
    catalogue = _read(text, language=language, file=file)
    if problems := [*_complaints(catalogue, phrases)]:
        raise TemplateError("\n".join(f"{file}, {problem}" for problem in problems))
    made = io.BytesIO()
    write_mo(made, catalogue)
    return made.getvalue()


def phrases_in(text: str, *, language: str) -> dict[str, str]:
    """Return what a catalogue says, by the original, in its order; empty where it says nothing."""
    return {
        str(entry.id): str(entry.string)
        for entry in _read(text, language=language, file=f"the catalogue in {language}")
        if entry.id
    }


def with_phrases(text: str, changed: Mapping[str, str], *, language: str) -> str:
    """Return a catalogue that says some phrases otherwise; the same text where none differs.

    An empty phrase is one that it does not say.
    """
    there = phrases_in(text, language=language)
    if all(there.get(original, "") == words for original, words in changed.items()):
        return text
    catalogue = _read(text, language=language, file=f"the catalogue in {language}")
    for original, words in changed.items():
        if original in catalogue:
            catalogue[original].string = words
        elif words:
            catalogue.add(original, words)
    head = text.split("\n\n", 1)[0].strip() or HEAD.strip()
    written = [_written(entry) for entry in catalogue if entry.id and entry.string]
    return "\n\n".join([head, *written]) + "\n"


def phrase_complaint(original: str, words: str) -> str:
    """Say what is wrong with a phrase, and what to do; empty where nothing is."""
    needed = dict.fromkeys(FILLED_IN.findall(original))
    if needed.keys() != set(FILLED_IN.findall(words)):
        told = " and ".join(f"%({name})s" for name in needed) or "nothing"
        return f"{told} is filled in here: write it as the original has it"
    if "%" in FILLED_IN.sub("", words):
        return "a % alone can't be shown: write “per cent”"
    if found := MARKUP.search(words):
        return f"“{found[0]}” can't stand in it: a phrase is plain text"
    if len(words) > LONGEST_PHRASE:
        return f"write at most {LONGEST_PHRASE} characters"
    return ""


def _read(text: str, *, language: str, file: str) -> Catalog:
    try:
        return read_po(io.BytesIO(text.encode()), locale=language, abort_invalid=True)
    except (PoFileError, UnknownLocaleError, ValueError, IndexError) as error:
        raise TemplateError(f"{file}: can't be read as a catalogue: {error}: correct it") from error


def _complaints(catalogue: Catalog, phrases: Iterable[str]) -> Iterator[str]:
    known = dict.fromkeys(phrases)
    for entry in catalogue:
        if not entry.id:
            continue
        where = f"line {entry.lineno}"
        if entry.id not in known:
            said = f"{entry.id}"
            yield f'{where}: the page does not say "{said}"; {did_you_mean(said, known)}'
        elif entry.string and (told := phrase_complaint(str(entry.id), str(entry.string))):
            yield f"{where}: {told}"


def _written(entry: Message) -> str:
    lines = [f"# {comment}" for comment in _plain(entry.user_comments)]
    lines += ["#, " + ", ".join(sorted(entry.flags))] if entry.flags else []
    lines += [f"msgid {normalize(str(entry.id), width=WIDTH)}"]
    lines += [f"msgstr {normalize(str(entry.string), width=WIDTH)}"]
    return "\n".join(lines)


def _plain(comments: Sequence[str]) -> Iterator[str]:
    return (" ".join(comment.split()) for comment in comments)
