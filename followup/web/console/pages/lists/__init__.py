"""Pages for enrolling the patients of a list."""
