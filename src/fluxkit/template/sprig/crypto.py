"""Checksums, password hashes and AES. Upstream: Masterminds/sprig ``crypto.go``."""

import base64
import hashlib
import hmac
import zlib
from typing import Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.functions import Function
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.encoding import decode_base64
from fluxkit.template.sprig.randomness import RandomBytes
from fluxkit.template.values import from_bytes, to_bytes

__all__ = ["functions"]

_BLOCK: Final = 16
_BCRYPT_COST: Final = 10
_BCRYPT_LONGEST: Final = 72
# bcrypt writes base64 in an alphabet of its own.
_BCRYPT_ALPHABET: Final = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    b"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)

_SEED: Final = b"com.lyndir.masterpassword"
_TEMPLATES: Final = {
    "maximum": ("anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"),
    "long": (
        "CvcvnoCvcvCvcv", "CvcvCvcvnoCvcv", "CvcvCvcvCvcvno", "CvccnoCvcvCvcv", "CvccCvcvnoCvcv", "CvccCvcvCvcvno",
        "CvcvnoCvccCvcv", "CvcvCvccnoCvcv", "CvcvCvccCvcvno", "CvcvnoCvcvCvcc", "CvcvCvcvnoCvcc", "CvcvCvcvCvccno",
        "CvccnoCvccCvcv", "CvccCvccnoCvcv", "CvccCvccCvcvno", "CvcvnoCvccCvcc", "CvcvCvccnoCvcc", "CvcvCvccCvccno",
        "CvccnoCvcvCvcc", "CvccCvcvnoCvcc", "CvccCvcvCvccno",
    ),
    "medium": ("CvcnoCvc", "CvcCvcno"),
    "short": ("Cvcn",),
    "basic": ("aaanaaan", "aannaaan", "aaannaaa"),
    "pin": ("nnnn",),
}  # fmt: skip
"""The templates of the Master Password algorithm."""

_CHARACTERS: Final = {
    "V": "AEIOU",
    "C": "BCDFGHJKLMNPQRSTVWXYZ",
    "v": "aeiou",
    "c": "bcdfghjklmnpqrstvwxyz",
    "A": "AEIOUBCDFGHJKLMNPQRSTVWXYZ",
    "a": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
    "n": "0123456789",
    "o": "@&%?,=[]_:-+*$#!'^~;()/.",
    "x": "AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
}


def _sha1(text: str) -> str:
    return hashlib.sha1(to_bytes(text)).hexdigest()


def _sha256(text: str) -> str:
    return hashlib.sha256(to_bytes(text)).hexdigest()


def _sha512(text: str) -> str:
    return hashlib.sha512(to_bytes(text)).hexdigest()


def _adler32(text: str) -> str:
    return str(zlib.adler32(to_bytes(text)))


def _sized(text: str) -> bytes:
    data = to_bytes(text)
    return len(data).to_bytes(4, "big") + data


def _derive_password(counter: int, kind: str, password: str, user: str, site: str) -> str:
    templates = _TEMPLATES.get(kind)
    if templates is None:
        return f"cannot find password template {kind}"
    salt = _SEED + _sized(user)
    key = hashlib.scrypt(to_bytes(password), salt=salt, n=32768, r=8, p=2, maxmem=128 * 1024 * 1024, dklen=64)
    seed = hmac.digest(key, _SEED + _sized(site) + counter.to_bytes(4, "big"), "sha256")
    template = templates[seed[0] % len(templates)]
    sets = [_CHARACTERS[element] for element in template]
    return "".join(characters[byte % len(characters)] for characters, byte in zip(sets, seed[1:], strict=False))


def _aes_key(password: str) -> bytes:
    return to_bytes(password)[:32].ljust(32, b"\0")


def _decrypt_aes(password: str, encrypted: str) -> str:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    if not encrypted:
        return ""
    data = decode_base64(encrypted)
    if len(data) < _BLOCK:
        raise FunctionError(f"runtime error: slice bounds out of range [:{_BLOCK}] with capacity {len(data)}")
    if len(data) % _BLOCK:
        raise FunctionError("crypto/cipher: input not full blocks")
    if len(data) == _BLOCK:
        raise FunctionError("runtime error: index out of range [-1]")
    decryptor = Cipher(algorithms.AES(_aes_key(password)), modes.CBC(data[:_BLOCK])).decryptor()
    plain = decryptor.update(data[_BLOCK:]) + decryptor.finalize()
    if plain[-1] > len(plain):
        raise FunctionError(f"runtime error: slice bounds out of range [:{len(plain) - plain[-1]}]")
    return from_bytes(plain[: len(plain) - plain[-1]])


def functions(random: RandomBytes) -> dict[str, Function]:
    """The functions over a source of randomness: name in templates -> Go signature and implementation."""

    def bcrypt(password: str) -> str:
        from bcrypt import hashpw

        data = to_bytes(password)
        if len(data) > _BCRYPT_LONGEST:
            return "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes"
        salt = base64.b64encode(random(16)).translate(_BCRYPT_ALPHABET)[:22]
        return hashpw(data, b"$2a$%02d$%s" % (_BCRYPT_COST, salt)).decode("ascii")

    def htpasswd(user: str, password: str) -> str:
        return f"invalid username: {user}" if ":" in user else f"{user}:{bcrypt(password)}"

    def encrypt_aes(password: str, text: str) -> str:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        if not text:
            return ""
        data, iv = to_bytes(text), random(_BLOCK)
        padding = _BLOCK - len(data) % _BLOCK
        encryptor = Cipher(algorithms.AES(_aes_key(password)), modes.CBC(iv)).encryptor()
        encrypted = encryptor.update(data + bytes([padding]) * padding) + encryptor.finalize()
        return base64.b64encode(iv + encrypted).decode("ascii")

    return declare(
        {
            "adler32sum": ("func(string) string", _adler32),
            "bcrypt": ("func(string) string", bcrypt),
            "decryptAES": ("func(string, string) (string, error)", _decrypt_aes),
            "derivePassword": ("func(uint32, string, string, string, string) string", _derive_password),
            "encryptAES": ("func(string, string) (string, error)", encrypt_aes),
            "htpasswd": ("func(string, string) string", htpasswd),
            "sha1sum": ("func(string) string", _sha1),
            "sha256sum": ("func(string) string", _sha256),
            "sha512sum": ("func(string) string", _sha512),
        }
    )
