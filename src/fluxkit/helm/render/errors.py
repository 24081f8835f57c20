"""What can go wrong between a chart with values and its manifests; ``str`` of each is Helm's message."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fluxkit.helm.errors import HelmError

if TYPE_CHECKING:
    from fluxkit.helm.render.manifests import Hook

__all__ = ["IncompatibleCluster", "ManifestError", "RenderError", "RenderLimitError", "TemplateFailure"]


class RenderError(HelmError):
    """Rendering cannot begin or go on: a bad release name, an incompatible cluster, a failing post-renderer."""


class IncompatibleCluster(RenderError):
    """The chart is not made for a cluster of this version."""


class TemplateFailure(RenderError):
    """A template does not parse, or fails while it runs."""


class RenderLimitError(RenderError):
    """The chart asks for more time, steps, output or nesting than it was given; not in Helm, which has no limits."""


class ManifestError(RenderError):
    """A rendered file is no YAML, or not of the shape of a manifest.

    ``files`` has what was rendered, by path; ``hooks`` the hooks found before the bad document.
    """

    def __init__(self, message: str, files: Mapping[str, str] | None = None, hooks: Sequence["Hook"] = ()) -> None:
        super().__init__(message)
        self.files = dict(files or {})
        self.hooks = list(hooks)

    def __reduce__(self) -> tuple[type["ManifestError"], tuple[str, dict[str, str], list["Hook"]]]:
        return type(self), (str(self), self.files, self.hooks)
