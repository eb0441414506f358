"""Providers: text and e-mail carriers, each behind the one interface of `interface`."""
