"""Settings, logging, protocols and clinics: what one installation decides for itself."""

from __future__ import annotations
