"""What a command works with: the settings, the app context on its database, and the actor."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from followup.clock import Clock, parse_clock
from followup.content.handbook import ContentContext, read_handbook
from followup.settings.logging import configure_logging
from followup.settings.paths import noted_port, reachable
from followup.settings.settings import Settings, load_settings

if TYPE_CHECKING:
    from followup.context import AppContext

LONGEST_ACTOR = 80


@contextmanager
def opened(*, restoring: bool = False) -> Iterator[AppContext]:
    """Give the app context of the configured database, and give its connections back at the end.

    Of a backup that was put in place by hand only where it is `restoring`.
    """
    # Slow to import, and much that is done with the handbook alone is done often.
    from followup.bootstrap import build_app  # noqa: PLC0415
    from followup.releases.in_force import with_words_in_force  # noqa: PLC0415

    app = build_app(_settings(), restoring=restoring)
    try:
        yield app if restoring else with_words_in_force(app)
    finally:
        app.close()


def handbook(*, clock: Clock | None = None) -> ContentContext:
    """Return protocols, clinics, words and clock, without any database."""
    settings = _settings()
    return read_handbook(
        settings.config_dir,
        clock=clock or parse_clock(settings.clock),
        public_url=reachable(settings.public_url),
    )


def actor() -> str:
    """Return who the audit trail says did it: the account that this process runs under."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        # A container's account without an entry of its own.
        name = f"uid-{user}"
    return f"cli:{name}"[:LONGEST_ACTOR]


def _settings() -> Settings:
    settings = load_settings()
    port = noted_port(settings.data_dir)
    if port is not None and "public_url" not in settings.model_fields_set:
        settings = load_settings(port=port)
    # A person reads what the command prints; of the log, only what is wrong is for them.
    quiet = "warning" if settings.log_level == "info" else settings.log_level
    configure_logging(level=quiet, log_format=settings.log_format)
    return settings
