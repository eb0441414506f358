"""Pages of figures: messages by week, how long items took, and the balance."""
