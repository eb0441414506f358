"""The periodic jobs, one task for all: the job's name is its argument."""

from __future__ import annotations

from followup.health import watched
from followup.sweeps import JOBS
from tasks.app import app, resources

BY_NAME = {job.name: job for job in JOBS}


@app.task(name="tasks.sweeps.sweep")
def sweep(name: str) -> None:
    """Run one periodic job until nothing is left for it, within bounds."""
    kit = resources.kit()
    watched(kit, name, lambda: BY_NAME[name].until_empty(kit))
