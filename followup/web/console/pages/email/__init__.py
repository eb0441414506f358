"""Pages about e-mails: those that came back."""
