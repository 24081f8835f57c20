"""Private keys: generating, reading and writing them in the PEM forms of Go. Upstream: sprig ``crypto.go``."""

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.randomness import RandomBytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

    PrivateKey = rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

__all__ = ["PrivateKey", "generate", "pem_block", "pem_of", "read_pem", "rsa_key"]

_PEM: Final = re.compile(
    r"-----BEGIN (?P<type>[^\n-]*)-----[ \t\r]*\n(?P<body>.*?)-----END (?P=type)-----[ \t\r]*(?:\n|$)", re.DOTALL
)
_SMALL_PRIMES: Final = tuple(n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2)))
_RSA_EXPONENT: Final = 65537
_P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def pem_block(text: str) -> tuple[str, str] | None:
    """Type and whole text of the first PEM block."""
    found = _PEM.search(text)
    return (found["type"], found[0]) if found else None


def _is_probable_prime(number: int, random: RandomBytes) -> bool:
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for _ in range(8):
        power = pow(2 + int.from_bytes(random(16), "big"), odd, number)
        if power in (1, number - 1):
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def _prime(bits: int, random: RandomBytes) -> int:
    while True:
        # The two highest bits are set, so that a product has its full length.
        number = int.from_bytes(random(bits // 8), "big") | 0b11 << (bits - 2) | 1
        survives = all(number % small for small in _SMALL_PRIMES) and (number - 1) % _RSA_EXPONENT
        if survives and _is_probable_prime(number, random):
            return number


def rsa_key(bits: int, random: RandomBytes) -> "rsa.RSAPrivateKey":
    """A new RSA key; made from ``random`` where that is not the system's own source, which is much slower."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    if random is os.urandom:
        return rsa.generate_private_key(_RSA_EXPONENT, bits)
    p, q = sorted((_prime(bits // 2, random), _prime(bits // 2, random)), reverse=True)
    d = pow(_RSA_EXPONENT, -1, (p - 1) * (q - 1))
    public = rsa.RSAPublicNumbers(_RSA_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _new_rsa(random: RandomBytes) -> "PrivateKey":
    return rsa_key(4096, random)


def _new_dsa(random: RandomBytes) -> "PrivateKey":
    from cryptography.hazmat.primitives.asymmetric import dsa

    return dsa.generate_private_key(2048)


def _new_ecdsa(random: RandomBytes) -> "PrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.derive_private_key(int.from_bytes(random(40), "big") % (_P256_ORDER - 1) + 1, ec.SECP256R1())


def _new_ed25519(random: RandomBytes) -> "PrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ed25519

    return ed25519.Ed25519PrivateKey.from_private_bytes(random(32))


_GENERATORS: Final[dict[str, Callable[[RandomBytes], "PrivateKey"]]] = {
    "": _new_rsa,
    "rsa": _new_rsa,
    "dsa": _new_dsa,
    "ecdsa": _new_ecdsa,
    "ed25519": _new_ed25519,
}


def generate(kind: str, random: RandomBytes) -> str:
    """A new key as PEM: rsa (4096), dsa, ecdsa (P-256) or ed25519. DSA keys always come from the system's source."""
    new = _GENERATORS.get(kind)
    return f"Unknown type {kind}" if new is None else pem_of(new(random))


def pem_of(key: "PrivateKey") -> str:
    """PKCS#1, SEC 1 or the traditional DSA form; PKCS#8 for Ed25519."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    form = serialization.PrivateFormat.TraditionalOpenSSL
    if isinstance(key, ed25519.Ed25519PrivateKey):
        form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode("ascii")


_FORMS: Final = {
    "PRIVATE KEY": "decoding PEM as PKCS#8",
    "RSA PRIVATE KEY": "parsing RSA private key from PEM",
    "EC PRIVATE KEY": "parsing EC private key from PEM",
    "DSA PRIVATE KEY": "parsing DSA private key from PEM",
}


def read_pem(text: str) -> "PrivateKey":
    """The key in the first PEM block. Raises FunctionError; its texts never hold key material."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa

    block = pem_block(text)
    if block is None:
        raise FunctionError("no PEM data in input")
    kind, pem = block
    if kind != "PRIVATE KEY" and not kind.endswith(" PRIVATE KEY"):
        raise FunctionError(f"no private key data in PEM block of type {kind}")
    if kind not in _FORMS:
        raise FunctionError(f"invalid private key type {kind.removesuffix(' PRIVATE KEY')}")
    try:
        key = serialization.load_pem_private_key(pem.encode("utf-8", "surrogateescape"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise FunctionError(f"{_FORMS[kind]}: malformed key") from None
    if isinstance(key, rsa.RSAPrivateKey | dsa.DSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
        return key
    raise FunctionError(f"{_FORMS[kind]}: unsupported kind of key")
