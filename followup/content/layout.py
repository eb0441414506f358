"""Message layout: rendered templates to what is sent, and HTML back to its words."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from css_inline import CSSInliner

_INLINER = CSSInliner(keep_style_tags=False, load_remote_stylesheets=False)


def reflow(text: str, *, gap: str) -> str:
    """Join the lines of a template: a break is a space, an empty line is `gap`.

    A line that begins with "- " is an item of a list and keeps a line of its own.
    """
    flowed = ""
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        lines = [" ".join(line.split()) for line in paragraph.splitlines()]
        joined = "".join(
            f"\n{line}" if line.startswith("- ") else f" {line}" for line in lines if line
        )
        flowed += f"{gap if flowed else ''}{joined.strip()}"
    return flowed


def one_line(text: str) -> str:
    return " ".join(text.split())


def with_inlined_styles(html: str) -> str:
    """Return the page with its style sheet moved to each element: mail programs drop the sheet."""
    return _INLINER.inline(html)


def words(text: str) -> list[str]:
    """Return the words of a plain text in order, without punctuation, bullets and addresses."""
    return re.findall(r"\w+", re.sub(r"https?://\S+", "", text).casefold())


def visible_text(html: str) -> str:
    """Return what a page shows a reader, without its layout."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return one_line(" ".join(reader.shown))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []
        self._inside_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._inside_head = self._inside_head or tag == "head"

    def handle_endtag(self, tag: str) -> None:
        self._inside_head = self._inside_head and tag != "head"

    def handle_data(self, data: str) -> None:
        if not self._inside_head:
            self.shown.append(data)
