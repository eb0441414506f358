"""Outbox: events told to other systems as signed webhooks, in order, until they are taken."""
