"""When approved words of the console go live, and going back to earlier ones."""

from __future__ import annotations

from datetime import datetime

from starlette.responses import Response

from followup.domain.errors import InvalidInput
from followup.intake.local_times import parse_time
from followup.releases.go_live import call_off, go_back, must_be_approved, plan_going_live
from followup.store.models.releases import Release
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, Pages
from followup.web.console.pages.words.releases import PATH, done

pages = Pages()


@pages.post(f"{PATH}/{{release}}/go-live", may=MANAGE)
def publish(here: Here) -> Response:
    now, when = here.app.clock.now(), here.form.text("when")
    later = when == "later"

    def act(release: Release) -> None:
        must_be_approved(release)
        if when not in {"now", "later"}:
            raise InvalidInput.of("when", "choose now, or a time")
        at = _chosen(here, release) if later else now
        plan_going_live(here.app, release, at=at, actor=here.member.actor)

    return done(here, act, "planned" if later else "live", field="on")


@pages.post(f"{PATH}/{{release}}/call-off", may=MANAGE)
def stop(here: Here) -> Response:
    def act(release: Release) -> None:
        call_off(here.app, release, actor=here.member.actor)

    return done(here, act, "called-off", field="on")


@pages.post(f"{PATH}/{{release}}/go-back", may=MANAGE)
def put_back(here: Here) -> Response:
    def act(release: Release) -> None:
        must_be_approved(release)
        go_back(here.app, release, reason=here.form.text("reason"), actor=here.member.actor)

    return done(here, act, "gone-back", field="reason")


def _chosen(here: Here, release: Release) -> datetime:
    """Return the time that was chosen, by the clocks of the clinic."""
    form = here.form
    day = "/".join(form.text(name) for name in ("on", "on-month", "on-year"))
    zone = here.zone_of(release.clinic)
    found = parse_time(f"{day} {form.text('at')}", zone=zone, field="on")
    if found <= here.app.clock.now():
        raise InvalidInput.of("on", "choose a time that is still to come")
    return found
