"""Words about the records of patients: merging two, and erasing."""
