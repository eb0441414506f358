"""Tests of `followup.enrolment`."""
