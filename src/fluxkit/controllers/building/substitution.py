"""``spec.postBuild``: variables in the built objects.

Pure, apart from looking up where a variable is used when it is missing. Rules and texts follow fluxcd/pkg
``kustomize/kustomize_varsub.go``.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from fluxkit import envsubst, yaml
from fluxkit.objects import Object, annotations_of, gvk_of, key_of, labels_of

__all__ = ["SubstitutionFailed", "mentions", "substitute_objects"]

_SUBSTITUTE_KEY = "kustomize.toolkit.fluxcd.io/substitute"
_VARIABLE_NAME = r"^[_[:alpha:]][_[:alpha:][:digit:]]*$"
_VALID_NAME = re.compile(r"[_A-Za-z][_A-Za-z0-9]*")
_SHOWN = 3


class SubstitutionFailed(Exception):
    """An object cannot be substituted. ``variable`` is the one that is not set, if it is that; no value is quoted."""

    def __init__(self, obj: Object, cause: str, variable: str = "") -> None:
        gvk = gvk_of(obj)
        kind = f"{gvk.kind}.{gvk.version or '[noVer]'}.{gvk.group or '[noGrp]'}"
        super().__init__(f"post build failed for '{kind}/{key_of(obj).name}': {cause}")
        self.variable = variable


def substitute_objects(objects: list[Object], variables: Mapping[str, str], *, strict: bool) -> list[Object]:
    """The objects with every expression expanded. Raises :class:`SubstitutionFailed`."""
    return [_substitute_object(obj, variables, strict=strict) for obj in objects]


def mentions(root: Path, files: Iterable[str], variable: str) -> str:
    """`` (used in <file>:<line>, ...)`` for the files of a source that refer to a variable, or nothing."""
    if not variable:
        return ""
    expression = re.compile(r"\$\{#?" + re.escape(variable) + r"(?![A-Za-z0-9_])")
    found: list[str] = []
    for name in sorted(files):
        try:
            lines = (root / name).read_text(errors="replace").splitlines()
        except OSError:
            continue  # made up by the build, or decrypted in memory only
        found += [f"{name}:{number}" for number, line in enumerate(lines, 1) if expression.search(line)]
    more = f" and {len(found) - _SHOWN} more places" if len(found) > _SHOWN else ""
    return f" (used in {', '.join(found[:_SHOWN])}{more})" if found else ""


def _substitute_object(obj: Object, variables: Mapping[str, str], *, strict: bool) -> Object:
    if "disabled" in (labels_of(obj).get(_SUBSTITUTE_KEY), annotations_of(obj).get(_SUBSTITUTE_KEY)):
        return obj
    for name in variables:
        if not _VALID_NAME.fullmatch(name):
            cause = f"envsubst error: '{name}' var name is invalid, must match '{_VARIABLE_NAME}'"
            raise SubstitutionFailed(obj, cause)
    try:
        text = yaml.dump(obj)
        expanded = envsubst.substitute(text, variables, strict=strict)
        if expanded == text:
            return obj
        result = yaml.load(expanded)
    except envsubst.SubstitutionError as error:
        raise SubstitutionFailed(
            obj, f"envsubst error: variable substitution failed: {error}", error.variable
        ) from None
    except yaml.YAMLError as error:
        # the text may quote values that came from a Secret, so only the place is told
        place = f" at line {error.line} of the substituted object" if error.line else ""
        raise SubstitutionFailed(obj, f"envsubst error: YAMLToJSON: the result is not valid YAML{place}") from None
    if not isinstance(result, dict):
        raise SubstitutionFailed(obj, "envsubst error: the result is not an object")
    return result
