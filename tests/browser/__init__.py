"""The product in a real browser: real web server, real database, Chromium."""
