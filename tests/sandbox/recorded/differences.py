"""Where the sandbox differs from the recorded server, and why that may stay."""

__all__ = ["DIFFERENCES"]

DIFFERENCES: dict[str, dict[int, str]] = {}
"""By case and number of the answer."""
