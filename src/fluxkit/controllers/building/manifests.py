"""From a source tree and a Kustomization's spec to the objects to apply: overlay, build, substitution.

One function, :func:`build_manifests`, that reads files below the source root and, where allowed, remote bases. It runs
in a worker process under limits. Order and error texts follow fluxcd/kustomize-controller
``internal/controller/kustomization_controller.go`` (``generate`` and ``build``).
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fluxkit import yaml
from fluxkit.api.kustomize import KustomizationSpec
from fluxkit.controllers.building.bases import RemoteBases
from fluxkit.controllers.building.overlay import Overlay, OverlayError, generate_overlay
from fluxkit.controllers.building.plaintext import DecryptedSources, DecryptionFailed, DecryptionKeys
from fluxkit.controllers.building.substitution import SubstitutionFailed, mentions, substitute_objects
from fluxkit.kustomize import BuildOptions, KustomizeError
from fluxkit.kustomize import build as kustomize_build
from fluxkit.objects import Object, gvk_of, key_of

__all__ = ["BuildFailed", "BuildInputs", "BuildRequest", "Manifests", "build_manifests"]


class BuildFailed(Exception):
    """The objects cannot be built; the text says which file, object or variable is at fault."""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """Everything a build depends on besides the files of the source."""

    root: Path
    """Root of the unpacked source; nothing outside is read."""
    path: str
    """Directory to build, relative to the root, as resolved from ``spec.path``."""
    spec: KustomizationSpec
    variables: Mapping[str, str] = field(default_factory=dict)
    strict_substitutions: bool = True
    allow_remote_bases: bool = False
    decryption: DecryptionKeys | None = None
    """What there is to decrypt with, None if nothing is decrypted."""


@dataclass(frozen=True, slots=True)
class BuildInputs:
    """Paths relative to the root that decided the result: contents read, folders listed, names found missing.

    ``remote`` says that bases from elsewhere took part, so that equal files do not mean an equal result.
    """

    files: frozenset[str]
    directories: frozenset[str]
    absent: frozenset[str]
    remote: bool = False


@dataclass(frozen=True, slots=True)
class Manifests:
    """Objects in build order, the digest ``sha256:<hex>`` of their text, and what they were built from."""

    objects: list[Object]
    digest: str
    inputs: BuildInputs


def build_manifests(request: BuildRequest) -> Manifests:
    """Builds the objects of one Kustomization.

    Raises :class:`BuildFailed`, and :class:`~fluxkit.sops.Deferred` if keys have to be asked for first.
    """
    try:
        overlay = generate_overlay(request.root, request.path, request.spec)
    except (OverlayError, yaml.YAMLError) as error:
        raise BuildFailed(str(error)) from None
    sources = _sources(request, overlay)
    with tempfile.TemporaryDirectory(prefix="fluxkit-bases-") as scratch:
        bases = RemoteBases(Path(scratch)) if request.allow_remote_bases else None
        options = BuildOptions(
            root=request.root,
            load_restrictor="none",
            allow_remote=bases is not None,
            fetcher=bases,
            overlay={overlay.path: overlay.content, **sources.files},
        )
        try:
            result = kustomize_build(request.root / request.path, options)
        except KustomizeError as error:
            text = sources.redacted(_located(error, request.root), request.root)
            scanned = _undecodable(text, request.path) if not overlay.files else ""
            raise BuildFailed(scanned or f"kustomize build failed: {text}") from None
    objects = list(result)
    for obj in objects:
        key = key_of(obj)
        if not (key.name and obj.get("kind") and obj.get("apiVersion")):
            raise BuildFailed(f"failed to decode Kubernetes apiVersion, kind and name from: {_summary(obj)}")
    changed = request.decryption is not None or request.spec.post_build is not None
    objects = _in_the_clear(request, objects)
    if request.spec.post_build is not None:
        variables = dict(request.variables)
        variables.update({name: value.replace("\n", "") for name, value in request.spec.post_build.substitute.items()})
        always = request.spec.post_build.substitute_strategy == "Always"
        if variables or always:
            try:
                objects = substitute_objects(objects, variables, strict=request.strict_substitutions)
            except SubstitutionFailed as error:
                raise BuildFailed(f"{error}{mentions(request.root, result.files, error.variable)}") from None
    text = yaml.dump_all(objects) if changed else result.text
    made_up = frozenset({overlay.path}) - overlay.files
    inputs = BuildInputs(
        files=(result.files | overlay.files | sources.read) - made_up,
        directories=frozenset(overlay.directories),
        absent=result.absent | overlay.absent | sources.absent | made_up,
        remote=bases is not None and bases.used,
    )
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    return Manifests([obj for obj in _expand_lists(objects) if not _is_kustomize_config(obj)], digest, inputs)


def _sources(request: BuildRequest, overlay: Overlay) -> DecryptedSources:
    """The encrypted files that the build reads, in the clear."""
    if request.decryption is None:
        return DecryptedSources()
    from fluxkit.controllers.building.decryption import decrypt_sources

    try:
        return decrypt_sources(request.root, request.path, {overlay.path: overlay.content}, request.decryption)
    except DecryptionFailed as error:
        raise BuildFailed(f"error decrypting sources: {error}") from None


def _in_the_clear(request: BuildRequest, objects: list[Object]) -> list[Object]:
    if request.decryption is None:
        return objects
    from fluxkit.controllers.building.decryption import decrypt_objects

    try:
        return decrypt_objects(objects, request.decryption)
    except DecryptionFailed as error:
        raise BuildFailed(str(error)) from None


def _located(error: KustomizeError, root: Path) -> str:
    """The text of the error with paths as the repository has them, led by the file or the object at fault."""
    prefix = f"{os.path.realpath(root)}/"
    text = str(error).replace(prefix, "").replace(f"{root}/", "")
    place = error.file.removeprefix(prefix).removeprefix(f"{root}/") or error.resource
    return f"{place}: {text}" if place and place not in text else text


def _undecodable(text: str, directory: str) -> str:
    """What upstream says of a file that was found by itself and is not a Kubernetes manifest; nothing for others."""
    found = re.search(r"accumulating resources from '\./([^']+\.ya?ml)': (.*)", text, re.DOTALL)
    if found is None:
        return ""
    path = f"{directory}/{found[1]}" if directory else found[1]
    cause = found[2].partition("': must build at directory: ")[0]
    return f"failed to decode Kubernetes YAML from {path}: {cause}"


def _summary(obj: Object) -> str:
    shown = {key: obj[key] for key in ("apiVersion", "kind", "metadata") if key in obj}
    return yaml.dump(shown)


def _is_kustomize_config(obj: Object) -> bool:
    gvk = gvk_of(obj)
    return gvk.kind == "Kustomization" and gvk.group == "kustomize.config.k8s.io"


def _expand_lists(objects: list[Object]) -> list[Object]:
    expanded: list[Object] = []
    for obj in objects:
        items = obj.get("items")
        if str(obj.get("kind", "")).endswith("List") and isinstance(items, list):
            expanded.extend(_expand_lists(items))
        else:
            expanded.append(obj)
    return expanded
