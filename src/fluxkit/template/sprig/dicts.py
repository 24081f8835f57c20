"""Dict functions. ``set``, ``unset`` and the merges change the dict that they are given, for all who share it.

Upstream: Masterminds/sprig ``dict.go``, dario.cat/mergo ``merge.go``, mitchellh/copystructure.
"""

from typing import Any

from fluxkit.template.errors import FunctionError
from fluxkit.template.limits import check_tree
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.limits import check_depth
from fluxkit.template.sprig.printing import strval
from fluxkit.template.values import Map, Slice, is_nil, is_true, kind_of, sorted_items, type_name

__all__ = ["FUNCTIONS", "deep_copy"]

Dict = dict[str, Any]
_PLAIN = "map[string]interface {}"


def _dict(*pairs: Any) -> Dict:
    values = [*pairs, ""] if len(pairs) % 2 else pairs
    return {strval(key): value for key, value in zip(values[::2], values[1::2], strict=True)}


def _get(mapping: Dict, key: str) -> Any:
    return mapping.get(key, "")


def _set(mapping: Dict, key: str, value: Any) -> Dict:
    if is_nil(mapping):
        raise FunctionError("assignment to entry in nil map")
    mapping[key] = value
    return mapping


def _unset(mapping: Dict, key: str) -> Dict:
    mapping.pop(key, None)
    return mapping


def _has_key(mapping: Dict, key: str) -> bool:
    return key in mapping


def _pluck(key: str, *mappings: Dict) -> list[Any]:
    return [mapping[key] for mapping in mappings if key in mapping]


def _keys(*mappings: Dict) -> Slice:
    """In byte order of each dict's keys; upstream's order is random."""
    return Slice("string", [key for mapping in mappings for key, _ in sorted_items(mapping)])


def _values(mapping: Dict) -> list[Any]:
    """In byte order of the keys; upstream's order is random."""
    return [value for _, value in sorted_items(mapping)]


def _pick(mapping: Dict, *keys: str) -> Dict:
    return {key: mapping[key] for key in keys if key in mapping}


def _omit(mapping: Dict, *keys: str) -> Dict:
    return {key: value for key, value in mapping.items() if key not in keys}


def _as_dict(value: Any) -> Dict:
    found = "nil" if value is None else type_name(value)
    if found != _PLAIN or not isinstance(value, dict):
        raise FunctionError(f"interface conversion: interface {{}} is {found}, not {_PLAIN}")
    return value


def _dig(*arguments: Any) -> Any:
    if len(arguments) < 3:
        raise FunctionError("dig needs at least three arguments")
    *keys, default, found = arguments
    found = _as_dict(found)
    for key in keys:
        if not isinstance(key, str):
            name = "nil" if key is None else type_name(key)
            raise FunctionError(f"interface conversion: interface {{}} is {name}, not string")
    for key in keys[:-1]:
        if key not in found:
            return default
        found = _as_dict(found[key])
    return found.get(keys[-1], default)


def _merge_into(target: Dict, source: Dict, overwrite: bool, depth: int = 0) -> None:
    """mergo's rules: empty values on the left are filled, or with ``overwrite`` the right side wins.

    Two dicts merge into the left one; everything else is taken as a whole, and shared, not copied.
    """
    check_depth("merge", depth)
    for key, value in source.items():
        if value is None:
            if overwrite:
                target[key] = None
            continue
        present = target.get(key)
        if isinstance(value, dict) and isinstance(present, dict) and not is_nil(present):
            _merge_into(present, value, overwrite, depth + 1)
            if present:
                continue
        elif kind_of(value) == "slice" and is_true(present) and not overwrite:
            continue
        if overwrite or not is_true(present):
            target[key] = value


def _merged(target: Dict, sources: tuple[Dict, ...], overwrite: bool) -> Dict:
    for source in sources:
        check_tree(source)
        if is_nil(target) and not is_nil(source):
            target = {}
        _merge_into(target, source, overwrite)
    return target


def _merge(target: Dict, *sources: Dict) -> Dict:
    return _merged(target, sources, False)


def _merge_overwrite(target: Dict, *sources: Dict) -> Dict:
    return _merged(target, sources, True)


def deep_copy(value: Any, depth: int = 0) -> Any:
    """Independent lists and dicts all the way down, of the same Go types; other values cannot be changed."""
    check_depth("deepCopy", depth)
    if depth == 0:
        check_tree(value)
    if isinstance(value, list):
        items = [deep_copy(item, depth + 1) for item in value]
        return Slice(value.element, items, nil=value.nil) if isinstance(value, Slice) else items
    if isinstance(value, dict):
        entries = {key: deep_copy(item, depth + 1) for key, item in value.items()}
        if isinstance(value, Map):
            return Map(value.element, entries, zero=value.zero, nil=value.nil)
        return entries if type(value) is dict else type(value)(entries)
    return value


def _deep_copy(value: Any) -> Any:
    if value is None:
        raise FunctionError("reflect: call of reflect.Value.Type on zero Value")
    return deep_copy(value)


FUNCTIONS = declare(
    {
        "deepCopy": ("func(interface {}) interface {}", _deep_copy),
        "dict": ("func(...interface {}) map[string]interface {}", _dict),
        "dig": ("func(...interface {}) (interface {}, error)", _dig),
        "get": ("func(map[string]interface {}, string) interface {}", _get),
        "hasKey": ("func(map[string]interface {}, string) bool", _has_key),
        "keys": ("func(...map[string]interface {}) []string", _keys),
        "merge": ("func(map[string]interface {}, ...map[string]interface {}) interface {}", _merge),
        "mergeOverwrite": ("func(map[string]interface {}, ...map[string]interface {}) interface {}", _merge_overwrite),
        "mustDeepCopy": ("func(interface {}) (interface {}, error)", _deep_copy),
        "mustMerge": ("func(map[string]interface {}, ...map[string]interface {}) interface {}", _merge),
        "mustMergeOverwrite": (
            "func(map[string]interface {}, ...map[string]interface {}) interface {}",
            _merge_overwrite,
        ),
        "omit": ("func(map[string]interface {}, ...string) map[string]interface {}", _omit),
        "pick": ("func(map[string]interface {}, ...string) map[string]interface {}", _pick),
        "pluck": ("func(string, ...map[string]interface {}) []interface {}", _pluck),
        "set": ("func(map[string]interface {}, string, interface {}) map[string]interface {}", _set),
        "unset": ("func(map[string]interface {}, string) map[string]interface {}", _unset),
        "values": ("func(map[string]interface {}) []interface {}", _values),
    }
)
"""Name in templates -> Go signature and implementation."""
