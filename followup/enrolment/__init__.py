"""Enrolment: enrol, preview, reschedule, pause, withdraw, contact details."""
