"""The safety case: hazard log, controls that tests prove, and what a deployment must see to."""
