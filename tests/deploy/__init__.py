"""What `deploy/` hands to strangers is held against the program."""
