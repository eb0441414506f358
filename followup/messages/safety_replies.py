"""Safety replies: the automatic answers that no limit holds back."""

from __future__ import annotations

EMERGENCY, RED_FLAG = "reply-emergency", "reply-red-flag"
RED_FLAG_STOPPED = "reply-red-flag-stopped"
FOR_SAFETY = frozenset({EMERGENCY, RED_FLAG, RED_FLAG_STOPPED})
"""What to do now: never left out because other answers went out before."""
