"""`followup page`: the link to a patient's own page."""

from __future__ import annotations

from followup.cli.framework.boundary import Group
from followup.cli.framework.opening import actor, opened
from followup.cli.framework.options import Identifier
from followup.cli.framework.registry import new_app
from followup.cli.framework.screen import note, say
from followup.context import AppContext
from followup.enrolment.page_tokens import replace_page_token, revoke_page_token, token_of
from followup.enrolment.queries import find_enrolment, patient_of

group = new_app(
    cls=Group, no_args_is_help=True, help="Print, replace or revoke the link to a patient's page."
)


@group.command()
def link(identifier: Identifier) -> None:
    """Print the address of a patient's page.

    Whoever has it can read the page and change what is sent: hand it to the patient alone.
    """
    with opened() as app:
        _show(app, _token(app, identifier))


@group.command()
def renew(identifier: Identifier) -> None:
    """Give a patient's page another address; the one before opens nothing from now on."""
    with opened() as app:
        with app.store.read() as session:
            enrolment_id = find_enrolment(session, identifier).id
        _show(app, replace_page_token(app, enrolment_id, actor=actor()))


@group.command()
def revoke(identifier: Identifier) -> None:
    """Make the link to a patient's page open nothing; messages carry none from now on."""
    with opened() as app:
        with app.store.read() as session:
            enrolment_id = find_enrolment(session, identifier).id
        taken = revoke_page_token(app, enrolment_id, actor=actor())
    say("The link opens nothing from now on." if taken else "There was no link.")


def _token(app: AppContext, identifier: str) -> str | None:
    with app.store.read() as session:
        enrolment = find_enrolment(session, identifier)
        return token_of(app, enrolment, patient_of(session, enrolment))


def _show(app: AppContext, token: str | None) -> None:
    if token is None:
        say("There is no link. Make one with: followup page renew")
        return
    say(app.links.page_url(token))
    if app.public_url is None:
        note("Texts carry no link: FOLLOWUP_PUBLIC_URL is no https:// address that phones reach.")
