"""Process boundary: exit codes, and every error as a sentence.

0 is done, 1 is refused (with the reason on standard error), 2 is a wrong use of the command line.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from followup.cli.framework.screen import note, say_json
from followup.domain.errors import EnrolmentClash, FollowupError, InvalidInput

EXIT_REFUSED = 1
EXIT_INTERRUPTED = 130
BROKEN_PIPE = 141
"""As of any program that is ended by Ctrl-C, or by writing to a pipe that nobody reads."""


class WrongUse(typer.BadParameter):
    """The command line was used wrongly; the message says how it is meant."""

    def format_message(self) -> str:
        return self.message


class Command(TyperCommand):
    """A command that says why it was refused."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context.
        with _refusing(ctx):
            return super().invoke(ctx)


class Group(TyperGroup):
    """A command with commands of its own, that says why it was refused."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own context.
        with _refusing(ctx):
            return super().invoke(ctx)


@contextmanager
def _refusing(ctx: Any) -> Iterator[None]:  # noqa: ANN401 - typer's own context.
    try:
        yield
    except FollowupError as error:
        refuse(error, as_json=_wants_json(ctx.params))
    except BrokenPipeError:
        # Typer would end with 1, which is "refused".
        raise typer.Exit(BROKEN_PIPE) from None


def _wants_json(params: dict[str, Any]) -> bool:
    return bool(params.get("as_json") or params.get("json_file"))


def refuse(error: FollowupError, *, as_json: bool) -> NoReturn:
    """End with 1 and the reason: for people on standard error, for programs on standard output."""
    if as_json:
        say_json(_as_json(error))
    note(_sentence(error))
    raise typer.Exit(EXIT_REFUSED)


def _as_json(error: FollowupError) -> dict[str, object]:
    told: dict[str, object] = {"error": str(error), "problems": []}
    if isinstance(error, InvalidInput):
        told["problems"] = [
            {"field": problem.field, "message": problem.message} for problem in error.problems
        ]
    if isinstance(error, EnrolmentClash):
        told["enrolment_id"] = str(error.enrolment_id)
        told["fields"] = list(error.fields)
        told["on_conflict"] = error.needs
    return told


def _sentence(error: FollowupError) -> str:
    if isinstance(error, InvalidInput) and len(error.problems) > 1:
        lines = [f"  {problem.field}: {problem.message}" for problem in error.problems]
        return "\n".join(["Refused. These need correcting:", *lines])
    return f"Refused: {error}"


def main() -> NoReturn:
    """Run the command that the arguments ask for, and end the process with its exit code."""
    _prepare_streams()
    _leave(_run())


def _prepare_streams() -> None:
    """See to it that printing can't fail for want of a letter, or of anywhere to print to."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed by whoever started the program.
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - until the end
            setattr(sys, name, nowhere)
        with suppress(AttributeError):
            getattr(sys, name).reconfigure(errors="replace")


def _run() -> int:
    # Collecting garbage while half of the product is being imported costs a fifth of the start.
    gc.disable()
    try:
        from followup.cli.framework.registry import app  # noqa: PLC0415 - Ctrl-C may come while it imports

        code = app(prog_name="followup", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 - the edge of the process
        return _explain(error)
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    show = getattr(error, "show", None)
    if show is not None:
        # The usage errors of typer: they say how the command is meant.
        show()
        return int(getattr(error, "exit_code", 2))
    if isinstance(error, FollowupError):
        note(_sentence(error))
        return EXIT_REFUSED
    if isinstance(error, OSError) and error.filename is None:
        sys.stderr.write(f"The answer can't be written: {error.strerror}.\n")
        return EXIT_REFUSED
    note(_confession(error))
    return EXIT_REFUSED


def _confession(error: Exception) -> str:
    """Return what a person may see of a mistake in the product: where, and no patient's data."""
    if os.environ.get("FOLLOWUP_LOG_LEVEL", "").lower() == "debug":
        return "".join(traceback.format_exception(error)).rstrip()
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"Something went wrong that never should: {type(error).__name__} at "
        f"{Path(place.filename).name}:{place.lineno}. Nothing that you did wrong; "
        "FOLLOWUP_LOG_LEVEL=debug shows the whole trace for the person who fixes it."
    )


def _leave(code: int) -> NoReturn:
    """End without a second complaint about a pipe or disk that takes nothing more."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        # The interpreter flushes once more at its end: into nothing, then.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)
