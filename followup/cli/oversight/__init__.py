"""Commands of oversight: messages, worklist, balance, audit, sending stops."""
