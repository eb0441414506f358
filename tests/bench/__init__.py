"""What is measured of the product: ratios within one run, on loopback."""

from __future__ import annotations
