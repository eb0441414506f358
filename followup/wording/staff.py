"""Staff: what roles may do, and who did something."""

from __future__ import annotations

from followup.domain import actors
from followup.domain.roles import Role
from followup.wording.terms import Term

ROLES: dict[Role, Term] = {
    Role.ENROL: Term(
        "Enrol and manage",
        "Enrols patients, changes and stops follow-up, works through what needs attention",
    ),
    Role.AUDIT: Term(
        "Read and audit", "Reads everything, changes nothing, and answers what a patient was told"
    ),
    Role.MANAGE: Term(
        "Manage content and team", "Looks after content, team and system; sees no patient"
    ),
}

_OTHERS = {
    actors.PATIENT: "the patient",
    actors.PROVIDER: "the provider",
    actors.DEMO: "the demonstration",
}


def role_text(role: str) -> str:
    """Return the name of a role."""
    return ROLES[Role(role)].label


def actor_text(who: str) -> str:
    """Return who did something: `web:a@b` is a@b, `worker` the service."""
    kind, _, name = who.partition(":")
    match kind:
        case "web":
            return name
        case "cli":
            return f"{name} (command line)"
        case "api":
            return f"{name} (another system)"
        case _:
            return _OTHERS.get(kind, "the service")
