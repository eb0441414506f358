"""A time-lapse of six weeks in the terminal: the embedded stack, with a clock that steps."""
