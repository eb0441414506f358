"""Twilio: texts through the official client, receipts and webhooks."""
