"""The periodic jobs, one task for all: the names of those to run are its arguments."""

from __future__ import annotations

from functools import partial

from followup.jobs import JOBS
from followup.monitoring.health import watched
from tasks.app import app, resources

BY_NAME = {job.name: job for job in JOBS}


@app.task(name="tasks.sweeps.sweep")
def sweep(*names: str) -> None:
    """Run periodic jobs one after the other, each until nothing is left for it, within bounds.

    One that fails keeps none of the others from running; the first failure is raised at the end.
    """
    app = resources.app()
    failures: list[Exception] = []
    for name in names:
        try:
            watched(app, name, partial(BY_NAME[name].until_empty, app))
        except Exception as failure:  # noqa: BLE001 - raised below, once the others have run
            failures.append(failure)
    if failures:
        raise failures[0]
