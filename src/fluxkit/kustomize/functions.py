"""KRM functions and executable plugins: configurations in ``generators``, ``transformers`` and ``validators`` that are
not built in (kyaml ``runfn``, ``fn/runtime``; api ``internal/plugins/fnplugin``, ``execplugin``).

Off unless the options enable plugins and give a runner: the engine itself starts no process. As upstream, a function
that is an executable is passed over, with a warning, unless those are enabled too. Plugins written in Go cannot be
loaded.
"""

import posixpath
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from fluxkit import yaml
from fluxkit.kustomize import gojson
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.decode import Context, Record, boolean, list_of, string
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import parse_yaml11
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.options import FunctionOptions, FunctionRunner
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.tree import plain
from fluxkit.yaml.errors import YAMLError

__all__ = ["Plugin", "load_plugin"]

_ANNOTATIONS: Final = ("config.kubernetes.io/function", "config.k8s.io/function")
_IMAGE: Final = "config.kubernetes.io/container"
_ID: Final = "kustomize.config.k8s.io/id"
_HASH: Final = "kustomize.config.k8s.io/needs-hash"
_BEHAVIOR: Final = "kustomize.config.k8s.io/behavior"
_DEFAULT_ENVIRONMENT: Final = {"LOG_TO_STDERR": "true", "STRUCTURED_RESULTS": "true"}
_WORDS: Final = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}


class _Mount(Struct, frozen=True):
    type: str = ""
    src: str = ""
    dst: str = ""
    rw: bool = False

    def argument(self, root: str) -> str:
        source = self.src if self.src.startswith("/") else posixpath.normpath(f"{root}/{self.src}")
        return f"type={self.type},source={source},target={self.dst}{'' if self.rw else ',readonly'}"


class _Container(Struct, frozen=True):
    image: str = ""
    network: bool = False
    mounts: list[_Mount] = []
    envs: list[str] = []


class _Executable(Struct, frozen=True):
    path: str = ""
    args: list[str] = []
    envs: list[str] = []


class _Spec(Struct, frozen=True):
    """How to run a function."""

    defer_failure: bool = False
    container: _Container = _Container()
    exec: _Executable = _Executable()


_STRINGS: Final = list_of(string)
_MOUNT: Final = Record(
    _Mount,
    "runtimeutil.StorageMount",
    {"type": ("type", string), "src": ("src", string), "dst": ("dst", string), "rw": ("rw", boolean)},
)
_CONTAINER: Final = Record(
    _Container,
    "runtimeutil.ContainerSpec",
    {
        "image": ("image", string),
        "network": ("network", boolean),
        "mounts": ("mounts", list_of(_MOUNT, "[]runtimeutil.StorageMount")),
        "envs": ("envs", _STRINGS),
    },
)
_EXECUTABLE: Final = Record(
    _Executable,
    "runtimeutil.ExecSpec",
    {"path": ("path", string), "args": ("args", _STRINGS), "envs": ("envs", _STRINGS)},
)
_SPEC: Final = Record(
    _Spec,
    "runtimeutil.FunctionSpec",
    {
        "deferFailure": ("defer_failure", boolean),
        "container": ("container", _CONTAINER),
        "exec": ("exec", _EXECUTABLE),
    },
)


def load_plugin(resource: Resource, loader: Loader, context: BuildContext) -> "Plugin":
    """The function or plugin that a configuration describes. Raises :class:`KustomizeError`."""
    runner = context.options.functions
    if runner is None:
        raise KustomizeError(
            f"nothing here can run the external plugin '{resource.original_id.kind}'", resource=str(resource.id)
        )
    try:
        spec = _spec(resource)
    except KustomizeError as error:
        raise error.wrap("loader: failed to get FunctionSpec").at(resource=str(resource.id)) from None
    if spec is None:
        return _executable_plugin(resource, loader, runner, context)
    for mount in spec.container.mounts:
        _check_mount(resource, mount.src)
    return _Function(resource, loader.root, context, runner, spec)


def _spec(resource: Resource) -> _Spec | None:
    annotations = resource.string_map("annotations")
    for name in _ANNOTATIONS:
        if annotations.get(name):
            return _decoded(annotations[name], name)
    configured = resource.metadata.get("configFn")
    if isinstance(configured, dict):
        return _decoded(yaml.dump(plain(configured)), "configFn")
    image = annotations.get(_IMAGE)
    return _Spec(container=_Container(image=image)) if image else None


def _decoded(text: str, source: str) -> _Spec:
    try:
        return _SPEC(parse_yaml11(text, source), Context("FunctionSpec"))
    except YAMLError as error:
        raise KustomizeError(f"{source} unmarshal error: error converting YAML to JSON: {error}") from None
    except KustomizeError as error:
        raise error.wrap(f"{source} unmarshal error: error unmarshaling JSON: while decoding JSON") from None


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


class Plugin(Struct, frozen=True):
    """Generates or transforms resources by running a process; subclasses say which, and what it reads and prints."""

    configuration: Resource
    root: str
    context: BuildContext
    runner: FunctionRunner

    def _call(self, items: list[dict[str, Any]] | None) -> list[Resource]:
        """What the process makes of the resources; None asks it to generate."""
        raise NotImplementedError

    def generate(self) -> list[Resource]:
        made = self._call(None)
        for resource in made:
            annotations = resource.string_map("annotations")
            wants = annotations.pop(_HASH, None)
            if wants is not None:
                if wants.lower() not in _WORDS or wants not in (wants.lower(), wants.upper(), wants.capitalize()):
                    raise KustomizeError(f'the annotation "{_HASH}" contains an invalid value ("{wants}")')
                resource.needs_hash = _WORDS[wants.lower()]
            behavior = annotations.pop(_BEHAVIOR, "")
            resource.behavior = behavior if behavior in ("create", "merge", "replace") else "unspecified"
            resource.set_string_map("annotations", annotations)
        return made

    def transform(self, resources: ResMap) -> None:
        """Let the process see all resources, with the build's memory; take over what it changed, added and left out."""
        items = []
        for resource in resources.resources:
            shown = resource.copy()
            shown.show_memory()
            shown.set_string_map("annotations", {**shown.string_map("annotations"), _ID: _id_text(resource)})
            items.append(shown.object())
        made: dict[tuple[str, ...], Resource] = {}
        for resource in self._call(items):
            annotations = resource.string_map("annotations")
            annotations.pop(_ID, None)
            resource.set_string_map("annotations", annotations)
            if resource.key in made:
                raise KustomizeError(f"plugin {self._name} generated duplicate resource: {_id_json(resource)}")
            made[resource.key] = resource
        known = {resource.key for resource in resources.resources}
        resources.resources = [
            *(made[resource.key] for resource in resources.resources if resource.key in made),
            *(resource for key, resource in made.items() if key not in known),
        ]
        resources.changed()

    @property
    def _name(self) -> str:
        of = self.configuration
        return f"api: {of.api_version}, kind: {of.kind}, name: {of.name}"


def _id_text(resource: Resource) -> str:
    return yaml.dump(_id_fields(resource))


def _id_json(resource: Resource) -> str:
    return gojson.dumps(_id_fields(resource))


def _id_fields(resource: Resource) -> dict[str, Any]:
    found = resource.id
    fields: dict[str, Any] = {"group": found.group, "version": found.version, "kind": found.kind}
    fields.update(name=found.name, namespace=found.namespace)
    if found.cluster:
        fields["isClusterScoped"] = True
    return {name: value for name, value in fields.items() if value}


class _Function(Plugin, frozen=True):
    """A KRM function: a ResourceList in, a ResourceList out."""

    spec: _Spec

    def _call(self, items: list[dict[str, Any]] | None) -> list[Resource]:
        configuration = self.configuration.copy()
        annotations = configuration.string_map("annotations")
        configuration.set_string_map("annotations", {**annotations, "config.kubernetes.io/local-config": "true"})
        function_config = configuration.object()
        if items is None:
            # Functions that generate see their own configuration, which as local configuration never gets anywhere.
            items = [function_config]
        try:
            command, environment = self._command()
            if not command:
                return self.context.read(yaml.dump_all(items))
            text = yaml.dump(
                {
                    "apiVersion": "config.kubernetes.io/v1",
                    "kind": "ResourceList",
                    "items": items,
                    "functionConfig": function_config,
                }
            )
            output = self.runner.run(command, text, Path(self.root), environment)
        except KustomizeError as error:
            raise error.wrap("couldn't execute function").at(resource=str(self.configuration.id)) from None
        return self.context.read(output)

    def _command(self) -> tuple[list[str], Mapping[str, str]]:
        options = self.context.options
        if self.spec.container.network and not options.function_options.network:
            raise KustomizeError("network required but not enabled with --network")
        if self.spec.container.image:
            return _docker(self.spec.container, self.root, options.function_options), {}
        executable = self.spec.exec
        if not executable.path:
            return [], {}
        if not options.enable_exec:
            self.context.warnings.append(
                f"# Warning: the function of '{self.configuration.original_id}' is an executable and was not run: "
                "must run with `--enable-exec`"
            )
            return [], {}
        if self.root == "/":
            raise KustomizeError("root working directory '/' not allowed")
        environment = dict(
            pair.split("=")
            for pair in (*executable.envs, *options.function_options.env)
            if pair.count("=") == 1  # upstream drops others
        )
        return [executable.path, *executable.args], environment


def _docker(container: _Container, root: str, options: FunctionOptions) -> list[str]:
    """The command that runs a function's container (kyaml ``fn/runtime/container``)."""
    values = dict(_DEFAULT_ENVIRONMENT)
    exported: dict[str, None] = {}
    for pair in (*container.envs, *options.env):
        name, equals, value = pair.partition("=")
        if equals:
            values[name] = value
        else:
            exported[name] = None
    mounts = [*container.mounts, *map(_parse_mount, options.mounts)]
    return [
        *("docker", "run", "--rm", "-i", "-a", "STDIN", "-a", "STDOUT", "-a", "STDERR"),
        *("--network", "host" if container.network else "none"),
        *("--user", options.user, "--security-opt=no-new-privileges"),
        *(part for mount in mounts for part in ("--mount", mount.argument(root))),
        *(part for name, value in sorted(values.items()) for part in ("-e", f"{name}={value}")),
        *(part for name in exported for part in ("-e", name)),
        container.image,
    ]


def _parse_mount(text: str) -> _Mount:
    pairs = dict(option.split("=", 1) for option in text.split(",") if "=" in option)
    return _Mount(
        pairs.get("type", ""),
        pairs.get("src", pairs.get("source", "")),
        pairs.get("dst", pairs.get("target", "")),
        pairs.get("rw") == "true",
    )


class _ExecutablePlugin(Plugin, frozen=True):
    """An executable in the plugin directory: resources in, resources out, its configuration in a file."""

    executable: Path
    arguments: list[str]

    def _call(self, items: list[dict[str, Any]] | None) -> list[Resource]:
        configuration = yaml.dump(self.configuration.object())
        output = self.runner.run_plugin(
            self.executable, configuration, self.arguments, yaml.dump_all(items or ()), Path(self.root)
        )
        return self.context.read(output)


def _executable_plugin(resource: Resource, loader: Loader, runner: FunctionRunner, context: BuildContext) -> Plugin:
    gvk = resource.original_id.gvk
    executable = runner.find_plugin(posixpath.join(gvk.group, gvk.version, gvk.kind.lower(), gvk.kind))
    value = resource.object()
    arguments: list[str] = []
    line, file = value.get("argsOneLiner"), value.get("argsFromFile")
    if isinstance(line, str) and line:
        try:
            arguments = shlex.split(line)
        except ValueError as error:
            raise KustomizeError(f"failed to parse argsOneLiner: {error}", resource=str(resource.id)) from None
    if isinstance(file, str) and file:
        arguments += [stripped for text in loader.load_text(file).split("\n") if (stripped := text.lstrip(" "))]
    return _ExecutablePlugin(resource, loader.root, context, runner, executable, arguments)
