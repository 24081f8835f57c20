"""What a build is asked for, and what it answers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, overload

from fluxkit import yaml
from fluxkit.kustomize.identity import CLUSTER_NAMESPACE, DEFAULT_NAMESPACE, Scopes, parse_group_version
from fluxkit.objects import Object

__all__ = [
    "BuildLimits",
    "BuildOptions",
    "BuildResult",
    "ChartRequest",
    "FunctionOptions",
    "FunctionRunner",
    "HelmRenderer",
    "RemoteFetcher",
]


class RemoteFetcher(Protocol):
    """How a build with remote bases gets them; the engine itself never touches the network."""

    def fetch_file(self, url: str) -> bytes:
        """The body behind an HTTP(S) URL. Raises KustomizeError."""

    def clone(self, url: str, ref: str, submodules: bool, timeout: float) -> Path:
        """A checkout of a Git repository at ``ref`` (HEAD when empty), in a directory of its own."""


class FunctionRunner(Protocol):
    """Starts the processes of KRM functions and plugins; the engine itself starts none."""

    def run(self, command: Sequence[str], text: str, working_dir: Path, environment: Mapping[str, str]) -> str:
        """What a command prints that is given ``text`` as its input; ``environment`` comes on top of the caller's own.

        Raises KustomizeError("exit status 3").
        """

    def find_plugin(self, path: str) -> Path:
        """The executable at a path below the plugin directory. Raises KustomizeError if there is none."""

    def run_plugin(
        self, executable: Path, configuration: str, arguments: Sequence[str], text: str, working_dir: Path
    ) -> str:
        """What a plugin prints; it is given its configuration in a file whose name is its first argument."""


@dataclass(frozen=True, slots=True)
class ChartRequest:
    """A chart to render: its directory, the texts of values files in order, and what ``helm template`` is told."""

    chart: str
    values: tuple[bytes, ...] = ()
    release_name: str = ""
    namespace: str = ""
    name_template: str = ""
    api_versions: tuple[str, ...] = ()
    kube_version: str = ""
    include_crds: bool = False
    skip_hooks: bool = False
    skip_tests: bool = False


class HelmRenderer(Protocol):
    """Renders and pulls charts; the engine itself knows nothing of Helm."""

    def template(self, request: ChartRequest) -> str:
        """What ``helm template`` prints. Raises KustomizeError."""

    def pull(self, repo: str, name: str, version: str, devel: bool) -> str:
        """A directory with a chart from a repository (the newest one without a version). Raises KustomizeError."""

    def default_values(self, chart: str) -> bytes:
        """The ``values.yaml`` of a chart that was pulled."""


@dataclass(frozen=True, slots=True)
class FunctionOptions:
    """What KRM functions may use: the network if they ask for it, more mounts (``type=bind,src=.,dst=/x``) and
    environment variables (``NAME=value``, or ``NAME`` to pass on), and the user that containers run as.
    """

    network: bool = False
    mounts: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    user: str = "nobody"


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """Bounds that keep a hostile tree from costing more than an error."""

    file_bytes: int = 32 * 1024 * 1024
    total_bytes: int = 256 * 1024 * 1024
    output_bytes: int = 256 * 1024 * 1024
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
    - ``enable_plugins`` with ``functions``: KRM functions in containers and plugins that are executables;
      ``enable_exec`` also lets functions be executables. ``function_options`` say what they may use.
    - ``learn_scopes``: kinds that custom resource definitions in the build declare as cluster-scoped get no namespace;
      ``strict_patches``: JSON patches of several YAML documents, of which upstream reads the first, are errors. Both go
      beyond upstream.
    - ``enable_helm`` with ``helm_renderer``: charts; repositories also need ``allow_remote``.
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
    function_options: FunctionOptions = FunctionOptions()
    learn_scopes: bool = False
    strict_patches: bool = False
    helm_renderer: HelmRenderer | None = None
    helm_api_versions: tuple[str, ...] = ()
    helm_kube_version: str = ""
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
        scopes: Scopes | None = None,
    ) -> None:
        self._objects = list(objects)
        self._scopes = scopes or Scopes()
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

    def individual_files(self) -> Iterator[tuple[str, Object]]:
        """A file name for each object, after its type and name, and the namespace if there are several."""
        places = [_place(obj, self._scopes) for obj in self._objects]
        several = len({namespace for namespace, _ in places if namespace != CLUSTER_NAMESPACE}) > 1
        for obj, (namespace, name) in zip(self._objects, places, strict=True):
            prefix = f"{namespace}_" if several and namespace != CLUSTER_NAMESPACE else ""
            yield f"{prefix}{name}".lower() + ".yaml", obj

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


def _place(obj: Object, scopes: Scopes) -> tuple[str, str]:
    """The effective namespace of an object, and a name made of its type and name."""
    api_version, kind, metadata = obj.get("apiVersion", ""), obj["kind"], obj.get("metadata", {})
    group, version = parse_group_version(api_version)
    cluster = scopes.is_cluster(api_version, kind)
    namespace = CLUSTER_NAMESPACE if cluster else metadata.get("namespace") or DEFAULT_NAMESPACE
    return namespace, "_".join([*filter(None, (group, version, kind)), metadata.get("name", "")])
