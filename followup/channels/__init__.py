"""Providers of text and e-mail, each behind the one small interface of `interface`."""
