"""References by name, fixed once names are final, and the older ``vars``."""
