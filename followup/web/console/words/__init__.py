"""The console's words: labels, audit sentences and reports."""
