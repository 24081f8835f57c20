"""What is wrong with a chart's files."""

from fluxkit.helm.errors import HelmError

__all__ = ["ChartError"]


class ChartError(HelmError):
    """A chart that Helm would not load; ``str`` is Helm's message."""
