"""The steps by which a database comes to the shape of `followup.store.models`."""
