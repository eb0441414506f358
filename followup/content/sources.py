"""Message sources: each template's exact text by path, and its metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from followup.content.metadata import Meta, read_meta
from followup.domain.channel import ChannelKind
from followup.domain.errors import TemplateError

CARD = "meta.toml"
CHANNEL_FILES = {
    ChannelKind.SMS: ("sms.txt",),
    ChannelKind.EMAIL: ("subject.txt", "email.txt", "email.html"),
}
"""The files that make up a message on each channel; each language has its own."""


def read_sources(root: Traversable) -> tuple[dict[str, str], dict[str, Meta]]:
    """Return all template sources by path and the card of each message by its name.

    Raises `TemplateError` with every file that can't be used.
    """
    sources: dict[str, str] = {}
    cards: dict[str, Meta] = {}
    problems: list[str] = []
    for path, file in sorted(_walk(root), key=lambda found: found[0]):
        try:
            text = _text(path, file)
            if path.endswith(f"/{CARD}"):
                cards[path.removesuffix(f"/{CARD}")] = read_meta(text, file=path)
            else:
                sources[path] = text
        except TemplateError as error:
            problems.append(str(error))
    if problems:
        raise TemplateError("\n".join(problems))
    if not cards:
        raise TemplateError(f"{root}: holds no message: each is a folder with a {CARD} in it")
    return sources, cards


def languages_of(sources: Mapping[str, str], template: str) -> tuple[str, ...]:
    """Return the languages that a message has a folder for."""
    paths = [PurePosixPath(path).parts for path in sources]
    found = {parts[1] for parts in paths if len(parts) == 3 and parts[0] == template}  # noqa: PLR2004
    return tuple(sorted(found))


def _walk(folder: Traversable, at: str = "") -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        path = f"{at}{entry.name}"
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif entry.name == CARD or PurePosixPath(path).suffix in {".txt", ".html", ".css"}:
            yield path, entry


def _text(path: str, file: Traversable) -> str:
    # Read as bytes, so that line endings stay as they are: the hash is of the exact text.
    try:
        text = file.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise TemplateError(
            f"{path}: is not UTF-8 (byte {error.start + 1}): save it as UTF-8"
        ) from None
    if text.startswith("\ufeff"):
        raise TemplateError(f"{path}: begins with a byte order mark: save it as UTF-8 without one")
    return text
