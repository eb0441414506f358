"""The words that patients get: loaded once, pinned by hash, and rendered from a clinic's facts."""
