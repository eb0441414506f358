"""Pages around an item that needs attention: what came in, and a text to the patient."""
