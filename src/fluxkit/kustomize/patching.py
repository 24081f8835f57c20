"""Patch transformers from the entries of the three patch fields and of their plugins."""

from fluxkit.kustomize import json6902
from fluxkit.kustomize.context import BuildContext
from fluxkit.kustomize.errors import KustomizeError, MalformedYAML, go_quote
from fluxkit.kustomize.kustomization import PatchOptions
from fluxkit.kustomize.loader import Loader
from fluxkit.kustomize.resource import Resource
from fluxkit.kustomize.selectors import Selector
from fluxkit.kustomize.transformers import Transformer
from fluxkit.kustomize.transformers.patches import JSONPatchTransformer, StrategicMergeTransformer

__all__ = ["json_patch", "patch_transformer", "strategic_patches"]


class _Nothing:
    """A patch file without content."""

    def transform(self, resources: object) -> None:
        """Changes nothing."""


def patch_transformer(
    path: str,
    patch: str,
    target: Selector | None,
    options: PatchOptions | None,
    loader: Loader,
    context: BuildContext,
) -> Transformer:
    """An entry of ``patches``: tried as resources and as a list of operations. Raises :class:`KustomizeError`."""
    patch = patch.strip()
    if not patch and not path:
        raise KustomizeError("must specify one of patch and path in\n", field="patches")
    if patch and path:
        raise KustomizeError("patch and path can't be set at the same time\n", field="patches")
    if patch:
        text, source = patch, f"[patch: {go_quote(patch)}]"
    else:
        source = f'[path: "{path}"]'
        try:
            text = loader.load_text(path)
        except KustomizeError as error:
            raise error.wrap(f"failed to get the patch file from path({path})").at(field="patches") from None
    merges: list[Resource] | None = None
    operations: list[json6902.Operation] | None = None
    try:
        merges = context.read(text)
    except KustomizeError:
        merges = None
    try:
        if not text:
            raise KustomizeError("empty json patch operations")
        operations = json6902.parse(text)
    except KustomizeError:
        operations = None
    if operations and context.options.strict_patches:
        json6902.parse(text, strict=True)
    if merges and operations:
        raise KustomizeError(f"illegally qualifies as both an SM and JSON patch: {source}", field="patches")
    if merges is None and operations is None:
        raise KustomizeError(f"unable to parse SM or JSON patch from {source}", field="patches")
    if merges is not None:
        if not merges:
            return _Nothing()
        for resource in merges:
            if options is not None and (options.allow_name_change or options.allow_kind_change):
                resource.allow_name_change = options.allow_name_change
                resource.allow_kind_change = options.allow_kind_change
                # Upstream notes this down in the annotations, which become strings by that.
                resource.set_string_map("annotations", resource.string_map("annotations"))
        return StrategicMergeTransformer(merges, context.schema, target, source, _no_target)
    if not operations:
        return _Nothing()
    if target is None:
        raise KustomizeError(f"must specify a target for JSON patch {source}", field="patches")
    return JSONPatchTransformer(operations, target, context.budget)


def _no_target(patch: Resource, error: KustomizeError) -> str:
    return f'no resource matches strategic merge patch "{patch.original_id}": {error}'


def strategic_patches(paths: list[str], patches: str, loader: Loader, context: BuildContext) -> Transformer:
    """``patchesStrategicMerge``: each entry is inline YAML, or else a file. Raises :class:`KustomizeError`."""
    if not paths and not patches:
        raise KustomizeError("empty file path and empty patch content", field="patchesStrategicMerge")
    loaded: list[Resource] = []
    for entry in paths:
        try:
            loaded += context.read(entry)
            continue
        except KustomizeError:
            text = loader.load_text(entry)
        try:
            loaded += context.read(text)
        except MalformedYAML as error:
            raise error.reworded(f"{error} in File: {entry}").at(file=entry) from None
        except KustomizeError as error:
            raise error.at(file=entry) from None
    if patches:
        loaded += context.read(patches)
    if not loaded:
        raise KustomizeError(
            f"patch appears to be empty; files=[{' '.join(paths)}], Patch={patches}", field="patchesStrategicMerge"
        )
    return StrategicMergeTransformer(loaded, context.schema, plain_metadata=True)


def json_patch(
    target: Selector | None, path: str, operations: str, loader: Loader, context: BuildContext
) -> Transformer:
    """An entry of ``patchesJson6902``. Raises :class:`KustomizeError`."""
    if target is None or not target.name:
        raise KustomizeError("must specify the target name", field="patchesJson6902")
    if not path and not operations:
        raise KustomizeError("empty file path and empty jsonOp", field="patchesJson6902")
    if path:
        if operations:
            raise KustomizeError("must specify a file path or jsonOp, not both", field="patchesJson6902")
        operations = loader.load_text(path)
        if not operations:
            raise KustomizeError(f"patch file '{path}' empty seems to be empty", file=path)
    parsed = json6902.parse(operations, strict=context.options.strict_patches)
    if not parsed:
        raise KustomizeError(
            f"patch appears to be empty; file={path}, JsonOp={operations}", file=path, field="patchesJson6902"
        )
    return JSONPatchTransformer(parsed, target, context.budget, track=False)
