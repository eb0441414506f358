"""TOML files of a folder, or a sentence on what is wrong with one, its place first."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.resources.abc import Traversable
from typing import Any

from followup.domain.errors import ProtocolError


def toml_files(folder: Traversable, *, problems: list[str]) -> Iterator[Traversable]:
    """Return the files of a folder by name, or note what it lacks."""
    if not folder.is_dir():
        problems.append(
            f"{folder}: there is no such folder: make it, or correct FOLLOWUP_CONFIG_DIR"
        )
        return iter(())
    found = [
        file
        for file in folder.iterdir()
        if file.name.endswith(".toml") and not file.name.startswith(".")
    ]
    if not found:
        problems.append(f"{folder}: holds no .toml file: put at least one there")
    return iter(sorted(found, key=lambda file: file.name))


def read_toml(file: Traversable, *, name: str) -> dict[str, Any]:
    """Return the content of a file; raise `ProtocolError` for one that can't be read."""
    return parse_toml(read_bytes(file, name=name), name=name)


def read_bytes(file: Traversable, *, name: str) -> bytes:
    """Return a file as it is; raise `ProtocolError` for one that can't be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        raise ProtocolError(f"{name}: can't be read: {error.strerror}") from error


def parse_toml(content: bytes, *, name: str) -> dict[str, Any]:
    """Return what a file says; editors that begin it with a byte order mark are forgiven."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProtocolError(
            f"{name}, line {line}: is not UTF-8: save it in that encoding"
        ) from error
    try:
        data = tomllib.loads(text)
    except RecursionError as error:
        raise ProtocolError(f"{name}: nests too deeply: write it more simply") from error
    # A number of thousands of digits is a plain ValueError.
    except ValueError as error:
        raise ProtocolError(_syntax_complaint(str(error), text=text, name=name)) from error
    if not data:
        raise ProtocolError(f"{name}: is empty: fill it in, or remove it")
    return data


def _syntax_complaint(message: str, *, text: str, name: str) -> str:
    """Return tomllib's complaint with the place put first, as other complaints have it."""
    match = re.fullmatch(r"(.+) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if match is None:
        return f"{name}: is not valid TOML: {message}"
    what, line, column = match.groups(default="")
    at = f" (column {column})" if column else " (at the end)"
    return (
        f"{name}, line {line or len(text.splitlines())}: is not valid TOML: "
        f"{what[:1].lower()}{what[1:]}{at}"
    )
