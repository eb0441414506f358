"""Message sources: each template's exact text by path, its metadata, and its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
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
SUFFIXES = frozenset({".txt", ".html", ".css"})
IN_A_LANGUAGE = 3
"""Parts of a path that is of one language: `dressing/en/sms.txt`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """Message files of one folder: sources by path, cards by message, the file of each path.

    `own` are the paths whose files are a clinic's, not shipped.
    """

    sources: Mapping[str, str]
    cards: Mapping[str, Meta]
    files: Mapping[str, str]
    own: frozenset[str] = frozenset()


def passed_over(name: str) -> bool:
    """Say whether a file is none of ours: hidden, or what an editor keeps beside another."""
    return name.startswith(".") or name.endswith("~")


def read_layer(
    root: Traversable, *, prefix: str = "", own: bool = False, problems: list[str]
) -> Layer:
    """Return the message files below a folder, and note every file that can't be used.

    `prefix` is put before a path to name its file; `own` says that they are a clinic's.
    """
    sources: dict[str, str] = {}
    cards: dict[str, Meta] = {}
    files: dict[str, str] = {}
    for path, file in sorted(_walk(root), key=lambda found: found[0]):
        files[path] = f"{prefix}{path}"
        try:
            text = read_text(file, name=files[path])
            if path.endswith(f"/{CARD}"):
                cards[path.removesuffix(f"/{CARD}")] = read_meta(text, file=files[path])
            else:
                sources[path] = text
        except TemplateError as error:
            problems.append(str(error))
    mine = frozenset(files) if own else frozenset[str]()
    return Layer(sources=sources, cards=cards, files=files, own=mine)


def read_sources(root: Traversable) -> tuple[Mapping[str, str], Mapping[str, Meta]]:
    """Return all template sources by path and the card of each message by its name.

    Raises `TemplateError` with every file that can't be used.
    """
    problems: list[str] = []
    layer = read_layer(root, problems=problems)
    if problems:
        raise TemplateError("\n".join(problems))
    if not layer.cards:
        raise TemplateError(f"{root}: holds no message: each is a folder with a {CARD} in it")
    return layer.sources, layer.cards


def file_named(complaint: str, files: Mapping[str, str]) -> str:
    """Return a complaint with its path replaced by the file that it is, or should be, in."""
    path = re.split(r"[,:]", complaint, maxsplit=1)[0]
    return f"{_file_of(path, files)}{complaint[len(path) :]}"


def _file_of(path: str, files: Mapping[str, str]) -> str:
    if path in files or "/" not in path:
        return files.get(path, path)
    # A file that is missing belongs beside those that ask for it.
    folder = path.rpartition("/")[0]
    for sibling, file in files.items():
        if sibling.rpartition("/")[0] == folder and file != sibling:
            return f"{file.removesuffix(sibling)}{path}"
    return path


def languages_of(sources: Mapping[str, str], template: str) -> tuple[str, ...]:
    """Return the languages that a message has a folder for."""
    paths = [path.split("/") for path in sources]
    found = {parts[1] for parts in paths if len(parts) == IN_A_LANGUAGE and parts[0] == template}
    return tuple(sorted(found))


def _walk(folder: Traversable, at: str = "") -> Iterator[tuple[str, Traversable]]:
    if not folder.is_dir():
        return
    for entry in folder.iterdir():
        path = f"{at}{entry.name}"
        if passed_over(entry.name):
            continue
        if entry.is_dir():
            yield from _walk(entry, f"{path}/")
        elif entry.name == CARD or PurePosixPath(path).suffix in SUFFIXES:
            yield path, entry


def read_text(file: Traversable, *, name: str) -> str:
    """Return the exact text of a file; raise `TemplateError` where it is not plain UTF-8."""
    # Read as bytes, so that line endings stay as they are: the hash is of the exact text.
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise TemplateError(f"{name}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise TemplateError(
            f"{name}: is not UTF-8 (byte {error.start + 1}): save it as UTF-8"
        ) from None
    if text.startswith("\ufeff"):
        raise TemplateError(f"{name}: begins with a byte order mark: save it as UTF-8 without one")
    return text
