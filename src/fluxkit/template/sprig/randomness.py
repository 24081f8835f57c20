"""Random texts, numbers and ids over an injected source of bytes.

Upstream: Masterminds/sprig ``strings.go``, ``crypto.go``, ``numeric.go``; Masterminds/goutils; google/uuid.
"""

import base64
import string
from collections.abc import Callable

from fluxkit.template.errors import FunctionError
from fluxkit.template.functions import Function
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.limits import check_text
from fluxkit.template.sprig.text import runes

__all__ = ["RandomBytes", "functions"]

RandomBytes = Callable[[int], bytes]
"""A source of randomness: that many bytes."""

_ASCII = "".join(map(chr, range(32, 127)))


def functions(random: RandomBytes) -> dict[str, Function]:
    """The random functions over a source: name in templates -> Go signature and implementation."""

    def below(limit: int) -> int:
        """Uniform in [0, limit)."""
        bits = (limit - 1).bit_length()
        size = (bits + 7) // 8
        while True:
            number = int.from_bytes(random(size), "big") >> (size * 8 - bits)
            if number < limit:
                return number

    def of(characters: str) -> Callable[[int], str]:
        def random_text(count: int) -> str:
            check_text("rand", count)
            return "".join([characters[below(len(characters))] for _ in range(count)])

        return random_text

    def random_bytes(count: int) -> str:
        if count < 0:
            raise FunctionError("runtime error: makeslice: len out of range")
        check_text("randBytes", count)
        return base64.b64encode(random(count)).decode("ascii")

    def random_int(low: int, high: int) -> int:
        if high <= low:
            raise FunctionError("invalid argument to Intn")
        return low + below(high - low)

    def shuffle(text: str) -> str:
        characters = list(runes(text))
        for last in range(len(characters) - 1, 0, -1):
            other = below(last + 1)
            characters[last], characters[other] = characters[other], characters[last]
        return "".join(characters)

    def uuid() -> str:
        data = bytearray(random(16))
        data[6] = data[6] & 0x0F | 0x40
        data[8] = data[8] & 0x3F | 0x80
        digits = data.hex()
        return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

    return declare(
        {
            "randAlpha": ("func(int) string", of(string.ascii_letters)),
            "randAlphaNum": ("func(int) string", of(string.ascii_letters + string.digits)),
            "randAscii": ("func(int) string", of(_ASCII)),
            "randBytes": ("func(int) (string, error)", random_bytes),
            "randInt": ("func(int, int) int", random_int),
            "randNumeric": ("func(int) string", of(string.digits)),
            "shuffle": ("func(string) string", shuffle),
            "uuidv4": ("func() string", uuid),
        }
    )
