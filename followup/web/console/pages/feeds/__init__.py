"""Pages about feeds: enrolments to complete, and the ledger of messages."""
