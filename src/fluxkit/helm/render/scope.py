"""What a template sees: the dot of every file of a chart and of the charts below it.

All files of a chart share one dot, and a subchart's values are a part of its parent's, so that what one template sets
another one sees. Where Go has one map under two types (``common.Values`` for the subchart, a plain map for its parent)
the parent sees it through a :class:`View`.

Upstream: helm/helm ``pkg/engine/engine.go`` (recAllTpls), ``pkg/chart/common.go``, ``pkg/chart/common/values.go``.
"""

import posixpath
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from typing import Any, ClassVar

from fluxkit.helm.chart import Chart, Dependency, Metadata
from fluxkit.helm.render.files import Files
from fluxkit.template.errors import FunctionError
from fluxkit.template.functions import Function
from fluxkit.template.quoting import quote
from fluxkit.template.sprig.yaml import must_to_yaml
from fluxkit.template.values import MAPS, GoNamed, Map, nil_map

__all__ = ["Source", "Values", "View", "sources"]


class Values(GoNamed, dict[str, Any]):
    """A map of Go type common.Values: a chart's values, and every dot. Its methods hide keys of the same name."""

    __slots__ = ()
    go_type = "common.Values"
    go_kind = "map"

    def table(self, path: str) -> dict[str, Any]:
        """The map at a path such as ``a.b``. Raises FunctionError."""
        found: dict[str, Any] = self
        for name in path.split("."):
            value = found.get(name)
            if not isinstance(value, dict):
                raise FunctionError(f"{quote(name)} is not a table")
            found = value
        return found

    def path_value(self, path: str) -> Any:
        """The value at a path, which must not be a map. Raises FunctionError."""
        if not path:
            raise FunctionError("YAML path cannot be empty")
        *tables, key = path.split(".")
        try:
            found = self.table(".".join(tables)) if tables else self
        except FunctionError:
            found = {}
        if key not in found or isinstance(found[key], dict):
            raise FunctionError(f"{quote(key)} is not a value")
        return found[key]

    go_methods: ClassVar[Mapping[str, Callable[..., Any]]] = {
        "AsMap": Function(lambda self: View(self) if self else {}),
        "PathValue": Function(path_value, ("string",)),
        "Table": Function(lambda self, path: Values(self.table(path)), ("string",)),
        "YAML": Function(lambda self: must_to_yaml(self) + "\n"),
    }


class View(dict[str, Any]):
    """Another map, seen as one of type map[string]interface {}: reads and writes go through."""

    __slots__ = ("_target",)

    def __init__(self, target: dict[str, Any]) -> None:
        super().__init__()
        self._target = target

    def __getitem__(self, key: str) -> Any:
        return self._target[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._target[key] = value

    def __delitem__(self, key: str) -> None:
        del self._target[key]

    def __contains__(self, key: object) -> bool:
        return key in self._target

    def __iter__(self) -> Iterator[str]:
        return iter(self._target)

    def __len__(self) -> int:
        return len(self._target)

    def __eq__(self, other: object) -> bool:
        return self._target == (other._target if isinstance(other, View) else other)

    __hash__ = None

    def __reduce__(self) -> tuple[type["View"], tuple[dict[str, Any]]]:
        return View, (self._target,)

    def get(self, key: str, default: Any = None) -> Any:
        return self._target.get(key, default)

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return self._target.items()

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        return self._target.keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return self._target.values()

    def pop(self, key: str, *default: Any) -> Any:
        return self._target.pop(key, *default)


MAPS[Values] = Values.go_methods
MAPS[View] = ()


@dataclass(slots=True)
class Source:
    """A template file: its path below the root chart, its text, and its chart's dot."""

    path: str
    text: str
    dot: Values
    base_path: str

    @property
    def is_partial(self) -> bool:
        """Whether the file only lends definitions to others."""
        return posixpath.basename(self.path).startswith("_")

    def enter(self) -> None:
        """Tell the dot which file is being rendered."""
        self.dot["Template"] = Values({"Name": self.path, "BasePath": self.base_path})


def sources(chart: Chart, values: dict[str, Any], release: Mapping[str, Any], capabilities: Any) -> list[Source]:
    """The templates of ``chart`` and all charts below it, in the order in which they are parsed and rendered.

    Deeper files come first, and later names before earlier ones: what a parent defines replaces what its subcharts do.
    ``values`` are the coalesced ones; templates may change them. Upstream order: engine.sortTemplates.
    """
    found: dict[str, Source] = {}
    _collect(chart, Values(values), dict(release), capabilities, found)
    return sorted(found.values(), key=lambda source: (source.path.count("/"), _bytewise(source.path)), reverse=True)


def _bytewise(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")


def _collect(
    chart: Chart, values: Values, release: dict[str, Any], capabilities: Any, found: dict[str, Source]
) -> Values:
    subcharts: dict[str, Any] = {}
    dot = Values(
        {
            "Chart": {**chart_object(chart.metadata), "IsRoot": chart.is_root},
            "Files": Files.of(chart.files),
            "Release": release,
            "Capabilities": capabilities,
            "Values": values,
            "Subcharts": subcharts,
        }
    )
    for child in chart.dependencies:
        table = values.get(child.name)
        own = Values()
        if isinstance(table, dict):
            own.update(table)
            values[child.name] = View(own)
        subcharts[child.name] = View(_collect(child, own, release, capabilities, found))
    path = chart.full_path()
    for file in chart.templates:
        if chart.is_library and not posixpath.basename(file.name).startswith("_"):
            continue
        full = posixpath.normpath(f"{path}/{file.name}")
        found[full] = Source(full, file.text, dot, f"{path}/templates")
    return dot


def chart_object(metadata: Metadata) -> dict[str, Any]:
    """``.Chart``: the metadata under the names that they have in Go."""
    return {
        "Name": metadata.name,
        "Home": metadata.home,
        "Sources": list(metadata.sources),
        "Version": metadata.version,
        "Description": metadata.description,
        "Keywords": list(metadata.keywords),
        "Maintainers": [
            {"Name": maintainer.name, "Email": maintainer.email, "URL": maintainer.url}
            for maintainer in metadata.maintainers
            if maintainer is not None
        ],
        "Icon": metadata.icon,
        "APIVersion": metadata.api_version,
        "Condition": metadata.condition,
        "Tags": metadata.tags,
        "AppVersion": metadata.app_version,
        "Deprecated": metadata.deprecated,
        "Annotations": Map("string", metadata.annotations, zero="") if metadata.annotations else nil_map("string", ""),
        "KubeVersion": metadata.kube_version,
        "Dependencies": [_dependency_object(dependency) for dependency in metadata.dependencies],
        "Type": metadata.type,
    }


def _dependency_object(dependency: Dependency) -> dict[str, Any]:
    return {
        "Name": dependency.name,
        "Version": dependency.version,
        "Repository": dependency.repository,
        "Condition": dependency.condition,
        "Tags": list(dependency.tags),
        "Enabled": dependency.enabled,
        "ImportValues": list(dependency.import_values),
        "Alias": dependency.alias,
    }
