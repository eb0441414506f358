"""`followup intake`: tries what a hospital's messages would do."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from followup.cli.framework.boundary import EXIT_REFUSED, Group
from followup.cli.framework.opening import opened
from followup.cli.framework.options import AsJson
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import bullet, say, say_json
from followup.context import AppContext, UnitOfWork
from followup.domain import actors
from followup.domain.errors import Conflict, InvalidInput, NotFound
from followup.domain.sites.site import Site
from followup.intake.feed.apply import apply_event
from followup.intake.feed.inbox import FeedState
from followup.intake.feed.outcome import Applied
from followup.intake.fhir.dry_run import try_resources
from followup.intake.hl7.acknowledge import Fault
from followup.intake.hl7.framing import END, START
from followup.intake.hl7.header import Header, Unreadable, read_header
from followup.intake.hl7.receive import Readable, read_message
from followup.store.models.enrolments import Enrolment
from followup.wording.intake.feeds import FEED_STATES, feed_reason_text

group = new_app(cls=Group, no_args_is_help=True, help="Try what a hospital's messages would do.")
LONGEST_FILE = 16 * 1024 * 1024
TAKEN = frozenset({"AA", "200", "201"})
"""Answers by which a message or a resource is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What would come of one message."""

    event: str
    control_id: str
    answer: str
    state: str
    reason: str
    place: str = ""
    protocol: str = ""
    procedure_at: str = ""


class _TakeBack(Exception):
    """Nothing that was tried is kept."""


@group.callback()
def root() -> None:
    """Try what a hospital's messages would do."""


@group.command("try")
def try_file(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True,
            dir_okay=False,
            help="HL7 v2 messages, framed or one after the other; or a FHIR resource or Bundle.",
        ),
    ],
    *,
    site: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Which site sends FHIR, where several do."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the messages of a file would do, one after the other, and write nothing.

    Ends with 1 where one of them would be refused or could not be read.
    """
    content = file.read_bytes()
    if len(content) > LONGEST_FILE:
        raise InvalidInput.of("file", "this is larger than 16 MiB: try a part of it")
    with opened() as app:
        if not app.catalogue.sites:
            raise InvalidInput.of(
                "file", "no file in intake/ of the configuration says what messages mean"
            )
        if content.lstrip().startswith(b"{"):
            tried = _try_fhir(app, content, _fhir_site(app, site))
        else:
            tried = _try_all(app, list(split_messages(content)))
    if as_json:
        say_json([{name: getattr(one, name) for name in one.__slots__} for one in tried])
    else:
        _show(tried)
    if any(one.answer not in TAKEN for one in tried) or not tried:
        raise typer.Exit(EXIT_REFUSED)


def split_messages(content: bytes) -> Iterator[bytes]:
    """Yield the messages of a file: framed as on a connection, or each beginning with MSH."""
    if START in content:
        yield from (
            part.partition(END)[0] for part in content.split(START) if part.strip(b"\r\n\x1c")
        )
        return
    text = content.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\r").replace(b"\n", b"\r")
    yield from (part for part in re.split(rb"(?:^|(?<=\r))(?=MSH)", text) if part.strip())


def _fhir_site(app: AppContext, key: str | None) -> Site:
    sites = {each.key: each for each in app.catalogue.sites.values() if each.fhir}
    if not sites:
        raise InvalidInput.of("site", "no site file says who sends FHIR: add [fhir] to one")
    if key is None and len(sites) == 1:
        return next(iter(sites.values()))
    if key is None or key not in sites:
        raise InvalidInput.of("site", f"name one that sends FHIR: {', '.join(sites)}")
    return sites[key]


def _try_fhir(app: AppContext, content: bytes, site: Site) -> list[Tried]:
    tried: list[Tried] = []

    def work(unit: UnitOfWork) -> None:
        tried.clear()
        tried.extend(
            Tried(
                event=one.kind,
                control_id="",
                answer=str(one.status),
                state=FEED_STATES[one.applied.state.value],
                reason=one.told or feed_reason_text(one.applied.code),
                place=one.place,
                **_of_enrolment(unit, one.applied),
            )
            for one in try_resources(unit, content, site)
        )
        raise _TakeBack

    with suppress(_TakeBack):
        app.transact(actors.FEED, work)
    return tried


def _try_all(app: AppContext, contents: Sequence[bytes]) -> list[Tried]:
    tried: list[Tried] = []

    def work(unit: UnitOfWork) -> None:
        tried.clear()
        tried.extend(_try(unit, content) for content in contents)
        raise _TakeBack

    with suppress(_TakeBack):
        app.transact(actors.FEED, work)
    return tried


def _try(unit: UnitOfWork, content: bytes) -> Tried:
    try:
        header = read_header(content)
        found = read_message(unit.app, header, content, sites=[*unit.app.catalogue.sites.values()])
    except Unreadable as error:
        return Tried(event="", control_id="", answer="AE", state="Unreadable", reason=str(error))
    fault = found if isinstance(found, Fault) else found.fault
    if isinstance(found, Fault) or fault is not None or found.event is None:
        assert fault is not None  # noqa: S101 - without one there is an event
        return _tried(header, answer="AR", state="Refused", reason=fault.text, place=fault.place)
    try:
        with unit.session.begin_nested():
            applied = apply_event(unit, found.event, found.site)
    except (Conflict, InvalidInput, NotFound) as error:
        return _tried(
            header, answer="AA", state=FEED_STATES[FeedState.PERSON.value], reason=str(error)
        )
    return _came(unit, found, applied)


def _came(unit: UnitOfWork, found: Readable, applied: Applied) -> Tried:
    return _tried(
        found.header,
        answer="AA",
        state=FEED_STATES[applied.state.value],
        reason=feed_reason_text(applied.code),
        **_of_enrolment(unit, applied),
    )


def _of_enrolment(unit: UnitOfWork, applied: Applied) -> dict[str, str]:
    if applied.enrolment_id is None:
        return {}
    enrolment = unit.session.get_one(Enrolment, applied.enrolment_id)
    return {
        "protocol": enrolment.protocol,
        "procedure_at": enrolment.procedure_at.isoformat(),
    }


def _tried(header: Header, **facts: str) -> Tried:
    return Tried(event=header.event, control_id=header.control_id, **facts)


def _show(tried: Sequence[Tried]) -> None:
    say(f"Messages tried: {len(tried)}. Nothing was written.")
    for one in tried:
        place = f" at {one.place}" if one.place else ""
        what = f" ({one.protocol}, {one.procedure_at})" if one.protocol else ""
        name = " ".join(filter(None, (one.event or "no message", one.control_id)))
        bullet(f"{name}: {one.answer}, {one.state.lower()}{place}: {one.reason}{what}")
