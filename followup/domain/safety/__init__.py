"""Safety rules: what a clinician would want enforced of texts, protocols and clinics."""
