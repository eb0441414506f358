"""Runtime: Celery worker and beat inside the embedded stack."""
