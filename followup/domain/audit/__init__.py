"""Rules of the audit trail: its tree, and what damage to it is called."""
