"""One kustomization: accumulating its resources and running what it says over them (api ``internal/target``).

The order is fixed whatever the order in the file: resources, configurations, generators, components, transformers,
validators, vars. Hash suffixes, name references and vars are left to the top (:mod:`fluxkit.kustomize.build`).
"""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from fluxkit import yaml
from fluxkit.kustomize.accumulator import Accumulator
from fluxkit.kustomize.builtin import builtin_generators, builtin_transformers
from fluxkit.kustomize.configuration import TransformerConfig, decode_configuration, default_configuration
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.crds import configuration_from_crds
from fluxkit.kustomize.errors import (
    HTTPFailure,
    KustomizeError,
    MalformedYAML,
    MissingFile,
    RemoteTimeout,
    go_quote,
)
from fluxkit.kustomize.generators import Generator
from fluxkit.kustomize.kustomization import FILE_NAMES, Kustomization, parse_kustomization, parse_yaml11
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.origin import (
    Origin,
    add_transformation,
    annotate_origin,
    has_origin,
    origin_of_plugin,
    set_origin,
)
from fluxkit.kustomize.plugins import is_builtin, load_generator, load_transformer
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.transformers import Transformer

if TYPE_CHECKING:
    from fluxkit.kustomize.functions import Plugin

__all__ = ["Target"]


class Target:
    """A kustomization directory within a build."""

    def __init__(self, loader: Loader, context: BuildContext, *, parent: "Target | None" = None) -> None:
        self.loader = loader
        self.context = context
        self.file_name, self.kustomization = self._read()
        self.origin: Origin | None
        if parent is None:
            self.build_metadata = list(self.kustomization.build_metadata)
            self.origin = Origin() if self.build_metadata else None
            self._set_schema(top=True)
        else:
            self.build_metadata = parent.build_metadata
            self.origin = parent.origin
            self._set_schema(top=False)

    # Reading the file.

    def _read(self) -> tuple[str, Kustomization]:
        found: list[tuple[str, str]] = []
        directory = self.loader.root
        for name in FILE_NAMES:
            try:
                found.append((name, self.loader.load_text(name)))
            except MissingFile:
                continue
        relative = self.loader.files.relative(directory)
        if not found:
            names = ", ".join(f"'{name}'" for name in FILE_NAMES[:-1])
            raise KustomizeError(
                f"unable to find one of {names} or '{FILE_NAMES[-1]}' in directory '{directory}'", file=relative
            )
        if len(found) > 1:
            raise KustomizeError(f"Found multiple kustomization files under: {directory}\n", file=relative)
        name, text = found[0]
        kustomization, warnings = parse_kustomization(
            text, os.path.normpath(os.path.join(relative, name)), directory, later=self.context.later
        )
        self.context.warnings += warnings
        return name, kustomization

    def _set_schema(self, *, top: bool) -> None:
        """The first schema of a tree wins, the top's before all others."""
        field = self.kustomization.openapi
        schema = self.context.schema
        path, version = field.get("path"), field.get("version")
        document = self.loader.load_text(path) if path is not None else None
        if schema.is_set and not top:
            return
        if document is not None and path is not None:
            if version is not None:
                raise KustomizeError("builtin version and custom schema provided, cannot use both", field="openapi")
            schema.is_set = True
            # Upstream adds to the built-in schema if an unknown kind already made it want to load that.
            replaces = self.context.options.schema == "replace" and not self.context.met_unknown_kind
            scopes = schema.add(document, path, replace=replaces)
            self.context.scopes.extend(scopes)
            return
        if version:
            if version != "v1.21.2":
                raise KustomizeError("the specified OpenAPI version is not built in", field="openapi")
            schema.is_set = True

    # Accumulating.

    def accumulate(self, accumulator: Accumulator) -> Accumulator:
        """Everything this kustomization makes, added to ``accumulator``. Raises :class:`KustomizeError`."""
        kustomization = self.kustomization
        try:
            self._accumulate_resources(accumulator, kustomization.resources)
        except KustomizeError as error:
            raise error.wrap("accumulating resources").at(field="resources") from None
        accumulator.merge_configuration(self._configurations())
        try:
            crds = configuration_from_crds(self.loader, kustomization.crds)
        except KustomizeError as error:
            raise error.wrap(f"loading CRDs [{' '.join(kustomization.crds)}]").at(field="crds") from None
        accumulator.merge_configuration(crds)
        self._generate(accumulator)
        try:
            for path in kustomization.components:
                accumulator = self._accumulate_component(accumulator, path)
        except KustomizeError as error:
            raise error.wrap("accumulating components").at(field="components") from None
        self._transform(accumulator)
        self._validate(accumulator)
        try:
            accumulator.add_vars(kustomization.vars)
        except KustomizeError as error:
            raise error.wrap(f"merging vars [{' '.join(var.as_written for var in kustomization.vars)}]").at(
                field="vars"
            ) from None
        return accumulator

    def _accumulate_resources(self, accumulator: Accumulator, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                self._accumulate_file(accumulator, path)
                continue
            except HTTPFailure:
                raise
            except KustomizeError as error:
                file_error = error
            try:
                loader = self.loader.enter(path)
            except KustomizeError as error:
                if isinstance(file_error, MalformedYAML) and not isinstance(error, RemoteTimeout):
                    raise file_error from None
                raise error.wrap(f"accumulation err='{file_error}'").at(
                    file=file_error.file, resource=file_error.resource
                ) from None
            try:
                self._accumulate_base(accumulator, loader, path)
            except KustomizeError as error:
                raise error.wrap(f"accumulation err='{file_error}'") from None

    def _accumulate_file(self, accumulator: Accumulator, path: str) -> None:
        context = f"accumulating resources from '{path}'"
        try:
            text = self.loader.load_text(path)
            try:
                resources = self.context.read(text)
            except MalformedYAML as error:
                raise error.reworded(f"{error} in File: {path}") from None
            ResMap(resources)
        except KustomizeError as error:
            raise error.wrap(context).at(file=self.loader.place(path)) from None
        if self.origin is not None:
            origin = self.origin.append(path)
            for resource in resources:
                annotate_origin(resource, origin)
        try:
            accumulator.resources.append_all(resources)
        except KustomizeError as error:
            raise error.wrap(f"merging resources from '{path}'").at(file=self.loader.place(path)) from None

    def _child(self, loader: Loader, path: str) -> "Target":
        try:
            child = Target(loader, self.context, parent=self)
        except KustomizeError as error:
            raise error.wrap(f"couldn't make target for path '{loader.root}'") from None
        if self.origin is not None:
            child.origin = self.origin.append(path)
        return child

    def _accumulate_base(self, accumulator: Accumulator, loader: Loader, path: str) -> None:
        child = self._child(loader, path)
        if child.kustomization.is_component:
            raise KustomizeError(f"expected kind != 'Component' for path '{loader.root}'")
        try:
            made = child.accumulate(Accumulator())
        except KustomizeError as error:
            raise error.wrap(f"recursed accumulation of path '{loader.root}'") from None
        try:
            accumulator.merge(made)
        except KustomizeError as error:
            raise error.wrap(f"recursed merging from path '{loader.root}'") from None

    def _accumulate_component(self, accumulator: Accumulator, path: str) -> Accumulator:
        try:
            loader = self.loader.enter(path)
        except KustomizeError as error:
            raise error.reworded(f"loader.New {go_quote(error.message)}") from None
        try:
            child = self._child(loader, path)
            if not child.kustomization.is_component:
                raise KustomizeError(
                    f"expected kind 'Component' for path '{loader.root}' but got '{child.kustomization.kind}'"
                )
            try:
                made = child.accumulate(accumulator)
            except KustomizeError as error:
                raise error.wrap(f"recursed accumulation of path '{loader.root}'") from None
            merged = Accumulator()
            merged.merge(made)
            return merged
        except KustomizeError as error:
            raise error.reworded(f"accumulateDirectory: {go_quote(error.message)}") from None

    # Configuring.

    def _configurations(self) -> TransformerConfig:
        configuration = default_configuration(later=self.context.later)
        custom = TransformerConfig()
        for path in self.kustomization.configurations:
            text = self.loader.load_text(path)
            try:
                value = parse_yaml11(text, path)
            except yaml.YAMLError as error:
                raise KustomizeError(
                    f"error converting YAML to JSON: yaml: line {error.line}: {error.problem}", file=path
                ) from None
            try:
                custom = custom.merge(decode_configuration(value, later=self.context.later))
            except KustomizeError as error:
                raise error.at(file=self.loader.place(path), field="configurations") from None
        return configuration.merge(custom)

    def _plugin_configurations(self, entries: list[str], *, generating: bool) -> list[Resource]:
        """The resources that configure plugins: inline documents, files or kustomization directories."""
        accumulator = Accumulator()
        paths = []
        for entry in entries:
            try:
                inline = self.context.read(entry)
                ResMap(inline)
            except KustomizeError:
                paths.append(entry)
                continue
            if self.origin is not None:
                for resource in inline:
                    set_origin(resource, self.origin.append(self.file_name))
            try:
                accumulator.resources.append_all(inline)
            except KustomizeError as error:
                kind = "generator" if generating else "transformer"
                raise error.wrap(f"configuring external {kind}") from None
        self._accumulate_resources(accumulator, paths)
        return accumulator.resources.resources

    # Running.

    def _generate(self, accumulator: Accumulator) -> None:
        made: list[tuple[Generator, Origin | None]] = []
        for kind, generator in builtin_generators(self.kustomization, self.loader, self.context):
            origin = self.origin.configuration(self.file_name, kind) if self.origin is not None else None
            made.append((generator, origin))
        if self.kustomization.generators:
            try:
                for resource in self._plugin_configurations(self.kustomization.generators, generating=True):
                    try:
                        generator = self._external(resource) or load_generator(resource, self.loader, self.context)
                    except KustomizeError as error:
                        raise error.wrap("failed to load generator") from None
                    made.append((generator, origin_of_plugin(resource)))
            except KustomizeError as error:
                raise error.wrap("loading generator plugins").at(field="generators") from None
        for generator, origin in made:
            resources = generator.generate()
            for resource in resources:
                if origin is not None and not has_origin(resource):
                    set_origin(resource, origin)
            try:
                for resource in resources:
                    accumulator.resources.absorb(resource)
            except KustomizeError as error:
                raise error.wrap(f"merging from generator {type(generator).__name__}") from None

    def _external(self, resource: Resource) -> "Plugin | None":
        """The plugin of a configuration, if it is not built in and the options let it run."""
        if not self.context.options.enable_plugins or is_builtin(resource):
            return None
        from fluxkit.kustomize.functions import load_plugin

        return load_plugin(resource, self.loader, self.context)

    def _transformers(self, entries: list[str]) -> list[tuple[Transformer, Origin | None]]:
        loaded: list[tuple[Transformer, Origin | None]] = []
        if entries:
            for resource in self._plugin_configurations(entries, generating=False):
                transformer = self._external(resource) or load_transformer(resource, self.loader, self.context)
                loaded.append((transformer, origin_of_plugin(resource)))
        return loaded

    def _transform(self, accumulator: Accumulator) -> None:
        running: list[tuple[Transformer, Origin | None]] = []
        for kind, transformer in builtin_transformers(
            self.kustomization, accumulator.configuration, self.loader, self.context
        ):
            origin = self.origin.configuration(self.file_name, kind) if self.origin is not None else None
            running.append((transformer, origin))
        running += self._transformers(self.kustomization.transformers)
        resources = accumulator.resources
        for transformer, origin in running:
            transformer.transform(resources)
            if origin is not None:
                for resource in resources.resources:
                    if not resource.empty:
                        add_transformation(resource, origin)
            resources.drop_empty()

    def _validate(self, accumulator: Accumulator) -> None:
        for transformer, _ in self._transformers(self.kustomization.validators):
            resources = accumulator.resources
            before = [resource.object() for resource in resources.resources]
            transformer.transform(resources)
            after = [_without_validated_by(resource.object()) for resource in resources.resources]
            if before != after:
                raise KustomizeError("validator shouldn't modify the resource map: nodes unequal", field="validators")


def _without_validated_by(value: dict[str, object]) -> dict[str, object]:
    metadata = value.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(labels, dict) or "validated-by" not in labels:
        return value
    remaining = {key: label for key, label in labels.items() if key != "validated-by"}
    cleaned = {key: entry for key, entry in metadata.items() if key != "labels"}
    if remaining:
        cleaned["labels"] = remaining
    return {**value, "metadata": cleaned}
