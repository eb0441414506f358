"""Web process: the ASGI application, and `serve`."""

from __future__ import annotations

import gc
import signal
from contextlib import closing
from importlib.metadata import version
from types import FrameType

import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from followup.bootstrap import build_app, instance_name, make_watchdog
from followup.context import AppContext
from followup.monitoring.broker_probe import broker_client
from followup.monitoring.heartbeats import HeartbeatThread, always_alive
from followup.monitoring.watchdog import WatchdogThread
from followup.providers.twilio.webhooks import Signatures
from followup.settings.logging import configure_logging
from followup.settings.settings import Settings
from followup.staff.oidc import IdentityProvider
from followup.web import api, errors, health, hooks, unsubscribe
from followup.web.console.framework.app import make_console, mount_console
from followup.web.console.pages import oidc_sign_in as organisation
from followup.web.envelope import Envelope
from followup.web.fhir import routes as fhir
from followup.web.fhir import write_routes as fhir_in
from followup.web.forms import MOST_BYTES
from followup.web.gate import Gate
from followup.web.impatient import Impatient
from followup.web.listening import listen
from followup.web.metrics import Scrapes
from followup.web.patient_page import routes as patient_page
from followup.web.site import Site
from followup.web.traced import Traced

LOOPBACK = "127.0.0.0/8"
"""A proxy on this machine is believed whom it passes on."""
STOP_SECONDS = 20
"""How long requests under way may take to finish after a signal."""

DESCRIPTION = """
Enrols patients on follow-up protocols, and tells how their messages fare. Times are UTC and end in
`Z`; `local` is by the patient's clock. Errors never repeat what was sent.
"""

# What a trace or a telemetry log would carry out of here may be a patient's.
NO_TELEMETRY = TelemetryConfig(
    tracing=False, metrics=False, logs=False, operation_spans=False, auto_configure=False
)

log = structlog.get_logger()


def create_app(app: AppContext, settings: Settings) -> FastAPI:
    """Return the app. It owns neither the app context nor the process."""
    asgi = FastAPI(
        title="followup",
        description=DESCRIPTION,
        version=version("followup"),
        openapi_url=f"{api.API_PATH}/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        telemetry=NO_TELEMETRY,
    )
    broker = None if settings.is_embedded else broker_client(settings.broker_url)
    asgi.state.site = Site(
        app=app,
        signatures=_signatures(settings),
        broker=broker,
        scrapes=Scrapes(app),
        metrics_token=settings.metrics_token,
        version=version("followup"),
    )
    errors.install(asgi)
    # The resources of a hospital come many at once: those routes count for themselves.
    asgi.include_router(fhir_in.router, max_body_size=fhir_in.UNCOUNTED)
    for router in (
        api.router,
        fhir.router,
        health.router,
        hooks.router,
        unsubscribe.router,
        patient_page.router,
    ):
        # Not of the whole app: its refusals would go out past the envelope.
        asgi.include_router(router, max_body_size=MOST_BYTES)
    mount_console(
        asgi,
        make_console(
            app,
            public_url=settings.public_url,
            nhs_identity=settings.nhs_identity,
            code_roles=settings.code_roles,
            settings_in_force=settings.in_force(),
            identity=_identity(app, settings),
            broker=broker,
        ),
    )
    asgi.add_middleware(Gate, public_url=settings.public_url)
    asgi.add_middleware(Envelope, is_https=settings.public_url.startswith("https:"))
    if app.traces.on:
        asgi.add_middleware(Traced, traces=app.traces)
    return asgi


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, and let requests under way finish.

    Raises `ConfigurationError` or `StoreUnavailable` with what to do.
    """
    configure_logging(level=settings.log_level, log_format=settings.log_format)
    with (
        closing(listen(settings.host, settings.port)) as listener,
        closing(build_app(settings, traced_as="web")) as app,
        closing(
            HeartbeatThread(
                lambda: app,
                {"web": always_alive},
                instance=instance_name(),
                every=settings.heart_every,
            )
        ),
        closing(WatchdogThread(make_watchdog(settings, lambda: app, name="web"))),
    ):
        server = make_server(app, settings)

        def stop(_number: int, _frame: FrameType | None) -> None:
            server.should_exit = True

        # The server takes signals itself while it runs, and hands them on to these afterwards:
        # a stop that was asked for is not to end in a death by signal.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        server.run(sockets=[listener])


def make_server(
    app: AppContext, settings: Settings, *, stop_seconds: int = STOP_SECONDS
) -> uvicorn.Server:
    """Return a server of the app; requests under way get so long to finish when it is stopped."""
    asgi = create_app(app, settings)
    leave_uncollected()
    config = server_config(asgi, settings)
    config.timeout_graceful_shutdown = stop_seconds
    return uvicorn.Server(config)


def server_config(asgi: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return how the app is served."""
    return uvicorn.Config(
        asgi,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        http=Impatient,
        forwarded_allow_ips=[LOOPBACK, *settings.trusted_proxies_named],
    )


def leave_uncollected() -> None:
    """Leave what there is now, and stays, out of all later collections of garbage.

    To walk all of it holds up whatever request comes then, by a tenth of a second.
    """
    gc.collect()
    gc.freeze()


def _identity(app: AppContext, settings: Settings) -> IdentityProvider | None:
    secret = settings.oidc_client_secret
    if settings.oidc_issuer is None or settings.oidc_client_id is None or secret is None:
        return None
    return IdentityProvider(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value(),
        name=settings.oidc_name,
        redirect_uri=f"{settings.public_url}{organisation.PATH}/back",
        clock=app.clock,
    )


def _signatures(settings: Settings) -> dict[str, Signatures]:
    accounts = (
        (settings.twilio_account_sid, settings.twilio_auth_token),
        (settings.twilio_fallback_account_sid, settings.twilio_fallback_auth_token),
    )
    return {
        sid or "": Signatures(token.get_secret_value(), public_url=settings.public_url)
        for sid, token in accounts
        if token is not None
    }
