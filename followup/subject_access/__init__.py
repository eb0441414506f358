"""Access to what is held on a person (Article 15 of the UK GDPR): for people and for machines."""
