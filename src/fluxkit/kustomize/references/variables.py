"""``vars``: values of fields inserted where ``$(NAME)`` stands (api ``filters/refvar``, ``types/var.go``)."""

from collections.abc import Iterable
from typing import Any

from fluxkit.kustomize.budget import Budget
from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.fieldspec import FieldSpec, visit
from fluxkit.kustomize.identity import ResId
from fluxkit.kustomize.kustomization import Var
from fluxkit.kustomize.paths import lookup, split_field_path
from fluxkit.kustomize.resmap import ResMap
from fluxkit.kustomize.tree import MISSING, Node, Scalar, is_null, is_string, plain, text_of, write
from fluxkit.yaml.scalars import float_value, int_of

__all__ = ["VarSet", "VarTransformer"]


class VarSet:
    """The vars of a tree by name; no name occurs twice."""

    def __init__(self) -> None:
        self._vars: dict[str, Var] = {}

    def add(self, declared: Iterable[Var]) -> None:
        for var in declared:
            if var.name in self._vars:
                raise KustomizeError(f"var '{var.name}' already encountered", field="vars")
            self._vars[var.name] = var

    def __iter__(self) -> Any:
        return iter(sorted(self._vars.values(), key=lambda var: var.name))

    def __len__(self) -> int:
        return len(self._vars)


def mark_targets(resources: ResMap, declared: Iterable[Var]) -> None:
    """Remember which resources vars point at, while their ids are as the declaring kustomization knows them."""
    for var in declared:
        ref = var.objref
        wanted = ResId(*ref.gvk, ref.name, ref.namespace)
        if ref.namespace:
            found = resources.with_any_id(wanted)
        else:
            name, gvk = wanted.name, wanted.gvk
            found = [
                resource
                for resource in resources.resources
                if not resource.empty and any(known.name == name and known.gvk == gvk for known in resource.all_ids)
            ]
        if len(found) > 1:
            raise KustomizeError(
                f"found {len(found)} resId matches for var {var} (unable to disambiguate)", field="vars"
            )
        if found:
            found[0].var_names.append(var.name)


class VarTransformer:
    """Replaces ``$(NAME)`` at the given fields; a string that is nothing else takes the value's type."""

    def __init__(self, declared: VarSet, specs: tuple[FieldSpec, ...], resources: ResMap, budget: Budget) -> None:
        self._budget = budget
        self._values = {var.name: _value_of(var, resources) for var in declared}
        self._specs = specs

    def transform(self, resources: ResMap) -> None:
        for resource in resources.resources:
            for spec in self._specs:
                visit(resource, spec, self._set)

    def _set(self, container: Any, key: Any) -> None:
        value = container[key]
        if isinstance(value, dict):
            for name, item in list(value.items()):
                if is_string(item):
                    write(value, name, self._replace(text_of(item)), keep_style=False)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if not is_string(item):
                    raise KustomizeError("invalid value type expect a string")
                value[index] = self._replace(text_of(item))
        elif is_string(value):
            write(container, key, self._replace(text_of(value)), keep_style=False)

    def _replace(self, text: str) -> Node:
        if "$" not in text:
            return text
        parts: list[str] = []
        start = position = 0
        while position < len(text):
            if text[position] == "$" and position + 1 < len(text):
                parts.append(text[start:position])
                name, literal, used = _read_reference(text[position + 1 :])
                if name is None:
                    parts.append(literal)
                else:
                    value = self._values.get(name, MISSING)
                    if value is MISSING or isinstance(value, dict | list):
                        parts.append(f"$({name})")
                    elif text == f"$({name})":
                        return value
                    else:
                        parts.append(_in_text(value))
                        self._budget.spend(len(parts[-1]))
                position += used
                start = position + 1
            position += 1
        return "".join(parts) + text[start:]


def _read_reference(text: str) -> tuple[str | None, str, int]:
    """What stands behind a ``$``: the name of a reference, or text to keep; and how many characters it takes."""
    if text[0] == "$":
        return None, "$", 1
    if text[0] == "(":
        end = text.find(")")
        if end >= 0:
            return text[1:end], "", end + 1
        return None, "$(", 1
    return None, "$" + text[0], 1


def _in_text(value: Node) -> str:
    if isinstance(value, str):
        return value
    plain_value = plain(value)
    if isinstance(plain_value, bool):
        return "true" if plain_value else "false"
    return str(plain_value) if not isinstance(plain_value, float) else f"{plain_value:g}"


def _value_of(var: Var, resources: ResMap) -> Node:
    for resource in resources.resources:
        if var.name in resource.var_names:
            try:
                value = lookup(resource.tree, _with_indices(split_field_path(var.field_path)))
            except KustomizeError:
                value = MISSING
            if value is MISSING:
                raise KustomizeError(
                    f"field specified in var '{var}' not found in corresponding resource", field="vars"
                )
            return _typed(value)
    raise KustomizeError(f"var '{var}' cannot be mapped to a field in the set of known resources", field="vars")


def _typed(value: Node) -> Node:
    """A scalar with its text normalised by its type, as Go converts it on the way."""
    if not isinstance(value, Scalar) or is_null(value):
        return text_of(value) if isinstance(value, Scalar) else value
    if value.tag == "!!int":
        return Scalar(str(int_of(value.text)), "!!int")
    if value.tag == "!!bool":
        return Scalar("true" if value.text[0] in "tT" else "false", "!!bool")
    if value.tag == "!!float":
        return Scalar(f"{float_value(value.text)!r}".removesuffix(".0"), "!!float")
    return value.text


def _with_indices(parts: tuple[str, ...]) -> tuple[str, ...]:
    """``ports[0]`` as two elements."""
    result: list[str] = []
    for part in parts:
        name, bracket, rest = part.rpartition("[")
        if bracket and rest.endswith("]") and rest[:-1].isdecimal():
            if name:
                result.append(name)
            result.append(rest[:-1])
        else:
            result.append(part)
    return tuple(result)
