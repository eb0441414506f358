"""API keys page: which systems may call in, made and revoked; a key is shown once."""

from __future__ import annotations

from starlette.responses import Response

from followup.domain.api_scope import ApiScope
from followup.domain.errors import Conflict, InvalidInput, NotFound, Problem
from followup.staff.api_keys import add_api_key, all_api_keys, revoke_api_key
from followup.store.models.operations import ApiKey
from followup.web.console.framework.enrolment_form import sentence
from followup.web.console.framework.forms import Form
from followup.web.console.framework.request import Here
from followup.web.console.framework.routes import MANAGE, Pages
from followup.web.console.pages.events.webhooks import ALL_CLINICS, clinic_choices
from followup.wording.systems import API_SCOPES

PATH = "/system/api-keys"
pages = Pages()


@pages.get(PATH, may=MANAGE)
def show(here: Here) -> Response:
    return _page(here, here.form)


@pages.post(PATH, may=MANAGE)
def add(here: Here) -> Response:
    """Make the key and show it, this once: only its hash is kept."""
    form = here.form
    name, where, scopes = form.text("name"), form.text("clinic"), form.all("scopes")
    problems = []
    if where not in dict(clinic_choices(here)):
        problems.append(Problem("clinic", "Choose which patients it may see"))
    if not scopes or not set(scopes) <= set(ApiScope):
        problems.append(Problem("scopes", "Choose what it opens"))
    try:
        if not problems:
            key = add_api_key(
                here.app,
                name,
                clinic=None if where == ALL_CLINICS else where,
                scopes=[ApiScope(one) for one in scopes],
                actor=here.member.actor,
            )
            return here.page(
                "system/secret.html", what="API key", label=name, secret=key, back=PATH
            )
    except InvalidInput as error:
        problems = [Problem(each.field, sentence(each.message)) for each in error.problems]
    except Conflict as error:
        problems = [Problem("name", sentence(str(error)))]
    return _page(here, form.refused(*problems))


@pages.post(f"{PATH}/{{key}}/revoke", may=MANAGE)
def revoke(here: Here) -> Response:
    id_ = here.id("key")
    found = next((one for one in _visible(here) if one.id == id_), None)
    if found is None:
        raise NotFound("there is no such key")
    revoke_api_key(here.app, found.name, actor=here.member.actor)
    return here.go(f"{PATH}?done=revoked")


def _visible(here: Here) -> list[ApiKey]:
    return [one for one in all_api_keys(here.app) if here.member.may_see(one.clinic)]


def _page(here: Here, form: Form) -> Response:
    return here.page(
        "system/api-keys.html",
        form=form,
        keys=_visible(here),
        scopes=[(scope.value, term.label, term.meaning) for scope, term in API_SCOPES.items()],
        scope_names={scope.value: term.label for scope, term in API_SCOPES.items()},
        clinics=clinic_choices(here),
        done="The key is revoked. It opens nothing any more." if here.query("done") else None,
    )
