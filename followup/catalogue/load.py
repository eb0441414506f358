"""Catalogue loader: protocols, clinics, triage and sites, read from TOML files at start-up."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache, partial
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from followup.data_files import data_folder
from followup.domain.clinics.clinic import Clinic
from followup.domain.clinics.clinic_file import parse_clinic
from followup.domain.errors import ProtocolError
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.protocols.review import protocol_reservations
from followup.domain.sites.site import FollowUpRule, Site
from followup.domain.sites.site_file import parse_site
from followup.domain.triage.second_net import SecondNet, parse_second_net
from followup.domain.triage.triage import Triage
from followup.domain.triage.triage_file import parse_addition, parse_triage

SECOND_NET = "second-net"
"""The folder, beside the phrases, of the tables that raise what no phrase finds."""
ADDITIONS = "protocols"
"""The folder, beside the general phrases, of what single protocols sort otherwise."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be enrolled for, and with whom, by key."""

    protocols: Mapping[str, Protocol]
    clinics: Mapping[str, Clinic]
    read_triage: Callable[[], tuple[Triage, ...]] = tuple
    sites: Mapping[str, Site] = field(default_factory=dict)

    @property
    def triage(self) -> tuple[Triage, ...]:
        """The phrases by which replies are sorted: of each language, and what protocols add.

        Those that are shipped are read when they are first asked for: that takes a second and much
        memory, which whoever only sends or lists need not spend.
        """
        return self.read_triage()

    def definition(self, protocol: str) -> dict[str, Any]:
        """Return what the file of that protocol says, as JSON values."""
        return dict(self.protocols[protocol].definition)

    def reservations(self, today: date) -> tuple[str, ...]:
        """Return what a person should settle, such as a source that is overdue for review."""
        return protocol_reservations(self.protocols.values(), self.clinics.values(), today=today)


def _second_nets(folder: Traversable, *, problems: list[str]) -> dict[str, SecondNet]:
    """Return the second net of each language that has one."""
    found: dict[str, SecondNet] = {}
    for file in _toml_files(folder, problems=problems) if folder.is_dir() else ():
        name = str(file)
        try:
            net = parse_second_net(_read_toml(file, name=name), file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        found[net.language] = net
    return found


def _additions(
    folder: Traversable, *, protocols: Container[str], problems: list[str]
) -> dict[str, Triage]:
    """Return what protocols sort otherwise than the general file of a language."""
    found: dict[str, Triage] = {}
    general: dict[object, dict[str, Any]] = {}
    for file in _toml_files(folder, problems=problems):
        data = _read_toml(file, name=str(file))
        general[data["language"]] = data
    for file in _toml_files(folder / ADDITIONS, problems=problems):
        name = str(file)
        try:
            data = _read_toml(file, name=name)
            triage = parse_addition(data, general=general, file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        problems += [
            f'{name}, protocols: there is no protocol "{key}": correct it'
            for key in sorted(triage.protocols)
            if key not in protocols
        ]
        found[triage.key] = triage
    return found


Entry = TypeVar("Entry", Protocol, Clinic, Triage, Site)


def load_catalogue(config_dir: Path | None = None) -> Catalogue:
    """Return what `config_dir` holds, or what was shipped where it is None.

    Raises `ProtocolError` with a line for everything that is wrong in any of the files.
    """
    root: Traversable = data_folder("config") if config_dir is None else config_dir
    problems: list[str] = []
    protocols = _read_folder(root, "protocols", parse=parse_protocol, problems=problems)
    clinics = _read_folder(root, "clinics", parse=parse_clinic, problems=problems)
    read_triage: Callable[[], tuple[Triage, ...]]
    if config_dir is not None and (config_dir / "triage").is_dir():
        triage = _triage(config_dir, protocols=protocols, problems=problems)
        read_triage = partial(tuple, triage)
    else:
        # A folder from before replies were sorted goes by the phrases that are shipped.
        read_triage = cache(partial(_shipped_triage, protocols=frozenset(protocols)))
    sites = _sites(root, protocols=protocols, clinics=clinics, problems=problems)
    if problems:
        raise ProtocolError("\n".join(problems))
    return Catalogue(
        MappingProxyType(protocols), MappingProxyType(clinics), read_triage, MappingProxyType(sites)
    )


def _sites(
    root: Traversable,
    *,
    protocols: Mapping[str, Protocol],
    clinics: Container[str],
    problems: list[str],
) -> dict[str, Site]:
    """Return the sites that feeds come from: none where there is no folder of them."""
    folder = root / "intake"
    if not folder.is_dir():
        return {}
    sites = _read_folder(root, "intake", parse=parse_site, problems=problems)
    for site in sites.values():
        problems += [
            f"{folder}, {site.key}, follow_ups {number}: {fault}"
            for number, rule in enumerate(site.rules, start=1)
            for fault in _rule_faults(rule, protocols=protocols, clinics=clinics)
        ]
    return sites


def _rule_faults(
    rule: FollowUpRule, *, protocols: Mapping[str, Protocol], clinics: Container[str]
) -> Iterator[str]:
    if rule.clinic not in clinics:
        yield f'there is no clinic "{rule.clinic}": correct it'
    protocol = protocols.get(rule.protocol)
    if protocol is None:
        yield f'there is no protocol "{rule.protocol}": correct it'
        return
    asked = {attribute.key for attribute in protocol.needed_attributes()}
    for key in rule.answers:
        if key not in asked:
            yield f'{rule.protocol} does not ask "{key}": take it out of answers'


def _shipped_triage(*, protocols: Container[str]) -> tuple[Triage, ...]:
    problems: list[str] = []
    triage = _triage(data_folder("config"), protocols=protocols, problems=problems)
    if problems:
        raise ProtocolError("\n".join(problems))
    return triage


def _triage(
    root: Traversable, *, protocols: Container[str], problems: list[str]
) -> tuple[Triage, ...]:
    """Return the phrases of each language, with what protocols add and its second net."""
    triage = _read_folder(root, "triage", parse=parse_triage, problems=problems)
    folder = root / "triage"
    if (folder / ADDITIONS).is_dir() and not problems:
        triage |= _additions(folder, protocols=protocols, problems=problems)
    nets = _second_nets(folder / SECOND_NET, problems=problems)
    return tuple(each.backed_by(nets.get(each.language)) for each in triage.values())


def _read_folder(
    root: Traversable,
    folder: str,
    *,
    parse: Callable[..., Entry],
    problems: list[str],
) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    origin: dict[str, str] = {}
    for file in _toml_files(root / folder, problems=problems):
        name = str(file)
        try:
            entry = parse(_read_toml(file, name=name), file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        if entry.key in found:
            problems.append(
                f'{name}: has the key "{entry.key}", as {origin[entry.key]} has: give one another'
            )
        found[entry.key], origin[entry.key] = entry, name
    return found


def _toml_files(folder: Traversable, *, problems: list[str]) -> Iterator[Traversable]:
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


def _read_toml(file: Traversable, *, name: str) -> dict[str, Any]:
    """Return the content of a file; editors that begin it with a byte order mark are forgiven."""
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ProtocolError(f"{name}: can't be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ProtocolError(
            f"{name}, line {line}: is not UTF-8: save it in that encoding"
        ) from error
    try:
        data = tomllib.loads(text)
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
