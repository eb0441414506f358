"""Error pages: what went wrong and what to do, without a word of a patient."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from starlette.responses import Response

from followup.domain.errors import Conflict, FollowupError, InvalidInput, NotFound, StoreUnavailable
from followup.web.console.framework.request import Here

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Failure:
    """What a page of this status says: a heading, and what to do."""

    title: str
    advice: str


FAILURES = {
    400: Failure(
        "This form can’t be read",
        "Go back, open the page again and fill it in once more.",
    ),
    403: Failure(
        "You can’t open this page",
        "It belongs to a role that your account does not have. "
        "Ask somebody who manages the team if you need it.",
    ),
    404: Failure(
        "Page not found",
        "Check the address, or start from the home page. A patient of another clinic can’t be "
        "seen from here.",
    ),
    405: Failure("Page not found", "This address only takes what a form sends. Start again."),
    409: Failure(
        "This has changed meanwhile",
        "Nothing was changed. Go back, open the page again and look at how things stand now.",
    ),
    413: Failure("This is too large", "Send less at once."),
    422: Failure("This can’t be used", "Go back, correct what is wrong and send it again."),
    500: Failure(
        "Something went wrong here",
        "It is not your doing, and the log says what. Try again in a minute. If it continues, tell "
        "the people who run this service, and phone patients who can’t wait.",
    ),
    503: Failure(
        "The service is not available just now",
        "Its database is away or is being brought up to date. Nothing was changed, and messages "
        "that fall due wait: try again in a minute. If it continues, tell the people who run this "
        "service, and phone patients who can’t wait.",
    ),
}

NOT_OUR_OWN = Failure(
    "This form came from elsewhere",
    "Nothing was changed. Open the page here again and send it from there.",
)

BUSY = Failure(
    "Too many people are signing in at this moment",
    "Nothing was changed. Wait a few seconds, go back and send it again.",
)

STATUSES: tuple[tuple[type[FollowupError], int], ...] = (
    (InvalidInput, 422),
    (NotFound, 404),
    (Conflict, 409),
    (StoreUnavailable, 503),
)


def page_of_error(here: Here, error: FollowupError) -> Response:
    """Return the page for an error that no handler of a page made its own."""
    status = next((status for kind, status in STATUSES if isinstance(error, kind)), 500)
    if status in {500, 503}:
        log.error("web.unable", cause=type(error).__name__, reason=str(error))
        return page_of(here, status)
    told = str(error) if status == 409 else None  # noqa: PLR2004 - the clash, in its own words
    return page_of(here, status, detail=told)


def page_of(
    here: Here, status: int, failure: Failure | None = None, *, detail: str | None = None
) -> Response:
    """Return the page of a status; `detail` is a sentence that names nobody."""
    failure = failure or FAILURES.get(status, FAILURES[400])
    response = here.page("failure.html", status=status, failure=failure, detail=detail)
    if status == 503:  # noqa: PLR2004 - away for now
        response.headers["Retry-After"] = "5"
    return response
