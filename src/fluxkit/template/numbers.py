"""Numeric constants of templates: every kind that one text can be (``newNumber`` of Go's template parser)."""

import math
import re

from fluxkit.template.quoting import quote, unquote_rune

__all__ = ["Constant", "constant", "parse_float", "parse_integer"]

_MAX_INT, _MAX_UINT = (1 << 63) - 1, (1 << 64) - 1
_INTEGER = re.compile(
    r"([+-]?)(?:0[xX]((?:_?[0-9a-fA-F])+)|0[bB]((?:_?[01])+)|0[oO]((?:_?[0-7])+)|0((?:_?[0-7])+)|([1-9](?:_?[0-9])*|0))"
)
_BASES = (16, 2, 8, 8, 10)
_DIGITS = "[0-9](?:_?[0-9])*"
_DECIMAL_FLOAT = re.compile(rf"[+-]?(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEX_FLOAT = re.compile(r"[+-]?0[xX](?:_?[0-9a-fA-F])+\.?(?:[0-9a-fA-F](?:_?[0-9a-fA-F])*)?[pP][+-]?[0-9](?:_?[0-9])*")

Constant = tuple[int | None, int | None, float | None, complex | None]
"""As int64, uint64, float64 and complex128; None where the text does not fit."""


def constant(text: str, *, character: bool = False, is_complex: bool = False) -> Constant:
    """What ``text`` can be. Raises ValueError with Go's text when it is no number."""
    if character:
        code = unquote_rune(text)
        return code, code, float(code), None
    if is_complex:
        split = max(text.rfind("+"), text.rfind("-"))
        if text[split - 1] in "eEpP":
            split = max(text.rfind("+", 0, split), text.rfind("-", 0, split))
        real, imaginary = parse_float(text[:split]), parse_float(text[split:-1])
        if real is None or imaginary is None:
            raise ValueError("syntax error scanning complex number")
        return _simplify(complex(real, imaginary))
    if text.endswith("i") and (imaginary := parse_float(text[:-1])) is not None:
        return _simplify(complex(0, imaginary))
    value = parse_integer(text)
    if value is not None:
        as_int = value if -_MAX_INT - 1 <= value <= _MAX_INT else None
        # ParseUint takes no sign at all; -0 and +0 are let through by the caller in Go.
        signed = text[0] in "+-"
        as_uint = value if (not signed or value == 0) and 0 <= value <= _MAX_UINT else None
        if as_int is not None or as_uint is not None:
            return as_int, as_uint, float(value), None
    number = parse_float(text) if value is None else float(value)
    if number is None or math.isinf(number):
        raise ValueError(f"illegal number syntax: {quote(text)}")
    if not any(letter in text for letter in ".eEpP"):
        raise ValueError(f"integer overflow: {quote(text)}")
    return (*_integral(number), number, None)


def parse_integer(text: str) -> int | None:
    """strconv.ParseInt with base 0 and no limit of size; None on a syntax error."""
    found = _INTEGER.fullmatch(text)
    if found is None:
        return None
    index = (found.lastindex or 2) - 2
    value = int(found.group(index + 2).replace("_", ""), _BASES[index])
    return -value if found.group(1) == "-" else value


def parse_float(text: str) -> float | None:
    """strconv.ParseFloat of a number (no ``Inf``, no ``NaN``); None on a syntax error or overflow."""
    if _DECIMAL_FLOAT.fullmatch(text):
        value = float(text.replace("_", ""))
    elif _HEX_FLOAT.fullmatch(text):
        try:
            value = float.fromhex(text.replace("_", ""))
        except OverflowError:
            return None
    else:
        return None
    return None if math.isinf(value) else value


def _integral(number: float) -> tuple[int | None, int | None]:
    if not number.is_integer():
        return None, None
    value = int(number)
    as_int = value if -_MAX_INT - 1 <= value <= _MAX_INT else None
    return as_int, value if 0 <= value <= _MAX_UINT else None


def _simplify(number: complex) -> Constant:
    if number.imag != 0:
        return None, None, None, number
    return (*_integral(number.real), number.real, number)
