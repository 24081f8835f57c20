"""Arithmetic and conversions; numbers are read with the rules of spf13/cast, decimals as shopspring/decimal computes.

Nothing here fails on a value that is no number: it counts as 0. Upstream: Masterminds/sprig ``numeric.go``,
spf13/cast ``caste.go``, shopspring/decimal.
"""

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.fmt import text_of
from fluxkit.template.numbers import parse_float as parse_number
from fluxkit.template.numbers import parse_integer
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.limits import check_items
from fluxkit.template.values import Int64, Slice, kind_of, type_name, wrap_int64

__all__ = ["FUNCTIONS", "parse_float", "parse_int", "to_float64", "to_int64"]

_MIN: Final = -(2**63)
_MAX: Final = 2**63 - 1
_LONGEST: Final = 1_000
"""Characters in the text of a number; longer ones are refused, whatever their value."""
_DIGITS: Final = {8: re.compile("[+-]?[0-7]+"), 10: re.compile("[+-]?[0-9]+")}
_INFINITY: Final = re.compile(r"([+-]?)inf(?:inity)?", re.IGNORECASE)


def parse_int(text: str, base: int = 10) -> int | None:
    """``strconv.ParseInt(text, base, 64)``; base 0 reads prefixes and underscores. None for what it refuses."""
    if len(text) > _LONGEST:
        return None
    if base == 0:
        value = parse_integer(text)
    else:
        value = int(text, base) if _DIGITS[base].fullmatch(text) else None
    return value if value is not None and _MIN <= value <= _MAX else None


def parse_float(text: str) -> float | None:
    """``strconv.ParseFloat(text, 64)``; None for what it refuses, also for values out of range."""
    if text.lower() == "nan":
        return math.nan
    infinite = _INFINITY.fullmatch(text)
    if infinite:
        return -math.inf if infinite[1] == "-" else math.inf
    return parse_number(text)


def _without_zero_fraction(text: str) -> str:
    """``5.00`` is read as 5; nothing else behind a point is dropped."""
    stripped = text.rstrip("0")
    return stripped[:-1] if len(stripped) < len(text) and stripped.endswith(".") else text


def _is_plain_number(value: Any) -> bool:
    """A number type that has no name of its own; of the named ones cast knows the two below only."""
    return kind_of(value) == type_name(value) or type_name(value) in ("time.Month", "time.Weekday")


def to_int64(value: Any) -> int:
    """cast.ToInt64: truncates, reads texts with base prefixes, gives 0 for anything that is no number."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return int(wrap_int64(int(value))) if _is_plain_number(value) else 0
    if isinstance(value, float):
        return int(value) if -9.223372036854775808e18 <= value < 9.223372036854775808e18 else _MIN
    if isinstance(value, str):
        return parse_int(_without_zero_fraction(value), 0) or 0
    return 0


def to_float64(value: Any) -> float:
    """cast.ToFloat64: as :func:`to_int64`, reading texts as Go floats."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        return float(value) if _is_plain_number(value) else 0.0
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        number = parse_float(value)
        return 0.0 if number is None else number
    return 0.0


def _int(value: Any) -> int:
    return to_int64(value)


def _int64(value: Any) -> Int64:
    return Int64(to_int64(value))


def _atoi(text: str) -> int:
    return parse_int(text) or 0


def _to_decimal(value: Any) -> Int64:
    return Int64(parse_int(text_of(value), 8) or 0)


def _add(*values: Any) -> Int64:
    return wrap_int64(sum(map(to_int64, values)))


def _add1(value: Any) -> Int64:
    return wrap_int64(to_int64(value) + 1)


def _sub(left: Any, right: Any) -> Int64:
    return wrap_int64(to_int64(left) - to_int64(right))


def _mul(first: Any, *others: Any) -> Int64:
    product = Int64(to_int64(first))
    for other in others:
        product = wrap_int64(product * to_int64(other))
    return product


def _quotient(left: int, right: int) -> int:
    """Division that truncates toward zero, as Go's."""
    if right == 0:
        raise FunctionError("runtime error: integer divide by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _div(left: Any, right: Any) -> Int64:
    return wrap_int64(_quotient(to_int64(left), to_int64(right)))


def _mod(left: Any, right: Any) -> Int64:
    a, b = to_int64(left), to_int64(right)
    return wrap_int64(a - b * _quotient(a, b))


def _max(first: Any, *others: Any) -> Int64:
    return Int64(max(to_int64(first), *map(to_int64, others), _MIN))


def _min(first: Any, *others: Any) -> Int64:
    return Int64(min(to_int64(first), *map(to_int64, others), _MAX))


def _extreme(pick: Callable[[float, float], float], values: tuple[Any, ...], winner: float) -> float:
    result, *others = map(to_float64, values)
    for other in others:
        if winner in (result, other):
            result = winner
        elif math.isnan(result) or math.isnan(other):
            result = math.nan
        elif result == other == 0:
            # Zero and minus zero compare equal, but Go tells them apart.
            result = math.copysign(0.0, pick(math.copysign(1, result), math.copysign(1, other)))
        else:
            result = pick(result, other)
    return result


def _maxf(first: Any, *others: Any) -> float:
    return _extreme(max, (first, *others), math.inf)


def _minf(first: Any, *others: Any) -> float:
    return _extreme(min, (first, *others), -math.inf)


# Enough for the sum of the largest and the smallest float64 without rounding.
_EXACT: Final = Context(prec=2000, Emin=-999999, Emax=999999)
_DIVISION_PLACES: Final = Decimal(1).scaleb(-16)


def _decimal(value: Any) -> Decimal:
    number = to_float64(value)
    if not math.isfinite(number):
        raise FunctionError(f"Cannot create a Decimal from {text_of(number)}")
    return Decimal(repr(number))


def _divide(left: Decimal, right: Decimal) -> Decimal:
    if not right:
        raise FunctionError("decimal division by 0")
    # Dividing exactly enough for the rounding at the sixteenth place to be right.
    return _EXACT.divide(left, right).quantize(_DIVISION_PLACES, ROUND_HALF_UP, _EXACT)


def _folded(operation: Callable[[Decimal, Decimal], Decimal], values: tuple[Any, ...]) -> float:
    result = _decimal(values[0])
    for value in values[1:]:
        result = operation(result, _decimal(value))
    return float(result) + 0.0


def _addf(*values: Any) -> float:
    return _folded(_EXACT.add, (0.0, *values))


def _add1f(value: Any) -> float:
    return _folded(_EXACT.add, (value, 1))


def _subf(first: Any, *others: Any) -> float:
    return _folded(_EXACT.subtract, (first, *others))


def _mulf(first: Any, *others: Any) -> float:
    return _folded(_EXACT.multiply, (first, *others))


def _divf(first: Any, *others: Any) -> float:
    return _folded(_divide, (first, *others))


def _floor(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(float(math.floor(number)), number) if math.isfinite(number) else number


def _ceil(value: Any) -> float:
    number = to_float64(value)
    return math.copysign(float(math.ceil(number)), number) if math.isfinite(number) else number


def _power_of_ten(places: int) -> float:
    if places > 308:
        return math.inf
    return float(f"1e{places}") if places >= -323 else 0.0


def _round(value: Any, places: int, *rounds_up_from: float) -> float:
    """Rounds after shifting in binary floating point; negative numbers with a fraction always go down."""
    power = _power_of_ten(places)
    shifted = power * to_float64(value)
    if not math.isfinite(shifted):
        return shifted / power if power and not (math.isinf(shifted) and math.isinf(power)) else math.nan
    fraction = math.modf(shifted)[0]
    up = fraction >= (rounds_up_from[0] if rounds_up_from else 0.5)
    rounded = math.copysign(float(math.ceil(shifted) if up else math.floor(shifted)), shifted)
    return rounded / power if power else math.nan


def _range(start: int, stop: int, step: int) -> range:
    if (stop < start) != (step < 0) or step == 0:
        return range(0)
    return range(start, stop, step)


def _ints(function: str, numbers: range) -> Slice:
    if numbers:
        check_items(function, (numbers[-1] - numbers[0]) // numbers.step + 1)
    return Slice("int", numbers)


def _until(count: int) -> Slice:
    return _ints("until", _range(0, count, -1 if count < 0 else 1))


def _until_step(start: int, stop: int, step: int) -> Slice:
    return _ints("untilStep", _range(start, stop, step))


def _seq(*numbers: int) -> str:
    match numbers:
        case (end,):
            step = -1 if end < 1 else 1
            found = _range(1, end + step, step)
        case (start, end):
            step = -1 if end < start else 1
            found = _range(start, end + step, step)
        case (start, step, end):
            if end < start and step > 0:
                return ""
            found = _range(start, end + (-1 if end < start else 1), step)
        case _:
            return ""
    return " ".join(map(str, _ints("seq", found)))


FUNCTIONS = declare(
    {
        "add": ("func(...interface {}) int64", _add),
        "add1": ("func(interface {}) int64", _add1),
        "add1f": ("func(interface {}) float64", _add1f),
        "addf": ("func(...interface {}) float64", _addf),
        "atoi": ("func(string) int", _atoi),
        "biggest": ("func(interface {}, ...interface {}) int64", _max),
        "ceil": ("func(interface {}) float64", _ceil),
        "div": ("func(interface {}, interface {}) int64", _div),
        "divf": ("func(interface {}, ...interface {}) float64", _divf),
        "float64": ("func(interface {}) float64", to_float64),
        "floor": ("func(interface {}) float64", _floor),
        "int": ("func(interface {}) int", _int),
        "int64": ("func(interface {}) int64", _int64),
        "max": ("func(interface {}, ...interface {}) int64", _max),
        "maxf": ("func(interface {}, ...interface {}) float64", _maxf),
        "min": ("func(interface {}, ...interface {}) int64", _min),
        "minf": ("func(interface {}, ...interface {}) float64", _minf),
        "mod": ("func(interface {}, interface {}) int64", _mod),
        "mul": ("func(interface {}, ...interface {}) int64", _mul),
        "mulf": ("func(interface {}, ...interface {}) float64", _mulf),
        "round": ("func(interface {}, int, ...float64) float64", _round),
        "seq": ("func(...int) string", _seq),
        "sub": ("func(interface {}, interface {}) int64", _sub),
        "subf": ("func(interface {}, ...interface {}) float64", _subf),
        "toDecimal": ("func(interface {}) int64", _to_decimal),
        "until": ("func(int) []int", _until),
        "untilStep": ("func(int, int, int) []int", _until_step),
    }
)
"""Name in templates -> Go signature and implementation."""
