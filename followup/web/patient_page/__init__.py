"""The patient's own page, behind the link in their messages: light, plain, and without a name."""
