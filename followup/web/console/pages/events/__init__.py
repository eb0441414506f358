"""Pages about events that other systems are told of."""
