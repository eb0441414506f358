"""HTML limits: which elements, attributes and addresses an author's words may hold.

What is read is the source with a mark for each sign of the template language. A condition may stand
around whole tags, around whole attributes, and within a quoted value; so whatever it comes to, the
page has no tag, attribute or address that is not seen here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from jinja2 import Environment

VALUE, STATEMENT, BEGIN, ELSE, END = "\ue000\ue001\ue002\ue003\ue004"
"""Marks: an expression; a statement or comment; the parts of a condition or block. Private
characters: no words have them."""
MARKS = re.compile(f"[{VALUE}-{END}]")
PARTS = {"if": BEGIN, "block": BEGIN, "else": ELSE, "elif": ELSE, "endif": END, "endblock": END}
CLOSES = {
    "variable_begin": "variable_end",
    "block_begin": "block_end",
    "comment_begin": "comment_end",
}

_ELEMENTS = (
    "a abbr address article aside b bdi bdo blockquote body br caption center code dd div dl dt em "
    "footer h1 h2 h3 h4 h5 h6 head header hr html i li main meta nav ol p pre section small span "
    "strong style sub sup table tbody td tfoot th thead time title tr u ul wbr"
)
_ATTRIBUTES = (
    "align bgcolor border cellpadding cellspacing charset class colspan content data-css-inline "
    "datetime dir height href http-equiv id lang name rel role rowspan scope start style target "
    "title type valign value width"
)
ELEMENTS, ATTRIBUTES = frozenset(_ELEMENTS.split()), frozenset(_ATTRIBUTES.split())
ADDRESS = re.compile(rf"(?:https?://|tel:|mailto:|#)[^{STATEMENT}-{END}]*|{VALUE}", re.IGNORECASE)
"""How an address begins; one that is a fact altogether is ours."""
LOADS = re.compile(r"url|image|expression|element|src|[\\@<]", re.IGNORECASE)
"""What of a style sheet loads something, or hides that it does."""
MEDIA = re.compile(r"@media\b", re.IGNORECASE)
EQUIVALENTS = frozenset({"content-type", "x-ua-compatible"})


def beyond_html(path: str, source: str, environment: Environment) -> Iterator[tuple[int, str]]:
    """Yield what runs, asks, loads or hides in a page or a style sheet, each with its line."""
    marked = _marked(source, environment)
    if path.endswith(".css"):
        if wrong := _wrong_style(marked):
            yield 1, wrong
        return
    reader = _Reader()
    reader.feed(marked)
    reader.close()
    if reader.cdata_elem is not None:
        reader.refuse(f"<{reader.cdata_elem}> without its end")
    yield from reader.found


def _marked(source: str, environment: Environment) -> str:
    """Return the source with marks for the signs of the template language, line for line."""
    marked, until, part, at = "", "", "", 1
    for line, kind, value in environment.lex(source):
        if until:
            part = part or (value if kind == "name" else "")
            if kind == until:
                marked += VALUE if kind == "variable_end" else PARTS.get(part, STATEMENT)
                until = part = ""
            continue
        marked += "\n" * (line - at)
        at = max(at, line)
        if kind == "data":
            # A mark that an author wrote is none of ours, and belongs to no tag.
            marked += MARKS.sub(STATEMENT, value)
            at += value.count("\n")
        elif kind in CLOSES:
            until = CLOSES[kind]
        else:
            marked += STATEMENT
    return marked


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.found: list[tuple[int, str]] = []

    def refuse(self, what: str) -> None:
        told = MARKS.sub(lambda mark: "{{…}}" if mark[0] == VALUE else "{%…%}", what)
        self.found.append((self.getpos()[0], " ".join(told.split())))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ELEMENTS:
            self.refuse(f"<{tag}")
            return
        if not _is_whole(self.get_starttag_text() or ""):
            self.refuse(f"<{tag} …> with {{{{…}}}} or {{%…%}} that cuts through it")
        for name, value in attrs:
            if MARKS.fullmatch(name) and value is None:
                continue
            if name not in ATTRIBUTES and not re.fullmatch(r"aria-[a-z]+", name):
                self.refuse(f"{name}=")
            elif wrong := _wrong_value(name, (value or "").strip()):
                self.refuse(wrong)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ELEMENTS:
            self.refuse(f"</{tag}")

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is None:
            if "<" in data:
                self.refuse("<")
        elif data.strip() != STATEMENT and (wrong := _wrong_style(data)):
            self.refuse(wrong)

    def handle_comment(self, data: str) -> None:  # noqa: ARG002 - as the library calls it
        self.refuse("<!--")

    def handle_decl(self, decl: str) -> None:
        if decl.lower() != "doctype html":
            self.refuse("<!")

    def unknown_decl(self, data: str) -> None:  # noqa: ARG002 - as the library calls it
        self.refuse("<![")

    def handle_pi(self, data: str) -> None:  # noqa: ARG002 - as the library calls it
        self.refuse("<?")


def _is_whole(tag: str) -> bool:
    """Say whether every way through a tag's conditions is in the same quotes at each place.

    Outside of quotes a mark stands between attributes alone, and is no expression.
    """
    quote, conditions = "", list[str]()
    for at, letter in enumerate(tag):
        if letter == BEGIN:
            conditions.append(quote)
        elif letter in {ELSE, END} and (not conditions or conditions[-1] != quote):
            return False
        if letter == END:
            conditions.pop()
        if quote:
            quote = "" if letter == quote else quote
        elif letter in {'"', "'"}:
            if not tag[:at].rstrip().endswith("="):
                return False
            quote = letter
        elif MARKS.match(letter) and not _is_between(tag[:at], letter, tag[at + 1 :]):
            return False
    return not conditions and not quote


def _is_between(before: str, mark: str, after: str) -> bool:
    """Say whether a mark outside of quotes stands between two attributes."""
    parted = MARKS.sub(" ", before)[-1:] in {" ", "\n", "\t", '"', "'"} or mark == BEGIN
    ends = MARKS.sub(" ", after)[:1] in {" ", "\n", "\t", ">"}
    apart = not before.rstrip().endswith("=") and not after.lstrip().startswith("=")
    return mark != VALUE and parted and ends and apart


def _wrong_value(name: str, value: str) -> str | None:
    if name == "href" and not ADDRESS.fullmatch(value):
        return f'href="{value[:40]}'
    if name == "style":
        return _wrong_style(value)
    if name == "http-equiv" and value.lower() not in EQUIVALENTS:
        return f'http-equiv="{value[:40]}'
    return None


def _wrong_style(text: str) -> str | None:
    """Return what in a style loads something; a condition in one could put it together."""
    if MARKS.search(text):
        return "a style with {{…}} or {%…%}"
    match = LOADS.search(MEDIA.sub("", text))
    return match.group() if match else None
