"""Values in formats that know only text (getsops/sops ``stores/stores.go``, ValToString)."""

from typing import Any

from fluxkit.sops.values import Timestamp, decode_text
from fluxkit.yaml.scalars import float_text

__all__ = ["plain_text"]


def plain_text(value: Any) -> str:
    match value:
        case str():
            return value
        case bytes():
            return decode_text(value)
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return _float(value)
        case Timestamp():
            return _seconds(value.text)
    return str(value)


def _float(value: float) -> str:
    """Shortest digits, with a decimal point so that it does not read as an integer."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    text = float_text(value).upper()
    return text if "." in text or "E" in text else f"{value:.1f}"


def _seconds(text: str) -> str:
    """A timestamp without fractions of the second."""
    head, dot, tail = text.partition(".")
    return head + tail.lstrip("0123456789") if dot else text
