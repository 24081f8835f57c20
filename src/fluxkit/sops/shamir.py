"""Shamir's secret sharing over GF(2^8), as HashiCorp Vault and SOPS do it (getsops/sops ``shamir/shamir.go``).

A share is the values of one polynomial for each byte of the secret, and the point they were taken at as its last byte.
"""

import os
from collections.abc import Sequence

from fluxkit.sops.errors import SopsError

__all__ = ["combine", "split"]


def _multiply(a: int, b: int) -> int:
    """In the field of AES: modulo x^8 + x^4 + x^3 + x + 1."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        a <<= 1
        if a & 0x100:
            a ^= 0x11B
        b >>= 1
    return result


def _invert(a: int) -> int:
    result = 1
    for _ in range(254):  # a to the 254th: the multiplicative group has 255 elements
        result = _multiply(result, a)
    return result


def combine(shares: Sequence[bytes]) -> bytes:
    """The secret that at least as many shares as the threshold hold. Raises :class:`SopsError`."""
    if len(shares) < 2:
        raise SopsError("less than two parts cannot be used to reconstruct the secret")
    length = len(shares[0])
    if length < 2:
        raise SopsError("parts must be at least two bytes")
    if any(len(share) != length for share in shares):
        raise SopsError("all parts must be the same length")
    points = [share[-1] for share in shares]
    if len(set(points)) != len(points):
        raise SopsError("duplicate part detected")
    weights = []
    for i, point in enumerate(points):
        weight = 1
        for j, other in enumerate(points):
            if i != j:
                weight = _multiply(weight, _multiply(other, _invert(point ^ other)))
        weights.append(weight)
    secret = bytearray(length - 1)
    for share, weight in zip(shares, weights, strict=True):
        for position in range(length - 1):
            secret[position] ^= _multiply(share[position], weight)
    return bytes(secret)


def split(secret: bytes, parts: int, threshold: int) -> list[bytes]:
    """``parts`` shares, any ``threshold`` of which give the secret back. Raises :class:`SopsError`."""
    if not 2 <= threshold <= parts <= 255:
        raise SopsError(f"cannot share a secret among {parts} with a threshold of {threshold}")
    if not secret:
        raise SopsError("cannot split an empty secret")
    shares = [bytearray() for _ in range(parts)]
    for byte in secret:
        coefficients = [byte, *os.urandom(threshold - 1)]
        for index, share in enumerate(shares):
            value = 0
            for coefficient in reversed(coefficients):
                value = _multiply(value, index + 1) ^ coefficient
            share.append(value)
    return [bytes(share) + bytes((index + 1,)) for index, share in enumerate(shares)]
