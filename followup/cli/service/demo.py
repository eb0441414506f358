"""`followup demo`: six weeks in two minutes."""

from __future__ import annotations

from typing import Annotated

import typer

from followup.demo.show import main


def demo(
    *,
    speed: Annotated[
        float, typer.Option(min=0.1, max=1000, metavar="N", help="1 takes about two minutes.")
    ] = 1.0,
    plain: Annotated[
        bool, typer.Option("--plain", help="Print line by line, as it does into a pipe.")
    ] = False,
) -> None:
    """Play six weeks of follow-up in two minutes.

    Made-up patients, the same code as in production, a faster clock, a folder of its own. Ends with
    the balance: every message that fell due is accounted for.
    """
    raise typer.Exit(main(speed=speed, plain=plain))
