"""Sites: the hospital systems that feeds come from, and what their codes mean."""
