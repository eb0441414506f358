"""Health endpoints: liveness, readiness and metrics.

`/healthz` is for whatever restarts or routes to this process. `/readyz` is for alarms: it tells of
the whole service, so that a balancer which goes by it would also turn receipts away. `/readyz` and
`/metrics` are for this machine and the networks about it, or for whoever has the token.
"""

from __future__ import annotations

import hmac
from ipaddress import ip_address
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy.orm import Session

from followup.domain.errors import StoreUnavailable
from followup.messages.kill_switch_queries import list_switches
from followup.monitoring.anomalies import delayed_messages
from followup.monitoring.broker_probe import broker_problems
from followup.monitoring.health import HealthProblem, health_problems
from followup.web.errors import Refused
from followup.web.gate import FORWARDED
from followup.web.site import Here, Site
from followup.web.trouble import with_alarms

log = structlog.get_logger()

router = APIRouter(include_in_schema=False)


def _watcher(request: Request, site: Here) -> None:
    """Let in who watches the service; raise `Refused` for the rest of the world."""
    token = site.metrics_token
    if token is None:
        if not _is_near(request):
            raise Refused(403, "set FOLLOWUP_METRICS_TOKEN and send it to ask this from elsewhere")
        return
    sent = request.headers.get("authorization", "")
    wanted = f"Bearer {token.get_secret_value()}"
    if not hmac.compare_digest(sent.encode(), wanted.encode()):
        raise Refused(401, "send FOLLOWUP_METRICS_TOKEN as: Authorization: Bearer …")


def _is_near(request: Request) -> bool:
    """Say whether it was asked from this machine or a private network, and by no proxy."""
    try:
        peer = ip_address(request.client.host if request.client else "")
    except ValueError:
        return True
    return FORWARDED not in request.headers and not peer.is_global


Watcher = Annotated[None, Depends(_watcher)]


@router.api_route("/healthz", methods=["GET", "HEAD"])
async def healthz() -> Response:
    """Answer as long as the process can, whatever has become of database and broker."""
    return JSONResponse({"status": "ok"})


@router.api_route("/readyz", methods=["GET", "HEAD"])
def readyz(site: Here, _watcher: Watcher) -> Response:
    """Answer 200, or 503 and what is wrong; with either, what a person has stopped.

    A kill switch is somebody's decision, not a fault: it is told, and alarms nobody.
    """
    found, stopped = _of_the_store(site)
    found = [*found, *broker_problems(site.broker)]
    wrong = [{"code": one.code, "sentence": one.sentence} for one in found]
    told = {"wrong": wrong, "stopped": stopped}
    return JSONResponse(told, status_code=503 if wrong else 200)


@router.get("/metrics")
def metrics(site: Here, _watcher: Watcher) -> Response:
    """Answer with figures in Prometheus's text format."""
    return Response(site.scrapes.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _of_the_store(site: Site) -> tuple[list[HealthProblem], list[dict[str, str | None]] | None]:
    """Return what is wrong, and what is stopped; that is not known while the database is away."""
    try:
        found = [*health_problems(site.app), *delayed_messages(site.app)]
        with site.app.store.read() as session:
            return with_alarms(session, found), _stopped(session)
    except StoreUnavailable as error:
        log.warning("web.database_away", reason=str(error))
        return [
            HealthProblem(
                code="database-away",
                sentence="the database can't be used at present: look whether its server runs and "
                "its disk has room, and into the log",
            )
        ], None


def _stopped(session: Session) -> list[dict[str, str | None]]:
    """Return what kill switches stop. Their reasons stay out: they are somebody's own words."""
    return [
        {
            "scope": switch.scope,
            "value": switch.value,
            "since": f"{switch.thrown_at:%Y-%m-%dT%H:%M:%SZ}",
        }
        for switch in list_switches(session)
    ]
