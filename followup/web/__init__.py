"""The web process: the JSON API, providers' hooks, health checks, and the page that stops e-mails.

Handlers are thin: read, call a use case, answer. Nothing here is logged that a patient wrote or is.
"""

from __future__ import annotations
