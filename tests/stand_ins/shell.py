"""In place of a shell: `python -m tests.stand_ins.shell IN OUT ERR WORD…` runs a command on them.

Forked, it has the streams of the process that forked it, and those of nobody else's terminal.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Put files, or terminals, in the place of the standard streams; run a command on them."""
    places, words = sys.argv[1:4], sys.argv[4:]
    for number, (place, flags) in enumerate(
        zip(places, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)
    ):
        # A terminal that this process would own would end it.
        opened = os.open(place, flags | os.O_NOCTTY)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - until the end
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
    sys.argv = ["followup", *words]
    from followup.cli import main as run  # noqa: PLC0415 - as late as the program itself

    run()


if __name__ == "__main__":
    main()
