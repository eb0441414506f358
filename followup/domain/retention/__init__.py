"""How long records are kept, by class, and how a review of what may end is decided."""
