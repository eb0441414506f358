"""Consent: opt-outs, and the cancelling of what is unsent because of them."""
