"""A page as a tree of elements, and the rules that every page of the console keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from itertools import pairwise

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"}
)
UNLABELLED = frozenset({"hidden", "submit", "button", "image", "reset"})


@dataclass
class Element:
    """An element with its attributes and what lies in it."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @cached_property
    def below(self) -> list[Element]:
        """All elements in it, in the order of the page; asked for once the page is read."""
        found: list[Element] = []
        for child in self.children:
            if isinstance(child, Element):
                found.append(child)
                found += child.below
        return found

    def __iter__(self) -> Iterator[Element]:
        return iter(self.below)

    def all(self, *tags: str, **attributes: str) -> list[Element]:
        """Return the elements below with one of these tags and all these attributes."""
        return [
            element
            for element in self.below
            if element.tag in tags and attributes.items() <= element.attributes.items()
        ]

    def one(self, tag: str, **attributes: str) -> Element:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} elements {tag} {attributes}"
        return found[0]

    @property
    def text(self) -> str:
        """Return the words in it, each run of spaces as one."""
        return " ".join(" ".join(self._words()).split())

    def _words(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, str):
                yield child
            elif child.tag not in {"script", "style"}:
                yield from child._words()


class _Builder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag, attrs):
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        while len(self.open) > 1:
            if self.open.pop().tag == tag:
                return

    def handle_data(self, data):
        self.open[-1].children.append(data)


def parse(html: str) -> Element:
    """Return a page as a tree."""
    builder = _Builder()
    builder.feed(html)
    builder.close()
    return builder.root


def breaches(page: Element, *, status: int) -> list[str]:
    """Return which rules a page breaks, in a sentence each."""
    return [
        *_headings(page, status=status),
        *_controls(page),
        *_forms(page),
        *_references(page),
        *_nothing_inline(page),
    ]


def _headings(page: Element, *, status: int) -> Iterator[str]:
    headings, title = page.all("h1"), page.one("title").text
    if len(headings) != 1:
        yield f"there are {len(headings)} h1"
        return
    caption = [each.text for each in headings[0] if "caption" in each.attributes.get("class", "")]
    heading = headings[0].text.removeprefix("".join(caption)).strip()
    wanted = (
        f"Error: {heading}"
        if page.all("div", **{"data-module": "nhsuk-error-summary"})
        else heading
    )
    if not title.startswith(f"{wanted} – "):
        yield f"the title {title!r} does not begin with {wanted!r}"
    if page.one("html").attributes.get("lang") != "en-GB":
        yield "the page does not say its language"
    levels = [int(each.tag[1]) for each in page.one("main") if each.tag in {"h1", "h2", "h3", "h4"}]
    for before, after in pairwise(levels):
        if after > before + 1:
            yield f"a heading of level {after} follows one of level {before}"
    if len(page.all("main")) != 1:
        yield "there is not one main part"
    if status == 422 and not title.startswith("Error: ") and page.all("form", method="post"):
        forms = page.one("main").all("form", method="post")
        if forms:
            yield "a form that was refused does not say Error in its title"


def _controls(page: Element) -> Iterator[str]:
    labels = {label.attributes.get("for") for label in page.all("label")}
    for control in page.all("input", "select", "textarea"):
        if control.attributes.get("type") in UNLABELLED:
            continue
        named = control.attributes.get("aria-label") or control.attributes.get("id") in labels
        if not named:
            yield f"nothing labels the control {control.attributes.get('name')}"
        if control.attributes.get("type") in {"radio", "checkbox"} and not _in_fieldset(
            page, control
        ):
            yield f"no fieldset is around {control.attributes.get('name')}"
    for button in page.all("button", "a"):
        if not button.text and not button.attributes.get("aria-label"):
            yield f"a {button.tag} has no words"


def _in_fieldset(page: Element, control: Element) -> bool:
    return any(
        any(each is control for each in fieldset) and fieldset.all("legend")
        for fieldset in page.all("fieldset")
    )


def _forms(page: Element) -> Iterator[str]:
    for form in page.all("form"):
        action = form.attributes.get("action", "")
        if not action.startswith("/") or action.startswith("//"):
            yield f"a form is sent to {action!r}"
        if form.attributes.get("method") not in {"get", "post"}:
            yield f"the form to {action} has no method"
        if form.attributes.get("method") == "post" and "novalidate" not in form.attributes:
            yield f"the browser's own words would get in the way of the form to {action}"


def _references(page: Element) -> Iterator[str]:
    ids = [element.attributes["id"] for element in page if "id" in element.attributes]
    yield from (
        f"the id {each} is there twice" for each in sorted({i for i in ids if ids.count(i) > 1})
    )
    for element in page:
        for name in ("aria-describedby", "aria-labelledby", "aria-controls", "for"):
            for target in element.attributes.get(name, "").split():
                if target not in ids:
                    yield f"{name} of a {element.tag} names {target}, which is not there"
        href = element.attributes.get("href", "")
        if href.startswith("#") and href[1:] not in ids:
            yield f"a link leads to {href}, which is not there"
        if element.tag in {"a", "img", "script", "link", "iframe", "form"}:
            for name in ("href", "src", "action"):
                value = element.attributes.get(name, "/")
                if not value.startswith(("/", "#", "tel:", "?")) or value.startswith("//"):
                    yield f"{element.tag} leads out of the site, to {value}"


def _nothing_inline(page: Element) -> Iterator[str]:
    for element in page:
        if element.tag == "style":
            yield "there is a style element"
        if element.tag == "script" and "src" not in element.attributes:
            yield "there is an inline script"
        yield from (
            f"{element.tag} has an attribute {name}"
            for name in element.attributes
            if name == "style" or name.startswith("on")
        )
