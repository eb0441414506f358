"""What the commands share: registry, options, output and exit codes."""
