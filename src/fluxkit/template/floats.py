"""Go's text forms of floating-point numbers (golang/go ``strconv.FormatFloat``)."""

import math
import struct
from typing import Literal

__all__ = ["format_float", "shortest"]

Bits = Literal[32, 64]


def shortest(value: float) -> str:
    """``%v``: the fewest digits that read back; with exponent below 1e-4 and from 1e+21 digits on of value >= 1e6."""
    text = repr(value)
    # Most values: repr has no exponent and the number is short of a million.
    if "e" not in text and -1e6 < value < 1e6:
        if text.endswith(".0"):
            return text[:-2]
        if value >= 1e-4 or value <= -1e-4:
            return text
    return format_float(value, "g", -1)


def format_float(value: float, verb: str, precision: int, bits: Bits = 64) -> str:
    """As strconv.FormatFloat: ``verb`` is one of ``b e E f g G x X``, ``precision`` -1 the shortest that reads back."""
    if math.isnan(value):
        return "NaN"
    sign = "-" if math.copysign(1, value) < 0 else ""
    value = abs(value)
    if math.isinf(value):
        return (sign or "+") + "Inf"
    match verb:
        case "b":
            return sign + _binary(value, bits)
        case "x" | "X":
            text = _hexadecimal(value, precision)
            return sign + (text.upper() if verb == "X" else text)
    if precision < 0:
        digits, point = _shortest_digits(value, bits)
    elif verb == "f":
        return f"{sign}{value:.{precision}f}"
    else:
        digits, point = _split(f"{value:.{precision if verb in 'eE' else max(precision, 1) - 1}e}")
    if verb in "eE":
        return sign + _with_exponent(digits, point, precision if precision >= 0 else len(digits) - 1, verb)
    if verb == "f":
        return sign + _plain(digits, point)
    limit = 6 if precision < 0 else max(precision, 1)
    # The shortest form keeps integers plain only up to their own length, as the precision it stands for is 6 there.
    if precision < 0 and len(digits) > limit and len(digits) >= point:
        limit = 6
    if not -4 <= point - 1 < limit:
        return sign + _with_exponent(digits, point, len(digits) - 1, "e" if verb == "g" else "E")
    return sign + _plain(digits, point)


def _shortest_digits(value: float, bits: Bits) -> tuple[str, int]:
    if bits == 32:
        for precision in range(9):
            text = f"{value:.{precision}e}"
            if struct.pack("f", float(text)) == struct.pack("f", value):
                return _split(text)
    return _split(f"{value:.17e}" if value == 0 else _scientific(repr(value)))


def _scientific(text: str) -> str:
    """Python's repr in the form that _split reads."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    return f"{whole}.{fraction}e{exponent or 0}"


def _split(text: str) -> tuple[str, int]:
    """Significant digits without trailing zeros, and where the decimal point stands, counted from their start."""
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = whole + fraction
    point = len(whole) + int(exponent)
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    stripped = stripped.rstrip("0")
    return (stripped, point) if stripped else ("0", 1)


def _with_exponent(digits: str, point: int, precision: int, letter: str) -> str:
    fraction = digits[1 : 1 + precision].ljust(precision, "0")
    exponent = point - 1
    return f"{digits[0]}{'.' if fraction else ''}{fraction}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _plain(digits: str, point: int) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits if digits != "0" else "0"
    if point >= len(digits):
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _binary(value: float, bits: Bits) -> str:
    size, lowest = (53, -1074) if bits == 64 else (24, -149)
    mantissa, exponent = math.frexp(value)
    scale = max(exponent - size, lowest) if value else lowest
    return f"{int(math.ldexp(mantissa, exponent - scale))}p{scale:+d}"


def _hexadecimal(value: float, precision: int) -> str:
    if value == 0:
        return f"0x0{'.' if precision > 0 else ''}{'0' * max(precision, 0)}p+00"
    fraction, exponent = math.frexp(value)
    mantissa = int(math.ldexp(fraction, 53))  # 1.52 bits
    exponent -= 1
    if 0 <= precision < 13:
        drop = 4 * (13 - precision)
        rest, mantissa = mantissa & ((1 << drop) - 1), mantissa >> drop
        half = 1 << (drop - 1)
        if rest > half or (rest == half and mantissa & 1):
            mantissa += 1
        mantissa <<= drop
        if mantissa >> 53:
            mantissa >>= 1
            exponent += 1
    digits = f"{mantissa & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision < 0 else digits[:precision].ljust(precision, "0")
    return f"0x1{'.' if digits else ''}{digits}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
