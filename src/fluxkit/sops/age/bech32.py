"""Bech32, the spelling of age's keys (BIP 173, without its limit of length)."""

from typing import Final

__all__ = ["Bech32Error", "decode", "encode"]

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {character: value for value, character in enumerate(_ALPHABET)}
_GENERATOR: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)


class Bech32Error(ValueError):
    """The text is not Bech32; the message does not repeat it."""


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for position, term in enumerate(_GENERATOR):
            if top >> position & 1:
                checksum ^= term
    return checksum


def _expanded(prefix: str) -> list[int]:
    codes = [ord(character) for character in prefix.lower()]
    return [code >> 5 for code in codes] + [0] + [code & 31 for code in codes]


def _regrouped(values: list[int], width: int, target: int, *, pad: bool) -> list[int]:
    result, buffer, bits = [], 0, 0
    for value in values:
        buffer = buffer << width | value
        bits += width
        while bits >= target:
            bits -= target
            result.append(buffer >> bits & (1 << target) - 1)
        buffer &= (1 << bits) - 1
    if pad:
        if bits:
            result.append(buffer << (target - bits) & (1 << target) - 1)
    elif bits >= width or buffer:
        raise Bech32Error("illegal padding")
    return result


def decode(text: str) -> tuple[str, bytes]:
    """The part before the last ``1``, in the case of the text, and the data. Raises :class:`Bech32Error`."""
    if text.lower() != text and text.upper() != text:
        raise Bech32Error("mixed case")
    prefix, separator, data = text.rpartition("1")
    if not separator or not prefix or len(data) < 6:
        raise Bech32Error("separator '1' at invalid position")
    try:
        values = [_VALUES[character] for character in data.lower()]
    except KeyError:
        raise Bech32Error("invalid character") from None
    if _polymod(_expanded(prefix) + values) != 1:
        raise Bech32Error("invalid checksum")
    return prefix, bytes(_regrouped(values[:-6], 5, 8, pad=False))


def encode(prefix: str, data: bytes) -> str:
    """Lower case for a lower-case prefix, upper case for an upper-case one."""
    values = _regrouped(list(data), 8, 5, pad=True)
    checksum = _polymod([*_expanded(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [checksum >> 5 * (5 - position) & 31 for position in range(6)]
    text = f"{prefix.lower()}1{''.join(_ALPHABET[value] for value in values)}"
    return text.upper() if prefix.isupper() else text
