"""Rules of erasure: why data is erased, and why a request for it is refused."""
