"""The product in a real browser: real web process, real database, Chromium."""
