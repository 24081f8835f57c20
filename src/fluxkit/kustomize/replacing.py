"""Replacements from a kustomization's entries, inline or in files of their own."""

from typing import Final

from fluxkit.kustomize.decode import Context, list_of
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import REPLACEMENT, Replacement, parse_yaml11
from fluxkit.kustomize.loader import Loader
from fluxkit.yaml.errors import YAMLError

__all__ = ["load_replacements"]

_LIST: Final = list_of(REPLACEMENT, "[]types.Replacement")
_CONTEXT: Final = Context("Replacement", strict=False, coerce=True)


def load_replacements(entries: list[Replacement], loader: Loader) -> list[Replacement]:
    """All replacements in order. Raises :class:`KustomizeError`."""
    loaded = []
    for entry in entries:
        if not entry.path:
            loaded.append(entry)
            continue
        if entry.source is not None or entry.targets:
            raise KustomizeError("cannot specify both path and inline replacement", field="replacements")
        try:
            value = parse_yaml11(loader.load_text(entry.path), entry.path)
        except YAMLError as error:
            raise KustomizeError(
                f"error converting YAML to JSON: yaml: line {error.line}: {error.problem}", file=entry.path
            ) from None
        if isinstance(value, list):
            loaded += _LIST(value, _CONTEXT)
        elif isinstance(value, dict):
            loaded.append(REPLACEMENT(value, _CONTEXT))
        else:
            kind = "invalid" if value is None else type(value).__name__
            raise KustomizeError(
                f"unsupported replacement type encountered within replacement path: {kind}",
                file=entry.path,
                field="replacements",
            )
    return loaded
