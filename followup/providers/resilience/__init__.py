"""Resilience of provider calls: circuit breaker and rate limiter."""
