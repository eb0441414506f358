"""Pages of procedures: those of a day or a week, and the answers about one."""
