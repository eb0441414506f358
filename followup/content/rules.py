"""Template rules: the sandbox a template renders in, and checks before it renders."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import PurePosixPath

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_referenced_templates, find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from followup.content.office_hours_text import hours_text
from followup.content.template_limits import beyond_words
from followup.domain.clinics.clinic import Clinic
from followup.domain.file_shape import did_you_mean


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """What a template may say about a clinic; the names are those of `Clinic`."""

    name: str
    short_name: str
    phone: str
    phone_link: str
    office_hours_text: str
    emergency_department: str
    two_way: bool
    stop_contact: str | None

    @classmethod
    def of(cls, clinic: Clinic, language: str = "en") -> ClinicFacts:
        return cls(
            clinic.name,
            clinic.short_name,
            clinic.phone,
            clinic.phone_link,
            clinic.office_hours_text
            if language == "en"
            else hours_text(clinic.office_hours, language),
            clinic.emergency_department,
            clinic.two_way,
            clinic.stop_contact,
        )


CLINIC_FACTS = {field.name: field.type for field in fields(ClinicFacts)}
TEMPLATE_VARIABLES = dict.fromkeys(
    (
        "asks_reply",
        "clinic",
        "code",
        "language",
        "large_print",
        "last",
        "occurrence",
        "office_open",
        "page_url",
        "ring_at",
        "right_to_left",
        "stop_url",
    )
)
"""All that a template is given. Nothing of the patient: a message may stand on a lock screen."""

MOST_FILES = 100
"""How many files one message may be made of, each counted as often as it is included."""

WRONG_WORDS = (
    TemplateError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError
)  # fmt: skip
"""What goes wrong while words are filled in."""
REACHES = {".txt": {".txt"}, ".html": {".html", ".css"}, ".css": set[str]()}
"""What a file may include, by suffix: plain text in HTML would go in unescaped."""


def environment(sources: Mapping[str, str]) -> ImmutableSandboxedEnvironment:
    """Return the sandbox over these sources: strict on names, HTML escaped, nothing to call."""

    def load(path: str) -> tuple[str, str, None] | None:
        # The path doubles as file name, so that a traceback names the template.
        return (sources[path], path, None) if path in sources else None

    made = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(load),
        undefined=StrictUndefined,
        autoescape=lambda path: path is not None and path.endswith(".html"),
        trim_blocks=True,
        lstrip_blocks=True,
        # A file that is included reads as if its lines stood there.
        keep_trailing_newline=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals.clear()
    return made


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one source is found to hold: complaints about itself, and what it includes or extends.

    `parts` has None for a file whose name is worked out.
    """

    complaints: tuple[str, ...]
    parts: tuple[str | None, ...]


@lru_cache(maxsize=4096)
def parsed(path: str, source: str) -> Parsed:
    """Return what one source holds, read once however many protocols and clinics share it."""
    try:
        tree = environment({}).parse(source, filename=path)
        given = TEMPLATE_VARIABLES.keys() | {"self"}
        unknown = find_undeclared_variables(tree) - given
    except TemplateSyntaxError as error:
        return Parsed((f"{path}, line {error.lineno}: {error.message}: correct the template",), ())
    except RecursionError:
        return Parsed((f"{path}: nests too deeply: write it more simply",), ())
    complaints = (
        *_glued_lines(path, source),
        *_unknown_names(path, tree, unknown),
        *beyond_words(path, source, tree),
    )
    return Parsed(complaints, tuple(find_referenced_templates(tree)))


def complaints_about(path: str, sources: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with one source, each a line that names the place and the fix."""
    found = parsed(path, sources[path])
    yield from found.complaints
    for part in found.parts:
        yield from _complaints_about_part(path, part, sources)
    if _files(path, sources, {}) > MOST_FILES:
        yield f"{path}: includes itself, or more than {MOST_FILES} files: include fewer"


def _files(path: str, sources: Mapping[str, str], known: dict[str, int]) -> int:
    """Return of how many files one is made; more than `MOST_FILES` where it includes itself."""
    if path not in known:
        # Until it is known: whatever comes back here goes round in circles.
        known[path] = MOST_FILES + 1
        parts = [part for part in parsed(path, sources[path]).parts if part in sources]
        known[path] = 1 + sum(_files(part, sources, known) for part in parts if part)
    return known[path]


def _unknown_names(path: str, tree: nodes.Template, unknown: Container[str]) -> Iterator[str]:
    for name in tree.find_all(nodes.Name):
        if name.name in unknown:
            yield _unknown(path, name.lineno, name.name, known=TEMPLATE_VARIABLES)
    for part in tree.find_all(nodes.Getattr):
        of_clinic = isinstance(part.node, nodes.Name) and part.node.name == "clinic"
        if of_clinic and part.attr not in CLINIC_FACTS:
            known = {f"clinic.{fact}": None for fact in CLINIC_FACTS}
            yield _unknown(path, part.lineno, f"clinic.{part.attr}", known=known)


def _glued_lines(path: str, source: str) -> Iterator[str]:
    """Find text before a tag at the end of a line: the line break goes with the tag."""
    for number, line in enumerate(source.splitlines(keepends=True), start=1):
        text = re.sub(r"\{%.*?%\}", "", line).strip()
        if text and re.search(r"(?<![+])%\}\r?\n$", line) and "{% endblock %}" not in line:
            yield (
                f"{path}, line {number}: the words before the tag would be glued to the next line: "
                "give the tag a line of its own"
            )


def references(sources: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Return for each path all that it includes or extends, directly or not.

    A source that can't be read reaches nothing: `complaints_about` says what is wrong with it.
    """
    direct = {
        path: {part for part in parsed(path, source).parts if part}
        for path, source in sources.items()
    }
    return {path: _reached(path, direct) for path in direct}


def _reached(path: str, direct: Mapping[str, set[str]]) -> frozenset[str]:
    found, waiting = set[str](), [*direct[path]]
    while waiting:
        here = waiting.pop()
        if here not in found:
            found.add(here)
            waiting += direct.get(here, ())
    return frozenset(found)


def _unknown(path: str, line: int, name: str, *, known: Mapping[str, object]) -> str:
    hint = did_you_mean(name, known)
    return f'{path}, line {line}: "{name}" is nothing that a message is given; {hint}'


def _complaints_about_part(
    path: str, reached: str | None, sources: Mapping[str, str]
) -> Iterator[str]:
    if reached is None:
        yield f"{path}: includes a file whose name is worked out: write the name in quotes"
    elif reached not in sources:
        yield f'{path}: includes "{reached}", which is not there; {did_you_mean(reached, sources)}'
    elif PurePosixPath(reached).suffix not in REACHES[PurePosixPath(path).suffix]:
        yield f'{path}: may not include "{reached}": text goes into text, HTML and CSS into HTML'
