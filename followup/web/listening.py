"""Listening sockets: of the web process, and of whatever else listens."""

from __future__ import annotations

import socket

from followup.domain.errors import ConfigurationError


def listen(host: str, port: int, *, prefix: str = "FOLLOWUP") -> socket.socket:
    """Return a socket bound to this address; raise `ConfigurationError` if it can't be.

    `prefix` is how the names of the settings begin that choose it.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = (
            f"can't listen on {host}:{port} ({error.strerror}): stop what listens there, or choose "
            f"another port with {prefix}_PORT, or another address with {prefix}_HOST"
        )
        raise ConfigurationError(message) from error
    return listener
