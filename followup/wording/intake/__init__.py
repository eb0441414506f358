"""Words about what comes in: hospital feeds and uploaded lists."""
