"""Dark colours of the design system, from its style sheet: `python -m scripts.dark_styles`.

The design system has no dark theme. Each rule that sets one of its light colours is repeated with a
dark one, by what the colour is for; what stands on a colour of its own, such as a tag, a button or
the focus, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

STATIC = Path(__file__).parents[1] / "followup" / "web" / "static"
TARGET = STATIC / "dark.css"
HEAD = "/* Made by scripts/dark_styles.py from nhsuk-frontend.css: do not edit. */\n"

TEXT = {
    "#212b32": "#e8edee", "#000": "#e8edee", "#4c6272": "#b4c1c9", "#005eb8": "#8ec5ff",
    "#330072": "#cbb5ff", "#7c2855": "#ffb3dd", "#002f5c": "#cfe6ff", "#003087": "#8ec5ff",
    "#d5281b": "#ff9d94", "#007f3b": "#7fd6a4", "#004b93": "#b5d9ff", "#768692": "#b4c1c9",
}  # fmt: skip
BACK = {
    "#fff": "#1b262c", "#f0f4f5": "#10171b", "#d8dde0": "#1f2b32", "#e8edee": "#22303a",
    "#d9e7f4": "#22384a", "#c7dcef": "#2a4358", "#fff9c4": "#33301a", "#aeb7bd": "#4a5b66",
    "#e0e4e6": "#2a3842", "#212b32": "#e8edee",
}  # fmt: skip
EDGE = {
    "#d8dde0": "#43545f", "#4c6272": "#a9b7c0", "#aeb7bd": "#6d7f8b", "#212b32": "#e8edee",
    "#005eb8": "#8ec5ff", "#d5281b": "#ff9d94", "#f0f4f5": "#10171b", "#fff": "#1b262c",
    "#007f3b": "#7fd6a4", "#768692": "#8fa0ab",
}  # fmt: skip
KEPT = re.compile(
    r"nhsuk-(tag|header|skip-link|do-dont|care-card|hero|panel|breadcrumb__|action-link)"
    r"|nhsuk-button(?!--secondary)(?!__)|nhsuk-(card--care|footer--)|--reverse|--login"
)
"""Selectors of what stands on a colour of its own."""
YELLOWS = ("#ffeb3b", "#ffb81c")
"""What dark text stands on, in the dark too."""
ONLY_SCREENS = re.compile(r"@media (?!print)(?!\(forced)")


def dark_styles(source: str) -> str:
    """Return the rules of a style sheet that sets light colours, with dark ones."""
    return "".join(_rules(re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL)))


def _rules(source: str) -> Iterator[str]:
    for head, body in _blocks(source):
        if head.startswith("@supports") or ONLY_SCREENS.match(head):
            inside = "".join(_rules(body))
            if inside:
                yield f"{head}{{{inside}}}"
        elif not head.startswith("@"):
            yield from _rule(head, body)


def _rule(head: str, body: str) -> Iterator[str]:
    if ":focus" in head.replace(":not(:focus", "") and "color:" in body:
        # It comes after what is dark, as it does in the light.
        yield f"{head}{{{body}}}\n"
        return
    if any(yellow in body for yellow in YELLOWS):
        return
    selectors = [one for one in _selectors(head) if not KEPT.search(one)]
    told = [found for line in body.split(";") if (found := _dark(line))]
    if selectors and told:
        yield f"{','.join(selectors)}{{{';'.join(told)}}}\n"


def _dark(line: str) -> str | None:
    name, _, value = line.partition(":")
    name = name.strip()
    colours = (
        BACK if name.startswith("background")
        else TEXT if name in {"color", "fill", "text-decoration-color", "caret-color"}
        else EDGE if name.startswith(("border", "box-shadow", "outline", "stroke"))
        else {}
    )  # fmt: skip
    dark = re.sub(r"#[0-9a-f]{3,6}\b", lambda found: colours.get(found[0], found[0]), value)
    return f"{name}:{dark.strip()}" if dark != value else None


def _selectors(head: str) -> list[str]:
    """Return the selectors of a rule: a comma within brackets parts none."""
    return [one.strip() for one in re.split(r",(?![^(]*\))", head)]


def _blocks(source: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before and within each outermost pair of braces."""
    depth = begins = opened = 0
    for place, sign in enumerate(source):
        if sign == "{":
            opened = place if depth == 0 else opened
            depth += 1
        elif sign == "}":
            depth -= 1
            if depth == 0:
                yield source[begins:opened].strip(), source[opened + 1 : place]
                begins = place + 1


if __name__ == "__main__":
    light = (STATIC / "nhsuk-frontend.css").read_text(encoding="utf-8")
    TARGET.write_text(HEAD + dark_styles(light), encoding="utf-8")
