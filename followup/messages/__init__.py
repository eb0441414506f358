"""Messages: the words, the state and the outcome of one message."""
