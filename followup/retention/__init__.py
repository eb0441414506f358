"""Retention: what may end is proposed by a job, decided by one person, confirmed by another."""
