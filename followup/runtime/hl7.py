"""HL7 listener of an installation: its socket and its certificates, by the settings."""

from __future__ import annotations

import ssl

from followup.context import AppContext
from followup.domain.errors import ConfigurationError
from followup.intake.hl7.listener import Hl7Listener
from followup.runtime.embedded import Threads
from followup.settings.settings import Settings
from followup.web.listening import listen

DEFAULT_PORT = 2575
"""What IANA keeps for HL7."""


def open_listener(settings: Settings, app: AppContext) -> Hl7Listener:
    """Return a listener whose socket is bound; raise `ConfigurationError` if it can't be."""
    if settings.hl7_port is None:
        raise ConfigurationError(
            f"FOLLOWUP_HL7_PORT is unset: set it to the port to listen on, such as {DEFAULT_PORT}"
        )
    if not any(site.senders for site in app.catalogue.sites.values()):
        raise ConfigurationError(
            "no file in intake/ of the configuration says who may send: make one, as "
            "docs/connecting-a-hospital.md says, or unset FOLLOWUP_HL7_PORT"
        )
    tls = _tls(settings)
    bound = listen(settings.hl7_host, settings.hl7_port, prefix="FOLLOWUP_HL7")
    return Hl7Listener(app, bound, tls=tls)


def start_hl7(threads: Threads, settings: Settings, app: AppContext) -> None:
    """Listen in a thread of an embedded stack, if it is to listen at all."""
    if settings.hl7_port is not None:
        listener = open_listener(settings, app)
        threads.start("hl7", listener.run, listener.stop)


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.hl7_tls_certificate is None or settings.hl7_tls_key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.hl7_tls_certificate, settings.hl7_tls_key)
        if settings.hl7_tls_client_ca is not None:
            context.load_verify_locations(settings.hl7_tls_client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            "the files of FOLLOWUP_HL7_TLS_CERTIFICATE, FOLLOWUP_HL7_TLS_KEY and "
            f"FOLLOWUP_HL7_TLS_CLIENT_CA can't be used ({error}): each must be PEM, and the key "
            "must belong to the certificate"
        ) from error
    return context
