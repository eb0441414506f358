"""The product under faults: real processes, killed for real, and an account of every message.

`make faults` makes the long runs (`python -m tests.faults`), `make test` the short ones.
"""

from __future__ import annotations
