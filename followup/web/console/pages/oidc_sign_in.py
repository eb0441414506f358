"""OIDC sign-in: there and back, with secrets that stay ours."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from datetime import datetime, timedelta

from starlette.responses import Response

from followup.domain.errors import ConfigurationError, NotFound
from followup.staff.oidc import IdentityProvider, IdentityRefused, IdentityUnavailable, Journey
from followup.staff.sign_in import SignInRefused, sign_in_by_identity
from followup.web.console.framework import error_pages as failures
from followup.web.console.framework.error_pages import Failure
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import PUBLIC, Pages
from followup.web.console.pages.sign_in import go_on, own_path

PATH = "/sign-in/organisation"
JOURNEY_COLUMN = "sign-in.journey"
JOURNEY_LIFETIME = timedelta(minutes=10)
REFUSED = Failure(
    "You can’t sign in with this account",
    "Nobody in the team has this account. Ask somebody who manages the team to invite you with the "
    "e-mail address of your organisation’s account, or sign in with your password.",
)
AWAY = Failure(
    "Your organisation’s sign-in does not answer",
    "Try again in a minute, or sign in with your password.",
)
LOST = Failure(
    "This sign-in was not begun here",
    "It took too long, or was begun in another window. Begin again on the sign-in page.",
)
pages = Pages()


@pages.get(PATH, may=PUBLIC)
def leave(here: Here) -> Response:
    """Send the browser to the provider, with what it must bring back in a sealed cookie."""
    provider, journey = _provider(here), Journey.begin()
    try:
        response = here.go(provider.address(journey))
    except IdentityUnavailable:
        return failures.page_of(here, 503, AWAY)
    kept = {
        "state": journey.state,
        "nonce": journey.nonce,
        "verifier": journey.verifier,
        "next": own_path(here.query("next")),
        "at": here.app.clock.real_now().isoformat(),
    }
    sealed = here.app.keyring.system.seal(json.dumps(kept), column=JOURNEY_COLUMN)
    response.set_cookie(
        _cookie(here),
        base64.urlsafe_b64encode(sealed).decode(),
        max_age=int(JOURNEY_LIFETIME.total_seconds()),
        path="/",
        secure=here.console.is_https,
        httponly=True,
        samesite="lax",
    )
    return response


@pages.get(f"{PATH}/back", may=PUBLIC)
def come_back(here: Here) -> Response:
    provider, kept = _provider(here), _kept(here)
    code = here.query("code")
    if kept is None or not secrets.compare_digest(
        here.query("state").encode(), kept["state"].encode()
    ):
        return _forgotten(here, failures.page_of(here, 403, LOST))
    journey = Journey(state=kept["state"], nonce=kept["nonce"], verifier=kept["verifier"])
    if not code:
        # The provider says why in its own words, which are for its own page.
        return _forgotten(here, failures.page_of(here, 403, REFUSED))
    try:
        signed_in = sign_in_by_identity(
            here.app,
            provider.identify(journey, code),
            browser=here.browser,
            code_roles=here.console.code_roles,
        )
    except (IdentityRefused, SignInRefused):
        return _forgotten(here, failures.page_of(here, 403, REFUSED))
    except IdentityUnavailable:
        return _forgotten(here, failures.page_of(here, 503, AWAY))
    return _forgotten(here, go_on(here, signed_in, wanted=kept["next"]))


def _provider(here: Here) -> IdentityProvider:
    if here.console.identity is None:
        raise NotFound("no organisation's sign-in is set up")
    return here.console.identity


def _kept(here: Here) -> dict[str, str] | None:
    """Return what the browser took along, if it is ours and not too old."""
    try:
        sealed = base64.urlsafe_b64decode(here.request.cookies.get(_cookie(here), ""))
        kept: dict[str, str] = json.loads(
            here.app.keyring.system.open(sealed, column=JOURNEY_COLUMN)
        )
        begun = datetime.fromisoformat(kept["at"])
    except (binascii.Error, ValueError, KeyError, ConfigurationError):
        return None
    return kept if here.app.clock.real_now() - begun < JOURNEY_LIFETIME else None


def _cookie(here: Here) -> str:
    return f"{here.console.cookie}-journey"


def _forgotten(here: Here, response: Response) -> Response:
    response.delete_cookie(
        _cookie(here), path="/", secure=here.console.is_https, httponly=True, samesite="lax"
    )
    return response
