"""Copying values between resources (ReplacementTransformer; api ``filters/replacement``)."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from fluxkit.kustomize.budget import Budget, size_of
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.identity import DEFAULT_NAMESPACE, Gvk, ResId
from fluxkit.kustomize.kustomization import FieldOptions, Replacement, ReplacementSource, ReplacementTarget
from fluxkit.kustomize.paths import Create, find_slots, lookup, split_field_path
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.selectors import matches_metadata
from fluxkit.kustomize.structured import write_inside
from fluxkit.kustomize.tree import MISSING, Node, Scalar, Styled, copy_tree, is_empty, is_null, text_of, untyped, write

__all__ = ["ReplacementTransformer"]

DEFAULT_PATH = "metadata.name"
_WITH_MEMORY = (("metadata",), ("metadata", "annotations"))
"""Paths at which upstream's notes of the build can be seen."""


class ReplacementTransformer(Struct, frozen=True):
    """Applies replacements in order, each seeing the results of those before it.

    ``split_inside`` honours delimiter and index also inside structured text, as newer releases of kustomize do.
    """

    replacements: Sequence[Replacement]
    budget: Budget
    split_inside: bool = False

    def transform(self, resources: ResMap) -> None:
        for replacement in self.replacements:
            if (replacement.source is None and replacement.source_value is None) or replacement.targets is None:
                raise KustomizeError("replacements must specify a source and at least one target", field="replacements")
            source = _source(resources, replacement)
            for target in replacement.targets:
                self._write(resources, source, target)
        resources.changed()

    def _write(self, resources: ResMap, source: "_Source", target: ReplacementTarget) -> None:
        select = target.select
        if select is None:
            raise KustomizeError("target must specify resources to select", field="replacements")
        rejects = [reject for reject in target.reject if reject is not None]
        patterns = select.patterns
        for resource in resources.resources:
            if resource.empty or not matches_metadata(resource, select):
                continue
            if any(
                (reject.label_selector or reject.annotation_selector) and matches_metadata(resource, reject)
                for reject in rejects
            ):
                continue
            ids = [resource.id, *resource.previous_ids]
            if any(not reject.without_id and any(map(reject.patterns.id, ids)) for reject in rejects):
                continue
            if any(map(patterns.id, ids)):
                try:
                    self._write_fields(resource, source, target)
                except KustomizeError as error:
                    raise error.at(resource=str(resource.id), field="replacements") from None

    def _write_fields(self, resource: Resource, source: "_Source", target: ReplacementTarget) -> None:
        options = target.options
        creates = options is not None and options.create
        for field_path in target.field_paths or [DEFAULT_PATH]:
            value, size = source.value, source.size
            create: Create = _kind(value) if creates else ""
            path = split_field_path(field_path)
            if path in _WITH_MEMORY:
                resource.show_memory()
            inner_options = options if self.split_inside else None
            self.budget.spend(size)
            if write_inside(resource.tree, path, create, lambda slot: _set(slot, value, inner_options)):  # noqa: B023
                source.refresh(resource)
                continue
            problem = f'unable to find {"or create " if creates else ""}field "{field_path}" in replacement target'
            try:
                slots = find_slots(resource.tree, path, create)
            except KustomizeError as error:
                raise error.wrap(problem) from None
            if not slots:
                raise KustomizeError(problem)
            self.budget.spend(size * (len(slots) - 1))
            for slot in slots:
                _set(slot, value, options)
            if path in _WITH_MEMORY:
                resource.hide_memory()
            source.refresh(resource)


def _kind(value: Node) -> Literal["map", "list", "scalar"]:
    if isinstance(value, dict):
        return "map"
    return "list" if isinstance(value, list) else "scalar"


def _set(slot: tuple[Any, Any], value: Node, options: FieldOptions | None) -> None:
    """Write a value: into a scalar only its text, so that the target keeps its type; elsewhere the whole value."""
    container, key = slot
    target = container[key]
    text = "" if isinstance(value, dict | list) else text_of(value)
    if options is not None and options.delimiter:
        if isinstance(target, dict | list):
            raise KustomizeError("delimiter option can only be used with scalar nodes")
        pieces = text_of(target).split(options.delimiter)
        piece = "" if is_null(value) else text
        if options.index < 0:
            pieces.insert(0, piece)
        elif options.index >= len(pieces):
            pieces.append(piece)
        else:
            pieces[options.index] = piece
        text = options.delimiter.join(pieces)
    if isinstance(target, Styled):
        container[key] = Styled(text, target.style)
    elif isinstance(target, str):
        write(container, key, text)
    elif isinstance(target, Scalar):
        container[key] = Scalar(text, target.tag)
    else:
        container[key] = copy_tree(value)


class _Source:
    """The value to copy. Upstream holds the very node: a target that is the source's own field changes what later
    targets get.
    """

    def __init__(self, value: Node, resource: Resource | None = None, path: tuple[str, ...] = ()) -> None:
        self.value = value
        self.size = size_of(value)
        self._resource = resource
        self._path = path

    def refresh(self, changed: Resource) -> None:
        """Look again, after a resource has changed."""
        if changed is self._resource and not isinstance(self.value, dict | list):
            try:
                found = lookup(changed.tree, self._path)
            except KustomizeError:
                return
            if found is not MISSING and not isinstance(found, dict | list):
                self.value, self.size = found, size_of(found)


def _source(resources: ResMap, replacement: Replacement) -> _Source:
    source = replacement.source
    if replacement.source_value is not None:
        if source is not None:
            raise KustomizeError("value and resource selectors are mutually exclusive", field="replacements")
        return _Source(untyped(replacement.source_value))
    if source is None:
        raise KustomizeError("replacements must specify a source and at least one target", field="replacements")
    resource = _source_resource(resources, source)
    field_path = source.field_path or DEFAULT_PATH
    path = split_field_path(field_path)
    if path in _WITH_MEMORY:
        resource = resource.copy()
        resource.show_memory()
    try:
        value = lookup(resource.tree, path)
    except KustomizeError as error:
        raise error.wrap("error looking up replacement source").at(resource=str(resource.id)) from None
    if is_empty(value):
        raise KustomizeError(
            f"fieldPath `{field_path}` is missing for replacement source {_source_id(source)}",
            resource=str(resource.id),
            field="replacements",
        )
    options = source.options
    if options is None or not options.delimiter:
        return _Source(copy_tree(value), resource, path)
    if isinstance(value, dict | list):
        raise KustomizeError("delimiter option can only be used with scalar nodes", field="replacements")
    text = text_of(value)
    pieces = text.split(options.delimiter)
    if not 0 <= options.index < len(pieces):
        raise KustomizeError(
            f"options.index {options.index} is out of bounds for value {text}", resource=str(resource.id)
        )
    piece = pieces[options.index]
    return _Source(piece if isinstance(value, str) else Scalar(piece, value.tag))


def _source_id(source: ReplacementSource) -> ResId:
    return ResId(source.group, source.version, source.kind, source.name, source.namespace)


def _source_resource(resources: ResMap, source: ReplacementSource) -> Resource:
    gvk = Gvk(source.group, source.version, source.kind)
    found: Resource | None = None
    for resource in resources.resources:
        if resource.empty:
            continue
        if any(
            (not source.name or known.name == source.name)
            and (
                not source.namespace
                or (known.namespace or DEFAULT_NAMESPACE) == (source.namespace or DEFAULT_NAMESPACE)
            )
            and known.gvk.selected_by(gvk)
            for known in (resource.id, *resource.previous_ids)
        ):
            if found is not None:
                raise KustomizeError(f"multiple matches for selector {_describe(source)}", field="replacements")
            found = resource
    if found is None:
        raise KustomizeError(f"nothing selected by {_describe(source)}", field="replacements")
    return found


def _describe(source: ReplacementSource) -> str:
    parts = [str(_source_id(source))]
    if source.field_path:
        parts.append(source.field_path)
    options = source.options
    if options is not None and (options.delimiter or options.create):
        parts.append(f"{options.delimiter}({options.index}), create={'true' if options.create else 'false'}")
    return ":".join(parts)
