"""Feeds: what events do to enrolments, in any order."""
