"""KRM functions that are executables: plugin configurations with ``config.kubernetes.io/function`` (kyaml
``fn/runtime``).

Off unless the options enable plugins and executables and give a runner; the engine itself starts no process.
"""

import posixpath
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from fluxkit import yaml
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import parse_yaml11
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.options import FunctionRunner
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.yaml.errors import YAMLError

__all__ = ["KRMFunction", "is_function", "load_function"]

_ANNOTATIONS: Final = ("config.kubernetes.io/function", "config.k8s.io/function")
_ID: Final = "kustomize.config.k8s.io/id"
_HASH: Final = "kustomize.config.k8s.io/needs-hash"
_BEHAVIOR: Final = "kustomize.config.k8s.io/behavior"


def is_function(resource: Resource, context: BuildContext) -> bool:
    """Whether a plugin configuration names a function that the options let run."""
    if not context.options.enable_plugins or resource.api_version == "builtin":
        return False
    annotations = resource.string_map("annotations")
    return any(name in annotations for name in _ANNOTATIONS)


def load_function(resource: Resource, loader: Loader, context: BuildContext) -> "KRMFunction":
    """The function that a configuration describes. Raises :class:`KustomizeError`."""
    annotations = resource.string_map("annotations")
    text = next(annotations[name] for name in _ANNOTATIONS if name in annotations)
    try:
        spec = parse_yaml11(text, "config.kubernetes.io/function")
    except YAMLError as error:
        raise KustomizeError(f"bad function annotation: {error}", resource=str(resource.id)) from None
    executable = spec.get("exec") if isinstance(spec, dict) else None
    path = executable.get("path") if isinstance(executable, dict) else None
    container = spec.get("container") if isinstance(spec, dict) else None
    for mount in (container.get("mounts") if isinstance(container, dict) else None) or ():
        _check_mount(resource, str(mount.get("src", "")) if isinstance(mount, dict) else "")
    if not isinstance(path, str):
        raise KustomizeError("only functions that are executables can be run", resource=str(resource.id))
    runner = context.options.functions
    if not context.options.enable_exec or runner is None:
        raise KustomizeError("must run with `--enable-exec` flag to enable exec functions", resource=str(resource.id))
    return KRMFunction(resource, Path(loader.root), path, runner, context)


def _check_mount(resource: Resource, source: str) -> None:
    if source.startswith("/"):
        raise KustomizeError(
            f"plugin {resource.original_id} with mount path '{source}' is not permitted; "
            "mount paths must be relative to the current kustomization directory"
        )
    if posixpath.normpath(source).startswith(".."):
        raise KustomizeError(
            f"plugin {resource.original_id} with mount path '{source}' is not permitted; mount paths must be under the "
            "current kustomization directory"
        )


class KRMFunction(Struct, frozen=True):
    """Generates or transforms resources by running an executable on a ResourceList."""

    configuration: Resource
    root: Path
    path: str
    runner: FunctionRunner
    context: BuildContext

    def _run(self, items: list[dict[str, Any]]) -> list[Resource]:
        configuration = self.configuration.object()
        resource_list = yaml.dump(
            {
                "apiVersion": "config.kubernetes.io/v1",
                "kind": "ResourceList",
                "items": items,
                "functionConfig": configuration,
            }
        )
        output = self.runner.run(self.root / self.path, resource_list, self.root)
        return self.context.read(output)

    def generate(self) -> list[Resource]:
        made = self._run([])
        for resource in made:
            annotations = resource.string_map("annotations")
            wants = annotations.pop(_HASH, None)
            if wants is not None:
                if wants not in ("true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE", "True", "False"):
                    raise KustomizeError(f'the annotation "{_HASH}" contains an invalid value ("{wants}")')
                resource.needs_hash = wants.lower() in ("true", "1", "t")
            behavior = annotations.pop(_BEHAVIOR, "")
            resource.behavior = behavior if behavior in ("create", "merge", "replace") else ""
            resource.set_string_map("annotations", annotations)
        return made

    def transform(self, resources: ResMap) -> None:
        items = []
        known = {str(index): resource for index, resource in enumerate(resources.resources)}
        for index, resource in known.items():
            copied = resource.copy()
            copied.set_string_map("annotations", {**copied.string_map("annotations"), _ID: index})
            items.append(copied.object())
        kept: list[Resource] = []
        for made in self._run(items):
            annotations = made.string_map("annotations")
            origin = known.get(annotations.pop(_ID, ""))
            made.set_string_map("annotations", annotations)
            if origin is None or origin.key != made.key:
                kept.append(made)
                continue
            origin.node = made.node
            kept.append(origin)
        order = {id(resource): index for index, resource in enumerate(resources.resources)}
        resources.resources = sorted(kept, key=lambda resource: order.get(id(resource), len(order)))
        resources.changed()
