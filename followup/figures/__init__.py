"""Weekly figures: counted by a job, read by the console. No patient and no member of staff."""
