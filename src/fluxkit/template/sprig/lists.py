"""List functions: each gives a new list of ``interface {}`` and leaves its arguments alone.

The plain and the ``must`` variants fail alike. Upstream: Masterminds/sprig ``list.go``.
"""

import math
from collections.abc import Iterable
from typing import Any

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.elements import elements, is_list
from fluxkit.template.sprig.numbers import to_int64
from fluxkit.template.sprig.printing import strval
from fluxkit.template.sprig.reflection import deep_equal
from fluxkit.template.sprig.strings import strings_of
from fluxkit.template.values import Slice, is_true, kind_of, nil_slice, to_bytes

__all__ = ["FUNCTIONS"]

_NIL = "runtime error: invalid memory address or nil pointer dereference"


def _items(value: Any, refusal: str) -> list[Any]:
    """The elements of a list; ``refusal`` precedes the kind of what is none."""
    if value is None:
        raise FunctionError(_NIL)
    if not is_list(value):
        raise FunctionError(f"{refusal} {kind_of(value)}")
    return elements(value)


def _list(*values: Any) -> list[Any]:
    return list(values)


def _push(value: Any, item: Any) -> list[Any]:
    return [*_items(value, "Cannot push on type"), item]


def _prepend(value: Any, item: Any) -> list[Any]:
    return [item, *_items(value, "Cannot prepend on type")]


def _first(value: Any) -> Any:
    return next(iter(_items(value, "Cannot find first on type")), None)


def _last(value: Any) -> Any:
    items = _items(value, "Cannot find last on type")
    return items[-1] if items else None


def _rest(value: Any) -> list[Any]:
    items = _items(value, "Cannot find rest on type")
    return items[1:] if items else nil_slice()


def _initial(value: Any) -> list[Any]:
    items = _items(value, "Cannot find initial on type")
    return items[:-1] if items else nil_slice()


def _reverse(value: Any) -> list[Any]:
    return _items(value, "Cannot find reverse on type")[::-1]


def _compact(value: Any) -> list[Any]:
    return [item for item in _items(value, "Cannot compact on type") if is_true(item)]


def _is_in(items: Iterable[Any], wanted: Any) -> bool:
    return any(deep_equal(wanted, item) for item in items)


def _uniq(value: Any) -> list[Any]:
    found: list[Any] = []
    texts: set[str] = set()
    for item in _items(value, "Cannot find uniq on type"):
        if type(item) is str:
            if item in texts:
                continue
            texts.add(item)
        elif _is_in(found, item):
            continue
        found.append(item)
    return found


def _without(value: Any, *omitted: Any) -> list[Any]:
    return [item for item in _items(value, "Cannot find without on type") if not _is_in(omitted, item)]


def _has(wanted: Any, value: Any) -> bool:
    return value is not None and _is_in(_items(value, "Cannot find has on type"), wanted)


def _slice(value: Any, *indices: Any) -> Any:
    """A part of the list, of the list's own type; of an empty list plain nil."""
    items = _items(value, "list should be type of slice or array but")
    if not items:
        return None
    start = to_int64(indices[0]) if indices else 0
    end = to_int64(indices[1]) if len(indices) > 1 else len(items)
    if not 0 <= start <= end <= len(items):
        raise FunctionError("reflect.Value.Slice: slice index out of bounds")
    if isinstance(value, bytes):
        return value[start:end]
    return Slice(value.element, items[start:end]) if isinstance(value, Slice) else items[start:end]


def _concat(*values: Any) -> list[Any]:
    joined: list[Any] = []
    for value in values:
        if value is not None and not is_list(value):
            raise FunctionError(f"Cannot concat type {kind_of(value)} as list")
        joined += _items(value, "")
    return joined or nil_slice()


def _chunk(size: int, value: Any) -> Slice:
    items = _items(value, "Cannot chunk type")
    count = math.floor((len(items) - 1) / size) + 1 if size else -1
    if count < 0 or (count > 0 and not items):
        raise FunctionError("runtime error: makeslice: len out of range")
    size = size if size > 0 else len(items)
    return Slice("[]interface {}", [items[index * size : (index + 1) * size] for index in range(count)])


def _sort_alpha(value: Any) -> Slice:
    texts = strings_of(value) if is_list(value) else [strval(value)]
    return Slice("string", sorted(texts, key=to_bytes))


FUNCTIONS = declare(
    {
        "append": ("func(interface {}, interface {}) []interface {}", _push),
        "chunk": ("func(int, interface {}) [][]interface {}", _chunk),
        "compact": ("func(interface {}) []interface {}", _compact),
        "concat": ("func(...interface {}) interface {}", _concat),
        "first": ("func(interface {}) interface {}", _first),
        "has": ("func(interface {}, interface {}) bool", _has),
        "initial": ("func(interface {}) []interface {}", _initial),
        "last": ("func(interface {}) interface {}", _last),
        "list": ("func(...interface {}) []interface {}", _list),
        "mustAppend": ("func(interface {}, interface {}) ([]interface {}, error)", _push),
        "mustChunk": ("func(int, interface {}) ([][]interface {}, error)", _chunk),
        "mustCompact": ("func(interface {}) ([]interface {}, error)", _compact),
        "mustFirst": ("func(interface {}) (interface {}, error)", _first),
        "mustHas": ("func(interface {}, interface {}) (bool, error)", _has),
        "mustInitial": ("func(interface {}) ([]interface {}, error)", _initial),
        "mustLast": ("func(interface {}) (interface {}, error)", _last),
        "mustPrepend": ("func(interface {}, interface {}) ([]interface {}, error)", _prepend),
        "mustPush": ("func(interface {}, interface {}) ([]interface {}, error)", _push),
        "mustRest": ("func(interface {}) ([]interface {}, error)", _rest),
        "mustReverse": ("func(interface {}) ([]interface {}, error)", _reverse),
        "mustSlice": ("func(interface {}, ...interface {}) (interface {}, error)", _slice),
        "mustUniq": ("func(interface {}) ([]interface {}, error)", _uniq),
        "mustWithout": ("func(interface {}, ...interface {}) ([]interface {}, error)", _without),
        "prepend": ("func(interface {}, interface {}) []interface {}", _prepend),
        "push": ("func(interface {}, interface {}) []interface {}", _push),
        "rest": ("func(interface {}) []interface {}", _rest),
        "reverse": ("func(interface {}) []interface {}", _reverse),
        "slice": ("func(interface {}, ...interface {}) interface {}", _slice),
        "sortAlpha": ("func(interface {}) []string", _sort_alpha),
        "tuple": ("func(...interface {}) []interface {}", _list),
        "uniq": ("func(interface {}) []interface {}", _uniq),
        "without": ("func(interface {}, ...interface {}) []interface {}", _without),
    }
)
"""Name in templates -> Go signature and implementation."""
