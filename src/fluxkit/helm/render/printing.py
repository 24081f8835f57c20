"""What ``helm template`` prints of a rendering, and the parts of it that ``--show-only`` picks.

Upstream: helm/helm ``pkg/cmd/template.go``.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from fluxkit.helm.render.errors import RenderError
from fluxkit.helm.render.manifests import Hook, split_documents, trim
from fluxkit.helm.render.patterns import PatternError, path_pattern

__all__ = ["printed", "sourced", "without_tests"]

_SOURCE: Final = re.compile("# Source: [^/]+/(.+)")


def sourced(path: str, content: str) -> str:
    """A document under the line that tells where it comes from."""
    return f"---\n# Source: {path}\n{content}\n"


def without_tests(hooks: Iterable[Hook]) -> list[Hook]:
    return [hook for hook in hooks if not hook.is_test]


def printed(manifest: str, hooks: Iterable[Hook], show_only: Sequence[str] = ()) -> str:
    """Manifests and then hooks; with ``show_only`` the documents from templates whose path in their chart matches.

    Raises RenderError for a pattern that nothing matches.
    """
    text = f"{trim(manifest)}\n" + "".join(sourced(hook.path, hook.manifest) for hook in hooks)
    if not show_only:
        return text
    documents = [
        (document, found[1]) for document in split_documents(text) if (found := _SOURCE.search(document)) is not None
    ]
    shown = []
    for pattern in show_only:
        try:
            matches = path_pattern(pattern)
        except PatternError:
            matched = []
        else:
            matched = [document for document, path in documents if matches(path)]
        if not matched:
            raise RenderError(f"could not find template {pattern} in chart")
        shown += matched
    return "".join(f"---\n{document}\n" for document in shown)
