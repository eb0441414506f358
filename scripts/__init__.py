"""What a maintainer runs now and then; nothing of it is needed to run or test the product."""

from __future__ import annotations
