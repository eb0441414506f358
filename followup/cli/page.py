"""`followup page`: the link to a patient's own page."""

from __future__ import annotations

from followup.cli.boundary import Group
from followup.cli.opening import actor, opened
from followup.cli.options import Identifier
from followup.cli.registry import new_app
from followup.cli.screen import note, say
from followup.kit import Kit
from followup.page_links import replace_link, take_back, token_of
from followup.store.enrolments import find_enrolment, patient_of

group = new_app(
    cls=Group, no_args_is_help=True, help="Print, replace or revoke the link to a patient's page."
)


@group.command()
def link(identifier: Identifier) -> None:
    """Print the address of a patient's page.

    Whoever has it can read the page and change what is sent: hand it to the patient alone.
    """
    with opened() as kit:
        _show(kit, _token(kit, identifier))


@group.command()
def renew(identifier: Identifier) -> None:
    """Give a patient's page another address; the one before opens nothing from now on."""
    with opened() as kit:
        with kit.store.read() as session:
            enrolment_id = find_enrolment(session, identifier).id
        _show(kit, replace_link(kit, enrolment_id, actor=actor()))


@group.command()
def revoke(identifier: Identifier) -> None:
    """Make the link to a patient's page open nothing; messages carry none from now on."""
    with opened() as kit:
        with kit.store.read() as session:
            enrolment_id = find_enrolment(session, identifier).id
        taken = take_back(kit, enrolment_id, actor=actor())
    say("The link opens nothing from now on." if taken else "There was no link.")


def _token(kit: Kit, identifier: str) -> str | None:
    with kit.store.read() as session:
        enrolment = find_enrolment(session, identifier)
        return token_of(kit, enrolment, patient_of(session, enrolment))


def _show(kit: Kit, token: str | None) -> None:
    if token is None:
        say("There is no link. Make one with: followup page renew")
        return
    say(kit.links.page_url(token))
    if kit.public_url is None:
        note("Texts carry no link: FOLLOWUP_PUBLIC_URL is no https:// address that phones reach.")
