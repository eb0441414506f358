"""The worklist: items that need a person, opened, gathered and closed."""
