"""Pages on erasing the data of patients."""
