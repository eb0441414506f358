"""Feeds: events of other systems in the product's own words, whatever format they came in."""
