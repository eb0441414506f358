"""Balance of messages: counted where it may still change, summed once where it no longer does."""
