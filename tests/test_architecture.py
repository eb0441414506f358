"""What the whole code base must keep to, read from its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import hypothesis
import pytest

from followup.jobs import JOBS, LONGEST_RUN
from followup.settings.logging import PRIVATE_FIELDS
from tasks.app import TASK_SECONDS, app

# Sources are read here, and nothing of them is run.
pytestmark = pytest.mark.uncounted

ROOT = Path(__file__).parents[1]
PRODUCT = ("followup", "tasks", "config", "templates")

MOST_FILES = 25
SERIES = ("docs/decisions", "migrations/versions")
"""Folders that grow by a file for each decision or revision, and are read by number."""

PATIENT_FIELDS = {
    "name", "mobile", "email", "nhs_number", "date_of_birth", "body", "text", "to", "subject",
    "html", "address", "person", "patient", "words",
}  # fmt: skip
"""Names of what identifies a patient, or of what was written to one."""


def sources(*folders: str) -> Iterator[tuple[str, ast.Module]]:
    """Yield every module of these folders, parsed, by its path below the root."""
    for folder in folders or PRODUCT:
        yield from _parsed(folder)


@cache
def _parsed(folder: str) -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted((ROOT / folder).rglob("*.py"))
    )


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(node: ast.Call) -> str:
    """Return the last part of what is called: `apply_async` of `task.apply_async(…)`."""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def tasks_of(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions that are Celery tasks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            isinstance(each, ast.Call) and called(each) in {"task", "shared_task"}
            for each in node.decorator_list
        ):
            yield node


# ---------------------------------------------------------------------------------- celery


def _schedules_by_celery(tree: ast.AST) -> list[int]:
    return [
        node.lineno
        for node in calls(tree)
        if {keyword.arg for keyword in node.keywords} & {"eta", "countdown"}
        or called(node) in {"retry", "autoretry"}
    ]


def test_no_task_is_ever_scheduled_by_celery():
    offenders = {
        (path, line)
        for path, tree in sources("followup", "tasks")
        for line in _schedules_by_celery(tree)
    }

    assert offenders == set()


def test_the_search_for_schedules_finds_one():
    assert _schedules_by_celery(ast.parse("t.apply_async((1,), countdown=5)\nself.retry()")) == [
        1,
        2,
    ]


def test_every_queue_that_a_task_goes_to_has_a_worker():
    declared = {queue.name for queue in app.conf.task_queues}
    routed = {route["queue"] for route in app.conf.task_routes.values()}

    assert routed | {app.conf.task_default_queue} == declared


def test_every_task_that_beat_sends_is_there():
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
    assert set(app.conf.task_routes) <= set(app.tasks)


def test_every_job_is_run_by_beat():
    swept = [entry["args"] for entry in app.conf.beat_schedule.values() if "args" in entry]

    assert sorted(name for names in swept for name in names) == sorted(job.name for job in JOBS)


def test_jobs_of_one_period_end_well_before_the_time_of_their_task():
    """Each may run for as long as it may, and one batch more."""
    most = max(sum(one.every == job.every for one in JOBS) for job in JOBS)

    assert most * LONGEST_RUN.total_seconds() <= TASK_SECONDS / 2


def test_a_broker_holds_nothing_that_matters():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result
    assert app.conf.result_backend is None
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert not app.conf.worker_cancel_long_running_tasks_on_connection_loss


def test_a_task_takes_identifiers_alone():
    taken = {
        f"{path}:{task.name}({argument.arg})"
        for path, tree in sources("tasks")
        for task in tasks_of(tree)
        for argument in [*task.args.args, task.args.vararg, *task.args.kwonlyargs]
        if argument is not None and argument.arg in PATIENT_FIELDS
    }
    names = {task.name for _, tree in sources("tasks") for task in tasks_of(tree)}

    assert {"tick", "deliver", "sweep"} <= names
    assert taken == set()


# ---------------------------------------------------------------------------------- patients


def _told_to_a_log(tree: ast.AST) -> list[tuple[int, str]]:
    """Return the fields of log lines that may tell of a patient, and events that are not fixed."""
    found = []
    for node in calls(tree):
        of = getattr(node.func, "value", None)
        if not (isinstance(of, ast.Name) and of.id in {"log", "logger", "_log"}):
            continue
        found += [
            (node.lineno, str(keyword.arg))
            for keyword in node.keywords
            if keyword.arg in PATIENT_FIELDS or keyword.arg is None
        ]
        # Of `log.log(level, event)` the event comes second.
        event = node.args[1:2] if called(node) == "log" else node.args[:1]
        if event and not isinstance(event[0], ast.Constant):
            found.append((node.lineno, "event"))
    return found


def test_no_log_line_tells_of_a_patient():
    offenders = {
        (path, field)
        for path, tree in sources("followup", "tasks")
        for _, field in _told_to_a_log(tree)
    }

    # Around each request: the ids of ours that its route names, and no other part of its address.
    assert offenders == {("followup/web/envelope.py", "None")}


def test_the_search_of_log_lines_finds_one():
    source = 'log.info("sent", mobile=x)\nlog.error(f"sent {x}")\nlog.info("sent", **values)'

    assert _told_to_a_log(ast.parse(source)) == [(1, "mobile"), (2, "event"), (3, "None")]


def test_the_processor_of_log_lines_knows_what_is_private():
    assert {"mobile", "email", "body", "nhs_number", "name", "to", "date_of_birth"} <= set(
        PRIVATE_FIELDS
    )


# -------------------------------------------------------------------------------------- time


def _asks_for_the_time(tree: ast.AST) -> list[int]:
    return [
        node.lineno
        for node in calls(tree)
        if (called(node) in {"now", "utcnow", "today"} and _of(node) in {"datetime", "date"})
        or (called(node) in {"time", "time_ns"} and _of(node) == "time")
    ]


def _of(node: ast.Call) -> str:
    value = getattr(node.func, "value", None)
    return getattr(value, "id", getattr(value, "attr", ""))


def test_only_the_clock_asks_for_the_time():
    askers = {path for path, tree in sources("followup", "tasks") if _asks_for_the_time(tree)}

    assert askers == {"followup/clock.py"}


def test_the_search_for_the_time_finds_every_way_to_ask():
    ways = "datetime.now(UTC)\ndate.today()\ntime.time()\nkit.clock.now()"

    assert _asks_for_the_time(ast.parse(ways)) == [1, 2, 3]


# ------------------------------------------------------------------------------------ layers

ENTRY_POINTS = ("followup/cli/", "followup/demo/", "followup/runtime/", "followup/web/")
READS_SETTINGS = ("followup/settings/", "followup/bootstrap.py", "followup/monitoring/factory.py")
"""What reads the settings besides the entry points: they themselves, and what builds from them."""


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imports_of(tree: ast.AST, *packages: str) -> list[str]:
    """Return what a module imports of these packages."""
    return [
        name
        for name in _imported(tree)
        if any(f"{name}.".startswith(f"{one}.") for one in packages)
    ]


def test_a_use_case_knows_neither_celery_nor_http_nor_the_settings():
    frameworks = ("celery", "fastapi", "starlette", "uvicorn", "tasks")
    found = {
        (path, name)
        for path, tree in sources("followup")
        if not path.startswith(ENTRY_POINTS)
        for name in (
            *_imports_of(tree, *frameworks),
            *(() if path.startswith(READS_SETTINGS) else _imports_of(tree, "followup.settings")),
        )
    }

    assert found == set()


def test_the_search_for_what_a_use_case_may_not_know_finds_each_way_to_import_it():
    source = "import celery.app\nfrom followup import settings\nfrom followup.settings.x import y"

    assert _imports_of(ast.parse(source), "celery", "followup.settings") == [
        "celery.app",
        "followup.settings",
        "followup.settings.x.y",
    ]


def test_a_unit_of_work_is_made_by_its_transaction_alone():
    makers = {
        path
        for path, tree in sources("followup", "tasks")
        for node in calls(tree)
        if called(node) == "UnitOfWork"
    }

    assert makers == {"followup/context.py"}


def test_the_store_commits_nothing_by_itself():
    committing = [
        path
        for path, tree in sources("followup")
        for node in calls(tree)
        if called(node) == "commit"
    ]

    # A reader's transaction ends so, that wrote nothing.
    assert committing == ["followup/store/engine/session.py"]


# ---------------------------------------------------------------------------------- wording

CODES = {"State", "EnrolmentState", "ItemKind", "ItemOutcome", "AttemptOutcome"}
"""Enums whose words stand in the dictionary alone."""


def _tables_of_words(tree: ast.AST) -> list[int]:
    """Return the lines of dictionaries that give words to codes: texts, or what is made of them."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        and any(isinstance(key, ast.Attribute) and _enum_of(key) in CODES for key in node.keys)
        and any(
            isinstance(each, ast.Constant) and isinstance(each.value, str)
            for value in node.values
            for each in ast.walk(value)
        )
    ]


def _enum_of(key: ast.Attribute) -> str:
    # `State.SENT` and `State.SENT.value` alike.
    owner = key.value.value if isinstance(key.value, ast.Attribute) else key.value
    return owner.id if isinstance(owner, ast.Name) else ""


def test_only_the_dictionary_gives_words_to_codes():
    found = [
        f"{path}:{line}"
        for path, tree in sources("followup", "tasks")
        if not path.startswith("followup/wording/")
        for line in _tables_of_words(tree)
    ]

    assert found == []


@pytest.mark.parametrize(
    "table",
    [
        'LABELS = {State.SENT: "Sent", State.FAILED: "Failed"}',
        'LABELS = {ItemKind.REPLY.value: ("A reply", "red")}',
        'LABELS = {EnrolmentState.PAUSED: Tag("Paused", "yellow")}',
    ],
)
def test_the_search_for_tables_of_words_finds_one(table: str):
    assert _tables_of_words(ast.parse(table)) == [1]


def test_a_table_of_figures_is_no_table_of_words():
    assert _tables_of_words(ast.parse("URGENCY = {ItemKind.REPLY: 2}")) == []


# ------------------------------------------------------------------------------------- speed

TIMERS = {"monotonic", "perf_counter", "process_time", "thread_time", "default_timer", "getrusage"}


def _reads_a_timer(node: ast.AST, tainted: set[str]) -> bool:
    """Tell whether an expression holds a reading of a clock, or a name that stands for one."""
    return any(
        (isinstance(each, ast.Name) and each.id in tainted)
        or (
            isinstance(each, ast.Attribute)
            and ast.unparse(each).endswith((").elapsed", "answer.elapsed"))
        )
        or (isinstance(each, ast.Call) and _is_timer(each, tainted))
        or (isinstance(each, ast.BinOp) and isinstance(each.op, ast.Sub) and _asks_now(each))
        for each in ast.walk(node)
    )


def _is_timer(call: ast.Call, tainted: set[str]) -> bool:
    name = called(call).removesuffix("_ns")
    return name in TIMERS or name in tainted or (name == "time" and _of(call) == "time")


def _asks_now(node: ast.AST) -> bool:
    """Tell whether a difference is one to the present, which is how long something took."""
    return any(called(call) == "now" and _of(call) == "datetime" for call in calls(node))


def _tainted(tree: ast.AST) -> set[str]:
    """Return the names of readings, of spans between them, and of functions that return one."""
    found: set[str] = set()
    while True:
        before = len(found)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign | ast.AugAssign | ast.NamedExpr) and _reads_a_timer(
                node.value, found
            ):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {
                    name.id
                    for target in targets
                    for name in ast.walk(target)
                    if isinstance(name, ast.Name)
                }
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(each, ast.Return) and each.value and _reads_a_timer(each.value, found)
                for each in ast.walk(node)
            ):
                found.add(node.name)
        if len(found) == before:
            return found


def _asserts_on_speed(tree: ast.Module) -> list[int]:
    """Return the lines that fail for the time which something took.

    Not those inside a loop that give a reason: there somebody waits, and says for what in vain.
    """
    found = []
    scopes = [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))]
    functions = {node.name for node in scopes[1:] if isinstance(node, ast.FunctionDef)}
    shared = _tainted(tree) & functions
    for scope in scopes[1:]:
        names = _tainted(scope) | shared
        waits = {
            id(each)
            for loop in ast.walk(scope)
            if isinstance(loop, ast.While)
            for each in ast.walk(loop)
        }
        for node in ast.walk(scope):
            if isinstance(node, ast.Assert):
                is_wait = id(node) in waits and node.msg is not None
                test: ast.AST = node.test
            elif isinstance(node, ast.If) and _fails(node):
                is_wait, test = id(node) in waits, node.test
            else:
                continue
            if not is_wait and _reads_a_timer(test, names):
                found.append(node.lineno)
    return sorted(set(found))


def _fails(node: ast.If) -> bool:
    return any(
        isinstance(each, ast.Raise) or (isinstance(each, ast.Call) and called(each) == "fail")
        for statement in node.body
        for each in ast.walk(statement)
    )


def _limits_examples(tree: ast.AST) -> list[int]:
    """Return the lines that give an example of a property so long and no longer."""
    return [
        keyword.value.lineno
        for node in calls(tree)
        if called(node) in {"settings", "register_profile"}
        for keyword in node.keywords
        if keyword.arg == "deadline"
        and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is None)
    ]


def _crowded(*tops: Path) -> dict[str, int]:
    """Return the folders that hold more files than one can take in, with how many."""
    folders = [each for top in tops for each in (top, *top.rglob("*/"))]
    counts = {
        each.as_posix(): sum(one.is_file() for one in each.iterdir())
        for each in folders
        if each.name != "__pycache__"
    }
    return {
        folder: count
        for folder, count in counts.items()
        if count > MOST_FILES and not folder.endswith(SERIES)
    }


def test_no_folder_holds_more_files_than_one_can_take_in():
    assert _crowded(*(ROOT / name for name in (*PRODUCT, "docs", "scripts", "tests"))) == {}


def test_the_search_for_crowded_folders_finds_one(tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    for serial in range(MOST_FILES + 1):
        (full / f"{serial}.py").touch()

    assert _crowded(tmp_path) == {full.as_posix(): MOST_FILES + 1}


def test_no_test_fails_for_being_slow():
    """A busy machine is no fault of the code: see `tests/support/growth.py`, or `tests/bench`."""
    offenders = [
        f"{path}:{line}"
        for path, tree in sources("tests")
        if not path.startswith("tests/bench/")
        for line in (*_asserts_on_speed(tree), *_limits_examples(tree))
    ]

    assert offenders == []
    assert hypothesis.settings.default.deadline is None


@pytest.mark.parametrize(
    "body",
    [
        "began = time.monotonic()\n    work()\n    assert time.monotonic() - began < 1",
        "t = perf_counter()\n    work()\n    took = perf_counter() - t\n    assert took < 1",
        "since = datetime.now(UTC)\n    work()\n    assert datetime.now(UTC) - since < SECOND",
        "assert abs(told - datetime.now(UTC)) < SECOND",
        "assert client.get('/').elapsed < SECOND",
        "assert 1000 / min(seconds_for_a_thousand() for _ in range(20)) > 20_000",
        "t = time.time()\n    work()\n    if time.time() - t > 1:\n        pytest.fail('slow')",
        "end = time.monotonic() + 1\n    work()\n    assert time.monotonic() < end, 'slow'",
        "deadline = monotonic() + 1\n    while not done():\n        assert monotonic() < deadline",
    ],
    ids=["span", "name", "datetime", "age", "elapsed", "function", "if", "no-loop", "no-reason"],
)
def test_the_search_for_timed_tests_finds_one(body: str):
    function = "def seconds_for_a_thousand():\n    return perf_counter() - BEGAN\n"

    assert len(_asserts_on_speed(ast.parse(f"{function}def test():\n    {body}\n"))) == 1


def test_a_wait_that_says_what_did_not_come_and_a_time_between_two_others_are_no_timed_tests():
    wait = "while not done():\n        assert monotonic() < deadline, 'it never came'"
    bracket = "assert before <= told <= datetime.now(UTC)"
    source = f"def test():\n    deadline = monotonic() + 10\n    {wait}\n    {bracket}\n"

    assert _asserts_on_speed(ast.parse(source)) == []
    assert _limits_examples(ast.parse("settings(deadline=None)\nsettings(deadline=200)")) == [2]
