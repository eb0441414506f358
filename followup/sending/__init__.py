"""Sending: claim, eligibility, attempt, throttle and provider call of due messages."""
