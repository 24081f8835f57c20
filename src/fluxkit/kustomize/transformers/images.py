"""Names, tags and digests of container images (ImageTagTransformer; api ``filters/imagetag``, ``internal/image``)."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit
from fluxkit.kustomize.kustomization import Image
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.selectors import compile_pattern
from fluxkit.kustomize.tree import Node, is_null, kind_name, put_text, text_of

__all__ = ["ImageTransformer", "split_image"]

_LISTS: Final = frozenset(("containers", "initContainers"))


class ImageTransformer(Struct, frozen=True):
    """Changes images twice, as upstream does: in every list of containers at any depth, then at the field specs.

    So a tag suffix is added twice to the usual fields. ``any_digest`` recognises digests other than sha256.
    """

    image: Image
    specs: tuple[FieldSpec, ...]
    any_digest: bool = False

    def transform(self, resources: ResMap) -> None:
        matches = _matcher(self.image.name, self.any_digest)

        def update(container: Any, key: Any) -> None:
            value = container[key]
            if isinstance(value, dict | list):
                raise KustomizeError(f"wrong node kind: expected ScalarNode but got {kind_name(value)}")
            if is_null(value):
                return
            text = text_of(value)
            if matches(text):
                put_text(container, key, _rewrite(text, self.image))

        for resource in resources.resources:
            if resource.kind == "CustomResourceDefinition":
                continue
            _update_container_lists(resource.tree, update)
            for spec in self.specs:
                visit(resource, spec, update)


def _update_container_lists(node: Node, update: Callable[[Any, Any], None]) -> None:
    if isinstance(node, dict):
        for key, value in node.items():
            kind = type(value)
            if kind is dict or kind is list:
                _update_container_lists(value, update)
                if key in _LISTS and kind is list:
                    for item in value:
                        if isinstance(item, dict):
                            if "image" in item:
                                update(item, "image")
                        elif not is_null(item):
                            raise KustomizeError(f"wrong node kind: expected MappingNode but got {kind_name(item)}")
    elif isinstance(node, list):
        for item in node:
            if type(item) is dict or type(item) is list:
                _update_container_lists(item, update)


# Names without any special character but the dot, which means the same in every dialect of regular expressions.
_SIMPLE_NAME = re.compile(r"[A-Za-z0-9_./-]*", re.ASCII).fullmatch


@lru_cache(maxsize=1024)
def _matcher(name: str, any_digest: bool) -> Callable[[str], bool]:
    """Whether a reference is of an image. The name is a regular expression, as upstream inserts it unescaped."""
    algorithm = "[a-z0-9]+(?:[.+_-][a-z0-9]+)*" if any_digest else "sha256"
    pattern = rf"{name}(:[a-zA-Z0-9_.{{}}-]*)?(@{algorithm}:[a-zA-Z0-9_.{{}}-]*)?"
    if _SIMPLE_NAME(name):
        whole = re.compile(pattern).fullmatch
        return lambda text: whole(text) is not None
    try:
        return compile_pattern(f"^{pattern}$")
    except KustomizeError:
        if any_digest:
            return lambda _: False
        raise


def split_image(reference: str) -> tuple[str, str, str]:
    """Name, tag and digest; a port of the registry is part of the name."""
    slash = reference.find("/")
    start = slash if slash > 0 else 0
    at = reference.find("@", start)
    colon = reference.find(":", start)
    if at >= 0 and (at < colon or colon < 0):
        return reference[:at], "", reference[at:].removeprefix("@")
    if at >= 0 and colon >= 0:
        return reference[:colon], reference[colon:at].removeprefix(":"), reference[at:].removeprefix("@")
    if colon >= 0:
        return reference[:colon], reference[colon + 1 :], ""
    return reference, "", ""


def _rewrite(reference: str, image: Image) -> str:
    name, tag, digest = split_image(reference)
    name = image.new_name or name
    if image.new_tag:
        tag, digest = image.new_tag, image.digest
    elif image.digest:
        tag, digest = "", image.digest
    elif image.tag_suffix:
        tag, digest = tag + image.tag_suffix, ""
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")
