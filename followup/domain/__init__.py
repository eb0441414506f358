"""The pure core: values and rules, told the time, free of databases, networks and settings."""
