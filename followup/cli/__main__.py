"""`python -m followup.cli`, where no script was installed."""

from __future__ import annotations

from followup.cli import main

if __name__ == "__main__":
    main()
