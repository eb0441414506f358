"""`followup run`: everything in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.cli.service.run_stack import main


def run(
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, metavar="N", help="Listen there. Without it, FOLLOWUP_PORT."
        ),
    ] = None,
    timelapse: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Let the clock run so many times as fast (3600: an hour a second), on data of its "
            "own. Refused with a real provider.",
        ),
    ] = None,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo",
            help="Open on a made-up clinic, under time-lapse, on data of its own. Nothing leaves "
            "the machine, whatever is configured.",
        ),
    ] = False,
) -> None:
    """Run everything in one process, on this machine.

    Web, worker and scheduler over SQLite (or the configured database), with the sandbox until real
    providers are set. Ctrl-C or SIGTERM stops it cleanly; the next start continues where it was.
    """
    raise typer.Exit(main(port=port, timelapse=timelapse, demo=demo))
