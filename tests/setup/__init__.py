"""How the environment of the product and of its tests is made."""
