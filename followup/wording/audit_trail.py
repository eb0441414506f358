"""Words about the audit trail: what is damaged, and what to do about it."""

from __future__ import annotations

from followup.domain.audit.trail_damage import Damage, DamageKind

WHAT_TO_DO_ABOUT_DAMAGE = (
    "Keep the database as it is, and tell the person who is responsible for it."
)


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
            return (
                f"Audit {events} should have been signed long ago: checkpoints were removed, or "
                "signing stands still. Where the service was only just started, check again in "
                "five minutes."
            )
        case DamageKind.LOST_HEAD:
            return (
                "The trail does not hold what you kept of it: its end was cut off, an older backup "
                "was restored since, or it was signed again."
            )
