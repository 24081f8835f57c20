"""What a chart is examined with."""

from dataclasses import dataclass, field

from fluxkit.helm.render.capabilities import Capabilities
from fluxkit.helm.values import Fetch

__all__ = ["Options"]


@dataclass(frozen=True, slots=True)
class Options:
    """How to examine."""

    strict: bool = False
    """Whether warnings are failures."""
    namespace: str = "default"
    capabilities: Capabilities = field(default_factory=Capabilities)
    skip_schema: bool = False
    fetch_schema: Fetch | None = None
    """Gets what schemas refer to; without it they may not."""
