"""What people read: the messages that patients get, and the pages of the console."""

from __future__ import annotations
