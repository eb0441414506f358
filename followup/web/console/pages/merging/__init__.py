"""Pages on which two records of one patient are merged."""
