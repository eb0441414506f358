"""Command registry: where each lives, so that listing them imports none."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Annotated, Any

import typer
import typer.main

from followup.cli.framework.boundary import Command, Group
from followup.cli.framework.screen import say


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module and name of its function (or group), and what it does."""

    place: str
    summary: str


COMMANDS: dict[str, dict[str, Entry]] = {
    "Patients": {
        "preview": Entry("patients.preview:preview", "Show the dated timeline before enrolling."),
        "enrol": Entry("patients.enrol:enrol", "Enrol one patient."),
        "import": Entry("patients.import_:import_patients", "Enrol the patients of a CSV file."),
        "intake": Entry("patients.intake:group", "Try what a hospital's messages would do."),
        "timeline": Entry(
            "patients.timeline:timeline", "Show what one patient gets and got, and when."
        ),
        "reschedule": Entry(
            "patients.change:reschedule", "Update the timeline for another procedure time."
        ),
        "pause": Entry("patients.change:pause", "Hold what one patient has not been sent yet."),
        "resume": Entry(
            "patients.change:resume", "Let the messages of a paused enrolment go again."
        ),
        "withdraw": Entry(
            "patients.change:withdraw", "End an enrolment and cancel what is not sent."
        ),
        "stop": Entry("patients.stop_start:stop", "Record that a patient wants no more messages."),
        "start": Entry("patients.stop_start:start", "Restart the messages of a patient."),
        "objections": Entry("patients.stop_start:objections", "List the opt-outs of patients."),
        "export-patient": Entry(
            "patients.export_patient:export_patient",
            "Export all that is held on a patient, for them to have.",
        ),
        "erasure": Entry(
            "patients.erasure:group",
            "Erase a patient's data: one proposes, another decides.",
        ),
        "retention": Entry(
            "patients.retention:group",
            "Decide what ends: one decides, another confirms.",
        ),
        "restriction": Entry(
            "patients.restriction:group",
            "Restrict a patient's data: kept, not shown, nothing sent.",
        ),
        "merge-patients": Entry(
            "patients.merge:merge_patients", "Merge two records of one patient."
        ),
        "unmerge-patients": Entry(
            "patients.merge:unmerge_patients", "Undo a merge of two records, within a day."
        ),
        "page": Entry(
            "patients.page:group", "Print, replace or revoke the link to a patient's page."
        ),
    },
    "Oversight": {
        "messages": Entry(
            "oversight.messages:messages", "List messages by state, time, step or channel."
        ),
        "triage": Entry(
            "oversight.triage:triage", "Show how a reply is sorted, and how well that works."
        ),
        "worklist": Entry(
            "oversight.worklist:group", "List what needs action; assign and close items."
        ),
        "words": Entry("words.words:group", "Export, sign and withdraw what patients get."),
        "balance": Entry("oversight.balance:balance", "Account for every message that fell due."),
        "audit": Entry(
            "oversight.audit:audit", "Show all that one patient was told; check the trail."
        ),
        "incident": Entry(
            "oversight.incident:group", "Export everything about one event, for its inquiry."
        ),
        "safety-case": Entry(
            "oversight.safety_case:safety_case", "Show the hazards and what is done about each."
        ),
        "check": Entry(
            "service.check:check", "Check settings, protocols, words, database and keys."
        ),
    },
    "Emergencies": {
        "stop-sending": Entry(
            "oversight.stop_sending:stop_sending", "Stop sending at once, in whole or part."
        ),
        "resume-sending": Entry(
            "oversight.stop_sending:resume_sending", "Let go what was stopped."
        ),
        "switches": Entry(
            "oversight.stop_sending:switches", "List what is stopped, by whom and why."
        ),
        "let-go": Entry("oversight.let_go:let_go", "List or let go what was too much at once."),
    },
    "Running": {
        "watch": Entry(
            "service.watch:watch", "Watch the service, and tell the operator of trouble."
        ),
        "run": Entry("service.run:run", "Run everything in one process, on this machine."),
        "demo": Entry("service.demo:demo", "Play six weeks of follow-up in two minutes."),
        "web": Entry("service.web:web", "Run the web process: API, provider hooks, health."),
        "listen": Entry("service.listen:group", "Take in what hospital systems send (HL7 v2)."),
        "migrate": Entry("service.migrate:migrate", "Bring the database to this version's schema."),
        "backup": Entry(
            "service.backup:backup", "Copy the embedded database to a file, while it is used."
        ),
        "restore": Entry(
            "service.restore:restore", "Put a backup of the embedded database in place."
        ),
        "after-restore": Entry(
            "service.restore:after_restore", "Find out what was sent since a backup."
        ),
        "keys": Entry("service.keys:group", "Make and rotate master keys; make signing keys."),
        "staff": Entry("service.staff:group", "Let staff into the console."),
        "api-key": Entry("service.api_key:group", "Add, list and revoke keys of the API."),
        "webhooks": Entry(
            "service.webhooks:group", "Tell other systems of events, as signed webhooks."
        ),
        "bounces": Entry(
            "oversight.bounces:bounces",
            "Take in e-mails that came back, and complaints about them.",
        ),
        "outbox": Entry("service.sandbox:outbox", "Show what the sandbox carrier was given."),
        "sandbox": Entry("service.sandbox:group", "Play a patient's part against the sandbox."),
        "version": Entry("service.version:version", "Print the version."),
    },
}

ENTRIES = {name: entry for panel in COMMANDS.values() for name, entry in panel.items()}


class LazyGroup(Group):
    """The commands, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - typer's own context.
        return list(ENTRIES)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - likewise.
        entry = ENTRIES.get(cmd_name)
        return None if entry is None else load(cmd_name, entry)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - likewise.
        if args and args[0] not in ENTRIES and not args[0].startswith("-"):
            meant = get_close_matches(args[0], ENTRIES, 1)
            hint = f" Did you mean {meant[0]}?" if meant else " followup --help lists all."
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401, ARG002 - likewise.
        width = max(map(len, ENTRIES))
        for panel, entries in COMMANDS.items():
            with formatter.section(panel):
                formatter.write_dl(
                    [(name.ljust(width), entry.summary) for name, entry in entries.items()]
                )


def load(name: str, entry: Entry) -> Any:  # noqa: ANN401 - typer keeps its command classes private.
    """Return a command, imported now."""
    module, _, attribute = entry.place.partition(":")
    found: object = getattr(import_module(f"followup.cli.{module}"), attribute)
    # What was imported stays: from here on, only what a command makes is worth collecting.
    gc.freeze()
    gc.enable()
    command = typer.main.get_command(found if isinstance(found, typer.Typer) else _alone(found))
    command.name = name
    return command


def new_app(**options: Any) -> typer.Typer:  # noqa: ANN401 - handed on to typer.
    """Return a typer application that prints plainly and leaves errors to `boundary`."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        **options,
    )


def _alone(function: Any) -> typer.Typer:  # noqa: ANN401 - any command function.
    alone = new_app()
    # What a function asks of typer beyond its signature stands beside it.
    settings: dict[str, object] = getattr(function, "context_settings", {})
    alone.command(cls=Command, context_settings=settings)(function)
    return alone


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer's way of calling.
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - slow, and rarely asked for

        say(f"followup {version('followup')}")
        raise typer.Exit


app = new_app(cls=LazyGroup, no_args_is_help=True)


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and end."
        ),
    ] = False,
) -> None:
    """Send the right piece of aftercare advice to the right patient at the right hour.

    Settings are FOLLOWUP_… environment variables or a .env file; `followup check` says whether
    they are right. Commands end with 0 when done, 1 when refused, 2 when used wrongly.
    """
