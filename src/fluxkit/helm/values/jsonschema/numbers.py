"""Numbers: those of a schema keep their spelling, all are compared exactly."""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

__all__ = ["Number", "fraction_of", "grouped", "is_integer", "is_number", "shown_float"]

_MAX_EXPONENT: Final = 5000
_EXPONENT: Final = re.compile(r"[eE]([-+]?\d+)$")
_SUPERSCRIPT: Final = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Number:
    """A number of a schema."""

    __slots__ = ("text", "value")

    def __init__(self, text: str) -> None:
        self.text = text
        exponent = _EXPONENT.search(text)
        if exponent and (len(exponent[1]) > 6 or abs(int(exponent[1])) > _MAX_EXPONENT):
            raise ValueError(f"number {text} is out of range")
        self.value = Fraction(text)


def is_number(value: Any) -> bool:
    return isinstance(value, Number | float) or (isinstance(value, int) and not isinstance(value, bool))


def fraction_of(value: Any) -> Fraction:
    """The exact value of the digits that Go prints for a number."""
    if isinstance(value, Number):
        return value.value
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def is_integer(value: Any) -> bool:
    return value.is_integer() if isinstance(value, float) else fraction_of(value).denominator == 1


def grouped(number: int) -> str:
    """An integer as an English reader expects it: ``1,024``."""
    return f"{number:,}"


def shown_float(value: float) -> str:
    """A float as golang.org/x/text prints ``%v`` in English: ``1,024``, ``1.5``, ``1×10⁰⁶``."""
    text = format(Decimal(repr(abs(value))), "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0")
    sign = "-" if value < 0 else ""
    if value == 0 or 1e-4 <= abs(value) < 1e6:
        return f"{sign}{int(whole):,}" + (f".{fraction}" if fraction else "")
    digits = (whole + fraction).lstrip("0")
    exponent = len(whole) - 1 if whole != "0" else len(digits) - len(fraction) - 1
    digits = digits.rstrip("0")
    power = f"{'-' if exponent < 0 else ''}{abs(exponent):02d}".translate(_SUPERSCRIPT)
    return f"{sign}{digits[0]}" + (f".{digits[1:]}" if digits[1:] else "") + f"×10{power}"
