"""Export of the shipped words into a clinic's own folder, to start from: all of it or nothing."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

from followup.content.layers import MESSAGES, PATIENT, PROTOCOLS, load_content
from followup.content.page_words import CARD as PAGE_CARD
from followup.content.page_words import DOMAIN
from followup.content.sources import CARD, IN_A_LANGUAGE, passed_over
from followup.data_files import data_folder
from followup.domain.errors import InvalidInput, TemplateError
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Protocol

MOST_NAMED = 5
"""Files that are in the way, of which no more are named."""


def shipped_words(
    protocols: Mapping[str, Protocol], *, protocol: str | None = None, language: str | None = None
) -> dict[str, bytes]:
    """Return the shipped words by their path below a folder of words.

    Of one protocol that is all that its messages and the answers to its patients are made of, as
    words of its own; else each file stands where it is shipped. Raises `InvalidInput` for a
    protocol, or a language, that there is not.
    """
    if protocol is not None and protocol not in protocols:
        hint = did_you_mean(protocol, protocols)
        raise InvalidInput.of("protocol", f'there is no protocol "{protocol}"; {hint}')
    templates = data_folder("templates")
    found = dict(
        _of_protocol(protocols[protocol], protocols) if protocol else _as_shipped(protocols)
    )
    found |= {
        f"{PATIENT}/{path}": file
        for path, file in _files(templates / PATIENT)
        if _is_words_of_page(path) and (protocol is None or f"leaflets/{protocol}/" in f"{path}/")
    }
    languages = {each for path in found if (each := _language(path))}
    if language is not None and language not in languages:
        raise InvalidInput.of(
            "language",
            f'nothing is shipped in "{language}": export another, and translate it; shipped are '
            f"{', '.join(sorted(languages))}",
        )
    return {
        path: file.read_bytes()
        for path, file in sorted(found.items())
        if language is None or _language(path) in {None, language}
    }


def write_words(words: Mapping[str, bytes], folder: Path, *, force: bool = False) -> int:
    """Write files below a folder; return how many are new or changed.

    One that is there already, and differs, is overwritten with `force` alone. Where a file can't be
    written, all is as it was. Raises `TemplateError` with what is in the way.
    """
    try:
        wanted = {
            folder / path: content
            for path, content in words.items()
            if not (folder / path).is_file() or (folder / path).read_bytes() != content
        }
        if not force and (there := [file for file in wanted if file.exists()]):
            raise TemplateError(_in_the_way(there))
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, prefix=".export-") as staging:
            _put(wanted, Path(staging))
    except OSError as error:
        where = error.filename or folder
        raise TemplateError(
            f"{where}: can't be written: {error.strerror}: nothing was changed; put that right, or "
            "choose another folder with --to"
        ) from error
    return len(wanted)


def _in_the_way(there: list[Path]) -> str:
    named = "\n".join(f"- {file}" for file in there[:MOST_NAMED])
    more = f"\n- and {len(there) - MOST_NAMED} more" if len(there) > MOST_NAMED else ""
    return (
        f"Nothing was written, because files are there that differ from the shipped ones:\n{named}"
        f"{more}\n"
        "Choose another folder with --to, or overwrite them with --force."
    )


def _put(wanted: Mapping[Path, bytes], staging: Path) -> None:
    """Write all files beside their place first, then move them there, or move all back."""
    staged = {}
    for number, (file, content) in enumerate(wanted.items()):
        staged[file] = staging / f"{number}.new"
        staged[file].write_bytes(content)
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (file, new) in enumerate(staged.items()):
            file.parent.mkdir(parents=True, exist_ok=True)
            old = staging / f"{number}.old" if file.exists() else None
            if old is not None:
                shutil.copy2(file, old)
            new.replace(file)
            done.append((file, old))
    except OSError:
        for file, old in reversed(done):
            if old is None:
                file.unlink()
            else:
                old.replace(file)
        raise


def _as_shipped(protocols: Iterable[str]) -> Iterator[tuple[str, Traversable]]:
    templates = data_folder("templates")
    for path, file in _files(templates / MESSAGES):
        yield f"{MESSAGES}/{path}", file
    for key in protocols:
        for path, file in _files(templates / PROTOCOLS / key):
            yield f"{PROTOCOLS}/{key}/{path}", file


def _of_protocol(
    protocol: Protocol, protocols: Mapping[str, Protocol]
) -> Iterator[tuple[str, Traversable]]:
    """Yield every file that the protocol's messages, and what all are sent, are made of."""
    content = load_content(protocols=protocols, clinics={}).of(protocol=protocol.key)
    others = {
        step.template
        for each in protocols.values()
        if each.key != protocol.key
        for step in each.steps
    }
    mine = {step.template for step in protocol.steps} | (content.cards.keys() - others)
    paths = {f"{template}/{CARD}" for template in mine}
    for version in content.versions():
        paths |= version.sources.keys() if version.template in mine else set()
    templates = data_folder("templates")
    places = (templates / PROTOCOLS / protocol.key, templates / MESSAGES)
    for path in paths:
        file = next(each for place in places if (each := place / path).is_file())
        yield f"{PROTOCOLS}/{protocol.key}/{path}", file


def _files(folder: Traversable, at: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir() if folder.is_dir() else ():
        if passed_over(entry.name):
            continue
        if entry.is_dir():
            yield from _files(entry, f"{at}{entry.name}/")
        else:
            yield f"{at}{entry.name}", entry


def _is_words_of_page(path: str) -> bool:
    return path == PAGE_CARD or path.startswith("leaflets/") or path.endswith(f"/{DOMAIN}.po")


def _language(path: str) -> str | None:
    """Return the language that a file below a folder of words is in; None for what all share."""
    place, *parts = PurePosixPath(path).parts
    if place == PATIENT:
        if parts[0] == "leaflets":
            return parts[-1].removesuffix(".html")
        return parts[1] if parts[0] == "locale" else None
    parts = parts[1:] if place == PROTOCOLS else parts
    return parts[1] if len(parts) == IN_A_LANGUAGE else None
