"""Weekly figures: what is counted, which week a time belongs to, and XmR charts."""
