"""Commands about patients: enrol, import, preview, timeline, change, stop."""
