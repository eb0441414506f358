"""The maintainer scripts."""
