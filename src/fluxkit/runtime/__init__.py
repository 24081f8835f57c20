"""Controller runtime."""
