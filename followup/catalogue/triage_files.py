"""Triage files: the shipped phrases, and a clinic's own beside them.

A file in another language adds that language, and one for single protocols adds to those. A file in
a language, or for protocols, that the shipped ones have takes the place of that one alone.
"""

from __future__ import annotations

import gc
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any

from followup.catalogue.toml_files import read_toml, toml_files
from followup.data_files import data_folder
from followup.domain.errors import ProtocolError
from followup.domain.file_shape import did_you_mean
from followup.domain.triage.second_net import SecondNet, parse_second_net
from followup.domain.triage.triage import Triage
from followup.domain.triage.triage_file import parse_addition, parse_triage

SECOND_NET = "second-net"
"""The folder, beside the phrases, of the tables that raise what no phrase finds."""
ADDITIONS = "protocols"
"""The folder, beside the general phrases, of what single protocols sort otherwise."""

Tables = Mapping[object, Mapping[str, Any]]
"""The content of the general file of each language."""


@dataclass(frozen=True, slots=True)
class TriageFiles:
    """What one folder of phrases holds, read: by language, and by name for some protocols."""

    general: Mapping[str, Triage] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)
    additions: Mapping[str, Triage] = field(default_factory=dict)
    nets: Mapping[str, SecondNet] = field(default_factory=dict)


def read_own_triage(
    folder: Traversable, *, protocols: Container[str], problems: list[str]
) -> TriageFiles:
    """Return what a clinic's own folder holds, and note what is wrong with it.

    What the shipped files add for single protocols is tried on its general phrases too.
    """
    before = len(problems)
    known = dict.fromkeys((ADDITIONS, SECOND_NET))
    problems += [
        f"{entry}: nothing is read from there; {did_you_mean(entry.name, known)}"
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.is_dir() and entry.name not in known and not entry.name.startswith(".")
    ]
    shipped = data_folder("config") / "triage"
    general, tables = _general(folder, problems=problems)
    nets = _second_nets(folder / SECOND_NET, problems=problems)
    additions: dict[str, Triage] = {}
    if len(problems) == before and _holds_toml(folder / ADDITIONS):
        base = {**_tables(shipped), **tables}
        additions = _additions(folder, general=base, protocols=protocols, problems=problems)
    own = TriageFiles(general, tables, additions, nets)
    if len(problems) == before and tables:
        base = {**_tables(shipped), **tables}
        _shipped_additions(own, base=base, protocols=protocols, problems=problems)
    return own


def all_triage(own: TriageFiles, *, protocols: Container[str]) -> tuple[Triage, ...]:
    """Return the phrases of each language and each protocol: the shipped, and a clinic's own."""
    problems: list[str] = []
    shipped = data_folder("config") / "triage"
    with _no_collection():
        general, tables = _general(shipped, problems=problems, without=own.general)
        nets = {**_second_nets(shipped / SECOND_NET, problems=problems), **own.nets}
        # A file that a clinic's own takes the place of is not read for what it adds to either.
        base = {**tables, **own.tables}
        additions = _shipped_additions(own, base=base, protocols=protocols, problems=problems)
    if problems:
        raise ProtocolError("\n".join(problems))
    files = (*{**general, **own.general}.values(), *{**additions, **own.additions}.values())
    return tuple(each.backed_by(nets.get(each.language)) for each in files)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Make a quarter of a million wordings without looking for garbage among them, now or later."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_on:
            gc.enable()


def _shipped_additions(
    own: TriageFiles, *, base: Tables, protocols: Container[str], problems: list[str]
) -> dict[str, Triage]:
    """Return what the shipped files add for the protocols that there are, over own phrases too."""
    shipped = data_folder("config") / "triage"
    if not _holds_toml(shipped / ADDITIONS):
        return {}
    found = _additions(shipped, general=base, protocols=protocols, problems=problems, own=False)
    told = {(each.language, key) for each in own.additions.values() for key in each.protocols}
    return {
        name: each
        for name, each in found.items()
        if not all((each.language, key) in told for key in each.protocols)
    }


def _general(
    folder: Traversable, *, problems: list[str], without: Container[str] = ()
) -> tuple[dict[str, Triage], dict[object, dict[str, Any]]]:
    """Return the general phrases of each language, and the tables that they were read from."""
    found: dict[str, Triage] = {}
    tables: dict[object, dict[str, Any]] = {}
    origin: dict[object, str] = {}
    if not _holds_toml(folder):
        return found, tables
    for file in toml_files(folder, problems=problems):
        name = str(file)
        try:
            data = read_toml(file, name=name)
            language = data.get("language")
            if language in without:
                continue
            if (other := origin.setdefault(language, name)) != name:
                problems.append(f'{name}: is in "{language}", as {other} is: make them one')
                continue
            triage = parse_triage(data, file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        found[triage.language], tables[triage.language] = triage, data
    return found, tables


def _tables(folder: Traversable) -> dict[object, dict[str, Any]]:
    """Return the content of the shipped files by language, unread."""
    files = [read_toml(file, name=str(file)) for file in toml_files(folder, problems=[])]
    return {data["language"]: data for data in files}


def _second_nets(folder: Traversable, *, problems: list[str]) -> dict[str, SecondNet]:
    """Return the second net of each language that has one."""
    found: dict[str, SecondNet] = {}
    for file in toml_files(folder, problems=problems) if folder.is_dir() else ():
        name = str(file)
        try:
            net = parse_second_net(read_toml(file, name=name), file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        found[net.language] = net
    return found


def _additions(
    folder: Traversable,
    *,
    general: Tables,
    protocols: Container[str],
    problems: list[str],
    own: bool = True,
) -> dict[str, Triage]:
    """Return what protocols sort otherwise than the general file of a language.

    A shipped file for a protocol that a clinic does not offer counts for nothing.
    """
    found: dict[str, Triage] = {}
    for file in toml_files(folder / ADDITIONS, problems=problems):
        name = str(file)
        try:
            data = read_toml(file, name=name)
            if not own and not any(key in protocols for key in data["protocols"]):
                continue
            triage = parse_addition(data, general=general, file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        problems += [
            f'{name}, protocols: there is no protocol "{key}": correct it'
            for key in sorted(triage.protocols if own else ())
            if key not in protocols
        ]
        found[triage.key] = triage
    return found


def triage_files(folder: Traversable, protocol: str) -> Iterator[tuple[str, Traversable]]:
    """Yield the files of a folder of phrases by path, but for what other protocols add."""
    for place, inside in (("", folder), (f"{SECOND_NET}/", folder / SECOND_NET)):
        for file in toml_files(inside, problems=[]):
            yield f"triage/{place}{file.name}", file
    for file in toml_files(folder / ADDITIONS, problems=[]):
        if protocol in read_toml(file, name=str(file)).get("protocols", ()):
            yield f"triage/{ADDITIONS}/{file.name}", file


def _holds_toml(folder: Traversable) -> bool:
    return folder.is_dir() and any(file.name.endswith(".toml") for file in folder.iterdir())
