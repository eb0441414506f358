"""Recovery: backup, restore and catching up with the provider afterwards."""
