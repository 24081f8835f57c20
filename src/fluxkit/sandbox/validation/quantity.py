"""Resource quantities (``500m``, ``1Gi``, ``1e3``) in the one form in which the API server writes each of them.

Follows kubernetes/apimachinery ``pkg/api/resource`` (quantity.go, suffix.go): the suffix keeps its family (decimal,
binary or exponent) and is the largest that leaves no fraction.
"""

import re
from decimal import ROUND_UP, Decimal
from functools import lru_cache

__all__ = ["QuantityError", "canonical", "parse"]

_SYNTAX = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|)|[eE]([+-]?\d+))")
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX_OF = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_MESSAGE = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"


class QuantityError(ValueError):
    """Text that is not a quantity; the message is upstream's."""


def _split(text: str) -> tuple[Decimal, str]:
    """The value, and the family of its suffix: ``binary``, ``decimal`` or ``exponent``."""
    found = _SYNTAX.fullmatch(text)
    if found is None:
        raise QuantityError(_MESSAGE)
    sign, number, suffix, exponent = found.groups()
    value = Decimal(number) if sign != "-" else -Decimal(number)
    if exponent is not None:
        return value.scaleb(int(exponent)), "exponent"
    if suffix in _BINARY:
        return value * (1 << _BINARY[suffix]), "binary"
    return value.scaleb(_DECIMAL[suffix]), "decimal"


def parse(text: str) -> Decimal:
    """The value of a quantity, for comparing; raises :class:`QuantityError`."""
    return _split(text)[0]


@lru_cache(maxsize=4096)
def canonical(text: str) -> str:
    """The quantity as the API server writes it; raises :class:`QuantityError`."""
    value, family = _split(text)
    value = value.quantize(Decimal("1e-9"), rounding=ROUND_UP)
    if value == 0:
        return "0"
    if family == "binary":
        if abs(value) < 1024 or value != value.to_integral_value():
            family = "decimal"
        else:
            return _binary(int(value))
    return _decimal(value, family)


def _binary(value: int) -> str:
    power, suffix = 0, ""
    for name, bits in _BINARY.items():
        if value % (1 << bits):
            break
        power, suffix = bits, name
    return f"{value >> power}{suffix}"


def _decimal(value: Decimal, family: str) -> str:
    exponent = 18
    while exponent > -9:
        scaled = value.scaleb(-exponent)
        if scaled == scaled.to_integral_value():
            break
        exponent -= 3
    mantissa = int(value.scaleb(-exponent))
    if family == "exponent":
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_SUFFIX_OF[exponent]}"
