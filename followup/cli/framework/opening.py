"""What a command works with: the settings, the app context on its database, and the actor."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager

from followup.bootstrap import build_app, read_content_context
from followup.clock import Clock
from followup.context import AppContext, ContentContext
from followup.releases.in_force import with_words_in_force
from followup.settings.logging import configure_logging
from followup.settings.paths import noted_port
from followup.settings.settings import Settings, load_settings

LONGEST_ACTOR = 80


@contextmanager
def opened(*, restoring: bool = False) -> Iterator[AppContext]:
    """Give the app context of the configured database, and give its connections back at the end.

    Of a backup that was put in place by hand only where it is `restoring`.
    """
    app = build_app(_settings(), restoring=restoring)
    try:
        yield app if restoring else with_words_in_force(app)
    finally:
        app.close()


def handbook(*, clock: Clock | None = None) -> ContentContext:
    """Return protocols, clinics, words and clock, without any database."""
    return read_content_context(_settings(), clock=clock)


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
