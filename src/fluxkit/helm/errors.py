"""The errors that all parts of the package share."""

__all__ = ["HelmError", "ValuesError"]


class HelmError(ValueError):
    """Something is wrong with a chart, its values or its rendering; ``str`` is Helm's message without ``Error: ``."""


class ValuesError(HelmError):
    """Values that Helm would refuse; ``str`` is Helm's message."""
