"""The audit trail: sealed and verified, and the evidence that auditors ask for."""
