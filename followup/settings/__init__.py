"""Settings: what one installation decides, read once from the environment."""
