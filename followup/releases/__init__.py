"""Releases: words signed by an author and another approver, and what may be sent on that."""
