"""Words about the audit trail: what is damaged, and what to do about it."""

from __future__ import annotations

from followup.domain.audit.trail_damage import Damage, DamageKind

WHAT_TO_DO_ABOUT_THE_UNSIGNED = (
    "The service signs while it runs: start it, and check again in five minutes. Where it has run "
    "all the time, checkpoints may have been removed: check with one that was kept elsewhere."
)
WHAT_TO_DO_ABOUT_DAMAGE = (
    "Keep the database as it is, and tell the person who is responsible for it."
)


def unsigned_text(first: int, last: int) -> str:
    """Return one sentence on events that nobody has signed for long."""
    events = f"Event {first} is" if first == last else f"Events {first} to {last} are"
    return f"{events} not signed yet, so nothing can show whether they were changed."


def damage_text(damage: Damage) -> str:  # noqa: PLR0911 - one sentence a kind
    """Return one sentence on a damage."""
    first, last = damage.first, damage.last
    events = f"event {first}" if first == last else f"events {first} to {last}"
    match damage.kind:
        case DamageKind.EVENTS if first == last:
            return f"Audit event {first} was edited, removed or slipped in."
        case DamageKind.EVENTS:
            return (
                f"Of the audit events {first} to {last}, at least one was edited, removed or "
                "slipped in."
            )
        case DamageKind.TILE:
            return (
                f"What was kept to prove audit {events} was changed; the events themselves are as "
                "they were signed."
            )
        case DamageKind.CHECKPOINT:
            return f"The checkpoint over {first} events was changed, or is none that we signed."
        case DamageKind.SEAL:
            return f"An old seal does not hold over audit {events}."
        case DamageKind.UNSIGNED:
            return f"Audit {events} were signed, and the checkpoint that says so was removed."
        case DamageKind.LOST_HEAD:
            return (
                "The trail does not hold what you kept of it: its end was cut off, an older backup "
                "was restored since, or it was signed again."
            )
