"""Option defaults: which clinic, which protocol, and the answers to its questions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from followup.catalogue.load import Catalogue
from followup.cli.framework.boundary import WrongUse
from followup.domain.errors import InvalidInput, Problem
from followup.domain.protocols.protocol import Attribute, Protocol
from followup.intake.local_times import parse_bound
from followup.intake.yes_or_no import read_yes_or_no

USUAL_PROTOCOL = "nerve-root-block"
"""Meant where several are configured, this one among them, and none is named."""


def clinic_key(catalogue: Catalogue, given: str | None) -> str:
    """Return the clinic that is meant: the one named, or the only one."""
    if given is None and len(catalogue.clinics) == 1:
        return next(iter(catalogue.clinics))
    return _known("clinic", given, catalogue.clinics)


def protocol_key(catalogue: Catalogue, given: str | None) -> str:
    """Return the protocol that is meant: the one named, the only one, or the usual one."""
    if given is None and len(catalogue.protocols) == 1:
        return next(iter(catalogue.protocols))
    if given is None and USUAL_PROTOCOL in catalogue.protocols:
        return USUAL_PROTOCOL
    return _known("protocol", given, catalogue.protocols)


def zone_of(catalogue: Catalogue, clinic: str | None = None) -> ZoneInfo:
    """Return the zone of a clinic, or the one that all clinics share.

    Raises `WrongUse` where they differ.
    """
    if clinic is not None:
        return catalogue.clinics[clinic_key(catalogue, clinic)].zone
    zones = {each.zone.key: each.zone for each in catalogue.clinics.values()}
    if len(zones) > 1:
        raise WrongUse(
            f"the clinics are in different zones ({', '.join(sorted(zones))}): "
            "write times with an offset, or name one with --clinic"
        )
    return next(iter(zones.values()))


Choice = TypeVar("Choice", bound=StrEnum)


def among(choices: type[Choice], given: Iterable[str] | None, *, option: str) -> tuple[Choice, ...]:
    """Return what an option names, once or more, with or without commas; raise `WrongUse`."""
    words = [word.strip().lower() for text in given or () for word in text.split(",")]
    try:
        return tuple(dict.fromkeys(choices(word) for word in words if word))
    except ValueError:
        raise WrongUse(f"{option}: choose from {', '.join(choices)}") from None


def bound(
    catalogue: Catalogue, text: str | None, *, option: str, clinic: str | None
) -> datetime | None:
    """Return the time that `--since` or `--until` names, or None; raise `WrongUse` for no time."""
    if text is None:
        return None
    try:
        return parse_bound(text, zone=zone_of(catalogue, clinic), field=option)
    except InvalidInput as error:
        raise WrongUse(str(error)) from None


def answers(
    protocol: Protocol,
    *,
    diabetic: bool | None,
    steroid: bool | None,
    written: Sequence[str],
    flags: Sequence[str],
) -> dict[str, object]:
    """Return the attributes that the options answer, by their keys in the protocol.

    `written` are those of `--attribute key=yes|no`, `flags` further ones of the protocol's own
    (`--pregnant`, `--no-pregnant`). Raises `WrongUse` for what is no such thing.
    """
    found: dict[str, object] = {}
    for flag, value in (("diabetic", diabetic), ("steroid", steroid)):
        if value is not None:
            found[_key_of(protocol, flag) or {"steroid": "steroid_given"}.get(flag, flag)] = value
    for text in written:
        name, _, answer = text.partition("=")
        value = read_yes_or_no(answer)
        if value is None:
            raise WrongUse(f"--attribute {text}: write it as {name.strip()}=yes or =no")
        found[_key_of(protocol, name.strip()) or name.strip()] = value
    for flag in flags:
        bare = flag.removeprefix("--")
        key, value = _key_of(protocol, bare), True
        if key is None:
            key, value = _key_of(protocol, bare.removeprefix("no-")), False
        if key is None or not flag.startswith("--"):
            raise WrongUse(f"there is no option or argument {flag} here")
        found[key] = value
    return found


def in_options(error: InvalidInput, protocol: Protocol | None) -> InvalidInput:
    """Return the error with its fields named as the options by which a person gave them."""
    attributes = {each.key: each for each in protocol.attributes} if protocol else {}
    return InvalidInput(*(_in_options(problem, attributes) for problem in error.problems))


def _in_options(problem: Problem, attributes: Mapping[str, Attribute]) -> Problem:
    group, _, name = problem.field.rpartition(".")
    if group == "attributes" and name in attributes:
        attribute = attributes[name]
        return Problem(
            f"--{attribute.flag} or --no-{attribute.flag}",
            f"add the one that is right: {attribute.question}",
        )
    if group == "attributes":
        return Problem(f"--attribute {name}", problem.message)
    return Problem(f"--{name.replace('_', '-')}", problem.message)


def _key_of(protocol: Protocol, name: str) -> str | None:
    """Return the attribute that is called by this key or flag."""
    for attribute in protocol.attributes:
        if name in {attribute.key, attribute.flag, attribute.key.replace("_", "-")}:
            return attribute.key
    return None


def _known(field: str, given: str | None, known: Mapping[str, object]) -> str:
    names = ", ".join(sorted(known))
    if given is None:
        raise InvalidInput.of(field, f"say which with --{field}: {names}")
    if given not in known:
        raise InvalidInput.of(field, f"there is no {field} {given!r}; choose one of: {names}")
    return given
