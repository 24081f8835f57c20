"""``.Files``: the files of a chart that are no templates.

Upstream: helm/helm ``pkg/engine/files.go``.
"""

import base64
import posixpath
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from fluxkit.helm.chart import File
from fluxkit.helm.render.patterns import glob
from fluxkit.template.functions import Function
from fluxkit.template.sprig.yaml import to_yaml
from fluxkit.template.values import GoNamed, Map, Slice, from_bytes, nil_slice, sorted_items

__all__ = ["Files"]


class Files(GoNamed, Map):
    """Contents by path; a template can range over it, and look up by path."""

    __slots__ = ()
    go_type = "engine.files"
    go_kind = "map"

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        super().__init__("[]uint8", contents, zero=nil_slice("uint8"))

    @classmethod
    def of(cls, files: Iterable[File]) -> "Files":
        return cls({file.name: file.data for file in files})

    def content(self, path: str) -> bytes:
        """Empty for a file that does not exist."""
        return self.get(path, b"")  # type: ignore[no-any-return]

    def text(self, path: str) -> str:
        return from_bytes(self.content(path))

    def matching(self, pattern: str) -> "Files":
        matches = glob(pattern)
        return Files({path: data for path, data in self.items() if matches(path)})

    def as_config(self) -> str:
        """YAML of base name and text; of files with the same base name the last wins."""
        return to_yaml({posixpath.basename(path): from_bytes(data) for path, data in sorted_items(self)})

    def as_secrets(self) -> str:
        """YAML of base name and base64."""
        return to_yaml(
            {posixpath.basename(path): base64.b64encode(data).decode("ascii") for path, data in sorted_items(self)}
        )

    def lines(self, path: str) -> Slice:
        text = self.text(path)
        return Slice("string", text.removesuffix("\n").split("\n") if text else ())

    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "Get": Function(text, ("string",)),
        "GetBytes": Function(content, ("string",)),
        "Glob": Function(matching, ("string",)),
        "AsConfig": Function(as_config),
        "AsSecrets": Function(as_secrets),
        "Lines": Function(lines, ("string",)),
    }
