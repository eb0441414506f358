"""Catalogue loader: protocols, clinics, triage and sites, read from TOML files at start-up."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from functools import cache, partial
from importlib.resources.abc import Traversable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from followup.catalogue.toml_files import parse_toml, read_bytes, toml_files
from followup.catalogue.triage_files import (
    TriageFiles,
    all_triage,
    read_own_triage,
    triage_files,
)
from followup.data_files import data_folder
from followup.domain.clinics.clinic import Clinic
from followup.domain.clinics.clinic_file import parse_clinic
from followup.domain.errors import ProtocolError
from followup.domain.file_shape import did_you_mean
from followup.domain.protocols.protocol import Protocol
from followup.domain.protocols.protocol_file import parse_protocol
from followup.domain.protocols.review import protocol_reservations
from followup.domain.releases.manifest import bytes_digest
from followup.domain.sites.site import FollowUpRule, Site
from followup.domain.sites.site_file import parse_site
from followup.domain.triage.triage import Triage

FOLDERS = ("protocols", "clinics", "triage", "words", "intake", "signers", "sources")
"""What a clinic's own folder may hold: what it lacks is as shipped."""
SOURCES = "sources"
"""The folder of the documents that protocols rest on."""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file as it was when it was read: where it lies, and the SHA-256 of its content."""

    place: Traversable
    digest: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be enrolled for, and with whom, by key.

    `folder` is the clinic's own configuration, None where that is what was shipped; `files` has the
    file of each protocol and clinic, by its folder and key.
    """

    protocols: Mapping[str, Protocol]
    clinics: Mapping[str, Clinic]
    read_triage: Callable[[], tuple[Triage, ...]] = tuple
    sites: Mapping[str, Site] = field(default_factory=dict)
    clinics_are_shipped: bool = False
    folder: Path | None = None
    files: Mapping[tuple[str, str], LoadedFile] = field(default_factory=dict, repr=False)

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
        said = protocol_reservations(self.protocols.values(), self.clinics.values(), today=today)
        if not self.clinics_are_shipped:
            return said
        names = ", ".join(clinic.name for clinic in self.clinics.values())
        return (
            f"there is no folder clinics in FOLLOWUP_CONFIG_DIR: patients are told to ring {names}",
            *said,
        )

    def triage_files(self, protocol: str) -> Mapping[str, Traversable]:
        """Return the files by which replies are sorted, by path, without those of others."""
        found = dict(triage_files(data_folder("config") / "triage", protocol))
        if self.folder is not None:
            found |= triage_files(self.folder / "triage", protocol)
        return found


Entry = TypeVar("Entry", Protocol, Clinic, Site)


def load_catalogue(config_dir: Path | None = None) -> Catalogue:
    """Return what `config_dir` holds, and what was shipped of the folders that it lacks.

    A clinic's own `protocols` and `clinics` are all that there are: what can be enrolled for is the
    clinic's choice. Its own phrases come beside the shipped ones.

    Raises `ProtocolError` with a line for everything that is wrong in any of the files.
    """
    if config_dir is not None and (misnamed := [*_misnamed(config_dir)]):
        raise ProtocolError("\n".join(misnamed))
    problems: list[str] = []
    files: dict[tuple[str, str], LoadedFile] = {}
    read = _read_folder(
        _home(config_dir, "protocols"),
        "protocols",
        parse=parse_protocol,
        problems=problems,
        files=files,
    )
    protocols = {key: with_its_document(each, config_dir) for key, each in read.items()}
    clinics = _read_folder(
        _home(config_dir, "clinics"), "clinics", parse=parse_clinic, problems=problems, files=files
    )
    own = TriageFiles()
    if config_dir is not None and (config_dir / "triage").is_dir():
        own = read_own_triage(config_dir / "triage", protocols=protocols, problems=problems)
    read_triage = cache(partial(all_triage, own, protocols=frozenset(protocols)))
    root = data_folder("config") if config_dir is None else config_dir
    sites = _sites(root, protocols=protocols, clinics=clinics, problems=problems)
    if problems:
        raise ProtocolError("\n".join(problems))
    return Catalogue(
        MappingProxyType(protocols),
        MappingProxyType(clinics),
        read_triage,
        MappingProxyType(sites),
        clinics_are_shipped=config_dir is not None and not (config_dir / "clinics").is_dir(),
        folder=config_dir,
        files=MappingProxyType(files),
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
    sender_of: dict[str, str] = {}
    for site in sites.values():
        problems += [
            f'{folder}, {site.key}, fhir, keys: "{key}" sends for {sender_of[key]}: a key sends '
            "for one site"
            for key in sorted(site.fhir.keys if site.fhir else ())
            if sender_of.setdefault(key, site.key) != site.key
        ]
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


def _misnamed(config_dir: Path) -> Iterator[str]:
    """Find folders that a clinic would fill in vain: the shipped ones would count."""
    there = [entry for entry in sorted(config_dir.iterdir()) if entry.is_dir()]
    if not any(entry.name in FOLDERS for entry in there):
        yield (
            f"{config_dir}: holds none of the folders {', '.join(FOLDERS)}: make one, or correct "
            "FOLLOWUP_CONFIG_DIR"
        )
    for entry in there:
        if entry.name not in FOLDERS and get_close_matches(entry.name, FOLDERS, n=1):
            known = dict.fromkeys(FOLDERS)
            yield f"{entry}: nothing is read from there; {did_you_mean(entry.name, known)}"


def with_its_document(protocol: Protocol, config_dir: Path | None) -> Protocol:
    """Return the protocol with the text of its source, where that is kept.

    A folder of a clinic's own need not repeat a document that is shipped.
    """
    file = document_of(protocol, config_dir)
    if file is None:
        return protocol
    # What is no UTF-8 is another text than was kept: its digest says so.
    text = file.read_bytes().decode(errors="replace")
    return replace(protocol, source=replace(protocol.source, text=text))


def document_of(protocol: Protocol, config_dir: Path | None) -> Traversable | None:
    """Return the file of a protocol's source: the clinic's own, the shipped one, or None."""
    name = protocol.source.document
    homes: list[Traversable] = [] if config_dir is None else [config_dir]
    for home in [*homes, data_folder("config")] if name is not None else ():
        file = home / SOURCES / str(name)
        if file.is_file():
            return file
    return None


def _home(config_dir: Path | None, folder: str) -> Traversable:
    """Return where a folder of that name counts: in the clinic's own, or where it is shipped."""
    if config_dir is not None and (config_dir / folder).is_dir():
        return config_dir
    return data_folder("config")


def _read_folder(
    root: Traversable,
    folder: str,
    *,
    parse: Callable[..., Entry],
    problems: list[str],
    files: dict[tuple[str, str], LoadedFile] | None = None,
) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    origin: dict[str, str] = {}
    for file in toml_files(root / folder, problems=problems):
        name = str(file)
        try:
            content = read_bytes(file, name=name)
            entry = parse(parse_toml(content, name=name), file=name)
        except ProtocolError as error:
            problems.append(str(error))
            continue
        if files is not None:
            files[folder, entry.key] = LoadedFile(file, bytes_digest(content))
        if entry.key in found:
            problems.append(
                f'{name}: has the key "{entry.key}", as {origin[entry.key]} has: give one another'
            )
        found[entry.key], origin[entry.key] = entry, name
    return found
