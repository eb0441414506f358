"""ORM models. Every time is UTC; `real` times are the machine's, the others the service's."""
