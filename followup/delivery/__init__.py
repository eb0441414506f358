"""Delivery: receipts, reconciliation with the provider, overdue receipts and bounces."""
