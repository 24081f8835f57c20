"""What a build is asked for, and what it answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, overload

from fluxkit import yaml
from fluxkit.objects import Object

__all__ = ["BuildLimits", "BuildOptions", "BuildResult", "FunctionRunner", "RemoteFetcher"]


class RemoteFetcher(Protocol):
    """How a build with remote bases gets them; the engine itself never touches the network."""

    def fetch_file(self, url: str) -> bytes:
        """The body behind an HTTP(S) URL. Raises KustomizeError."""

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        """A checkout of a Git repository at ``ref`` (HEAD when empty), in a directory of its own."""


class FunctionRunner(Protocol):
    """Runs a KRM function given as an executable file."""

    def run(self, executable: Path, resource_list: str, working_dir: Path) -> str:
        """The ResourceList that the function prints for the one it is given. Raises KustomizeError."""


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """Bounds that keep a hostile tree from costing more than an error."""

    file_bytes: int = 32 * 1024 * 1024
    total_bytes: int = 256 * 1024 * 1024
    resources: int = 100_000
    depth: int = 64


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """The options of ``kustomize build``; the defaults are those of Flux but for the load restriction.

    - ``root``: nothing outside this directory is ever read, symlinks included; None sets no such bound.
    - ``load_restrictor``: ``rootOnly`` keeps the files of a kustomization in or below its own directory.
    - ``reorder``: ``none`` keeps the order of accumulation; ``legacy`` and ``unspecified`` sort as the command does.
    - ``allow_remote`` with ``fetcher``: remote bases and files.
    - ``overlay``: files by path relative to ``root`` (or to the built directory) that shadow the disk.
    - ``schema``: ``replace`` lets ``openapi.path`` replace the built-in schema (the command), ``extend`` adds to it
      (Flux, which loads the built-in one first).
    - ``level``: ``v5.8.1`` is the release that Flux pins; ``next`` behaves as kustomize's code after it does.
    - ``enable_plugins`` and ``enable_exec`` with ``functions``: KRM functions that are executables.
    """

    root: Path | None = None
    load_restrictor: Literal["rootOnly", "none"] = "rootOnly"
    reorder: Literal["none", "legacy", "unspecified"] = "none"
    allow_remote: bool = False
    fetcher: RemoteFetcher | None = None
    overlay: Mapping[str, bytes] = field(default_factory=dict)
    schema: Literal["replace", "extend"] = "extend"
    level: Literal["v5.8.1", "next"] = "v5.8.1"
    add_managed_by_label: bool = False
    enable_plugins: bool = False
    enable_exec: bool = False
    enable_helm: bool = False
    functions: FunctionRunner | None = None
    limits: BuildLimits = BuildLimits()


class BuildResult(Sequence[Object]):
    """The objects of a build in order, and what the build depended on.

    ``files`` were read, ``dirs`` were built as kustomizations, ``absent`` were looked for and missing: as long as none
    of these changes, neither does the result. Paths are relative to the options' root (or to the built directory), with
    ``/``; paths outside of it are absolute. ``warnings`` are the lines that the command prints on stderr.
    """

    def __init__(
        self,
        objects: Sequence[Object],
        *,
        files: frozenset[str],
        dirs: frozenset[str],
        absent: frozenset[str],
        warnings: Sequence[str] = (),
    ) -> None:
        self._objects = list(objects)
        self._text: str | None = None
        self.files = files
        self.dirs = dirs
        self.absent = absent
        self.warnings = tuple(warnings)

    @property
    def text(self) -> str:
        """The output stream, byte for byte as upstream prints it."""
        if self._text is None:
            self._text = yaml.dump_all(self._objects)
        return self._text

    def __len__(self) -> int:
        return len(self._objects)

    @overload
    def __getitem__(self, index: int) -> Object: ...
    @overload
    def __getitem__(self, index: slice) -> list[Object]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._objects[index]

    def __iter__(self) -> Iterator[Object]:
        return iter(self._objects)
