"""Go's fmt package: Sprintf, Sprint and Sprintln over the value model (golang/go ``src/fmt``).

Nothing here fails on a wrong verb or argument: as in Go the text then says so, ``%!d(string=x)``. Texts that would grow
beyond :data:`MAX_TEXT`, and values that contain themselves, raise :class:`~fluxkit.template.errors.LimitError`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fluxkit.template import floats
from fluxkit.template.errors import LimitError
from fluxkit.template.limits import check_tree
from fluxkit.template.quoting import can_backquote, is_print, quote, quote_rune
from fluxkit.template.values import (
    Float32,
    GoNamed,
    GoObject,
    Map,
    Slice,
    Uint8,
    kind_of,
    sorted_items,
    to_bytes,
    type_name,
)

__all__ = ["MAX_TEXT", "sprint", "sprintf", "sprintln", "text_of"]

MAX_TEXT = 1 << 26
"""Characters that one call may produce."""

_MAX_DEPTH = 10_000
_MAX_NUMBER = 1_000_000
_PLAIN: dict[type, Callable[[Any], str]] = {
    str: lambda text: str(text),
    bool: lambda truth: "true" if truth else "false",
    int: str,
    float: floats.shortest,
    type(None): lambda _: "<nil>",
}


def text_of(value: Any) -> str:
    """``%v`` of one value."""
    if plain := _PLAIN.get(type(value)):
        return plain(value)
    printer = _Printer()
    printer.argument(value, "v")
    return printer.text()


def sprint(*values: Any) -> str:
    """fmt.Sprint: a space between two neighbours of which neither is a string."""
    if len(values) == 1:
        return text_of(values[0])
    pieces: list[str] = []
    after_text = True
    for value in values:
        is_text = isinstance(value, str)
        if not (is_text or after_text):
            pieces.append(" ")
        pieces.append(text_of(value))
        after_text = is_text
    return "".join(pieces)


def sprintln(*values: Any) -> str:
    """fmt.Sprintln: a space between all, and a newline."""
    return " ".join(map(text_of, values)) + "\n"


def sprintf(template: str, *values: Any) -> str:
    """fmt.Sprintf."""
    if "%" not in template and not values:
        return template
    printer = _Printer()
    printer.printf(template, values)
    return printer.text()


class _Printer:
    __slots__ = (
        "_erroring",
        "_good_index",
        "_pieces",
        "_reordered",
        "_size",
        "minus",
        "plus",
        "plus_v",
        "precision",
        "sharp",
        "sharp_v",
        "space",
        "width",
        "zero",
    )

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._size = 0
        self._erroring = False
        self._reordered = False
        self._good_index = True
        self.clear()

    def clear(self) -> None:
        self.width: int | None = None
        self.precision: int | None = None
        self.minus = self.plus = self.sharp = self.space = self.zero = self.plus_v = self.sharp_v = False

    def text(self) -> str:
        return "".join(self._pieces)

    def write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_TEXT:
            raise LimitError(f"printing would take more than {MAX_TEXT} characters")
        self._pieces.append(text)

    # The format string

    def printf(self, template: str, values: Sequence[Any]) -> None:
        end = len(template)
        index = 0
        position = 0
        while position < end:
            self._good_index = True
            percent = template.find("%", position)
            if percent < 0:
                self.write(template[position:])
                break
            if percent > position:
                self.write(template[position:percent])
            position = percent + 1
            self.clear()
            index, position = self._directive(template, position, values, index)
        if not self._reordered and index < len(values):
            self.clear()
            self.write("%!(EXTRA ")
            for number, value in enumerate(values[index:]):
                if number:
                    self.write(", ")
                if value is None:
                    self.write("<nil>")
                else:
                    self.write(type_name(value) + "=")
                    self.argument(value, "v")
            self.write(")")

    def _directive(self, template: str, position: int, values: Sequence[Any], index: int) -> tuple[int, int]:
        """What follows a ``%``; the next argument and position."""
        end = len(template)
        while position < end and (flag := template[position]) in "#0+- ":
            self._flag(flag)
            position += 1
        if position < end and "a" <= template[position] <= "z" and index < len(values):
            self._verb(template[position], values[index])
            return index + 1, position + 1
        index, position, after_index = self._index(template, position, index, len(values))
        if position < end and template[position] == "*":
            position += 1
            self.width, index = self._number_argument(values, index)
            if self.width is None:
                self.write("%!(BADWIDTH)")
            elif self.width < 0:
                self.width = -self.width
                self.minus, self.zero = True, False
            after_index = False
        else:
            self.width, position = _number(template, position, end)
            if after_index and self.width is not None:
                self._good_index = False
        if position + 1 < end and template[position] == ".":
            position += 1
            if after_index:
                self._good_index = False
            index, position, after_index = self._index(template, position, index, len(values))
            if position < end and template[position] == "*":
                position += 1
                self.precision, index = self._number_argument(values, index)
                if self.precision is None or self.precision < 0:
                    self.precision = None
                    self.write("%!(BADPREC)")
                after_index = False
            else:
                self.precision, position = _number(template, position, end)
                if self.precision is None:
                    self.precision = 0
        if not after_index:
            index, position, after_index = self._index(template, position, index, len(values))
        if position >= end:
            self.write("%!(NOVERB)")
            return index, position
        verb = template[position]
        position += 1
        if verb == "%":
            self.write("%")
        elif not self._good_index:
            self.write(f"%!{verb}(BADINDEX)")
        elif index >= len(values):
            self.write(f"%!{verb}(MISSING)")
        else:
            self._verb(verb, values[index])
            index += 1
        return index, position

    def _flag(self, flag: str) -> None:
        match flag:
            case "#":
                self.sharp = True
            case "0":
                self.zero = True
            case "+":
                self.plus = True
            case "-":
                self.minus = True
            case _:
                self.space = True

    def _verb(self, verb: str, value: Any) -> None:
        if verb in "vw":
            self.sharp_v, self.sharp = self.sharp, False
            self.plus_v, self.plus = self.plus, False
        self.argument(value, verb)

    def _index(self, template: str, position: int, index: int, count: int) -> tuple[int, int, bool]:
        """An explicit argument index such as ``[2]``."""
        if template[position : position + 1] != "[":
            return index, position, False
        self._reordered = True
        close = template.find("]", position + 1)
        if close < 0 or len(template) - position < 3:
            self._good_index = False
            return index, position + 1, False
        number, after = _number(template, position + 1, close)
        if number is None or after != close:
            self._good_index = False
            return index, close + 1, False
        if 1 <= number <= count:
            return number - 1, close + 1, True
        self._good_index = False
        return index, close + 1, True

    def _number_argument(self, values: Sequence[Any], index: int) -> tuple[int | None, int]:
        if index >= len(values):
            return None, index
        value = values[index]
        usable = isinstance(value, int) and not isinstance(value, bool) and -_MAX_NUMBER <= value <= _MAX_NUMBER
        return (int(value) if usable else None), index + 1

    # Padding

    def _pad(self, text: str, *, zeros: bool | None = None) -> None:
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            self.write(text)
        elif self.minus:
            self.write(text + " " * missing)
        else:
            self.write(("0" if (self.zero if zeros is None else zeros) else " ") * missing + text)

    # Values

    def argument(self, value: Any, verb: str) -> None:
        """One top-level argument (``printArg``)."""
        check_tree(value)
        if value is None:
            if verb in "Tv":
                self._pad("<nil>")
            else:
                self._bad_verb(value, verb)
        elif verb == "T":
            self._string(type_name(value), "s")
        elif verb == "p":
            self._pointer(value, "p")
        elif type(value) is bytes:
            self._bytes(value, verb, "[]byte")
        elif not self._methods(value, verb):
            self._value(value, verb, 0)

    def _bad_verb(self, value: Any, verb: str) -> None:
        was = self._erroring
        self._erroring = True
        self.write(f"%!{verb}(")
        if value is None:
            self.write("<nil>")
        else:
            self.write(type_name(value) + "=")
            self.argument(value, "v")
        self.write(")")
        self._erroring = was

    def _methods(self, value: Any, verb: str) -> bool:
        if self._erroring or not isinstance(value, GoNamed):
            if verb == "w" and not self._erroring:
                self._bad_verb(value, verb)
                return True
            return False
        if verb in "vsxXq" and not self.sharp_v and (text := value.go_string()) is not None:
            self._string(text, verb)
            return True
        return False

    def _value(self, value: Any, verb: str, depth: int) -> None:
        """``printValue``; inside containers a nil prints whatever the verb."""
        if depth:
            if depth > _MAX_DEPTH:
                raise LimitError("printing a value that contains itself, or is nested too deeply")
            if value is None:
                self.write("interface {}(nil)" if self.sharp_v else "<nil>")
                return
            if self._methods(value, verb):
                return
        kind = kind_of(value)
        if kind == "string":
            self._string(value, verb)
        elif kind == "bool":
            if verb in "tv":
                self._pad("true" if value else "false")
            else:
                self._bad_verb(value, verb)
        elif kind.startswith(("int", "uint")):
            self._integer(int(value), verb, value, signed=kind[0] == "i")
        elif kind.startswith("float"):
            self._float(value, verb, value)
        elif kind.startswith("complex"):
            self._complex(value, verb)
        elif kind == "map":
            self._map(value, verb, depth)
        elif kind == "slice":
            self._slice(value, verb, depth)
        elif kind == "struct":
            self._struct(value, verb, depth)
        elif kind == "ptr" and depth == 0:
            self.write("&")
            self._struct(value, verb, depth + 1)
        else:
            self._pointer(value, verb)

    def _map(self, value: Mapping[str, Any], verb: str, depth: int) -> None:
        if self.sharp_v:
            self.write(type_name(value))
            if isinstance(value, Map) and value.nil:
                self.write("(nil)")
                return
        self.write("{" if self.sharp_v else "map[")
        for number, (key, item) in enumerate(sorted_items(value)):
            if number:
                self.write(", " if self.sharp_v else " ")
            self._value(key, verb, depth + 1)
            self.write(":")
            self._value(item, verb, depth + 1)
        self.write("}" if self.sharp_v else "]")

    def _slice(self, value: Any, verb: str, depth: int) -> None:
        if isinstance(value, bytes):
            if verb in "sqxX":
                self._bytes(value, verb, "[]uint8")
                return
            items: Sequence[Any] = value
        else:
            items = value
        if self.sharp_v:
            self.write(type_name(value))
            if isinstance(value, Slice) and value.nil:
                self.write("(nil)")
                return
        self.write("{" if self.sharp_v else "[")
        for number, item in enumerate(items):
            if number:
                self.write(", " if self.sharp_v else " ")
            if isinstance(value, bytes):
                self._integer(item, verb, Uint8(item), signed=False)
            else:
                self._value(item, verb, depth + 1)
        self.write("}" if self.sharp_v else "]")

    def _struct(self, value: Any, verb: str, depth: int) -> None:
        if self.sharp_v:
            self.write(type_name(value).lstrip("*"))
        self.write("{")
        fields = value.go_fields() if isinstance(value, GoObject) else {}
        for number, (name, item) in enumerate(fields.items()):
            if number:
                self.write(", " if self.sharp_v else " ")
            if self.plus_v or self.sharp_v:
                self.write(name + ":")
            self._value(item, verb, depth + 1)
        self.write("}")

    def _pointer(self, value: Any, verb: str) -> None:
        """Addresses: Go's differ from run to run, and so may these."""
        if kind_of(value) not in ("map", "slice", "ptr", "func"):
            self._bad_verb(value, verb)
            return
        address = 0 if getattr(value, "nil", False) else id(value)
        if verb == "v" and self.sharp_v:
            self.write(f"({type_name(value)})({hex(address) if address else 'nil'})")
        elif verb in "vp":
            self._pad("<nil>" if verb == "v" and not address else f"{address:x}" if self.sharp else hex(address))
        elif verb in "bodxX":
            self._integer(address, verb, value, signed=False)
        else:
            self._bad_verb(value, verb)

    def _integer(self, number: int, verb: str, value: Any, *, signed: bool) -> None:
        match verb:
            case "v":
                if self.sharp_v and not signed:
                    sharp, self.sharp = self.sharp, True
                    self._digits(number, "x", 16)
                    self.sharp = sharp
                else:
                    self._digits(number, "d", 10)
            case "d":
                self._digits(number, "d", 10)
            case "b":
                self._digits(number, "b", 2)
            case "o" | "O":
                self._digits(number, verb, 8)
            case "x" | "X":
                self._digits(number, verb, 16)
            case "c":
                self._pad(_character(number))
            case "q":
                self._pad(quote_rune(number, ascii_only=self.plus))
            case "U":
                self._unicode(number)
            case _:
                self._bad_verb(value, verb)

    def _digits(self, number: int, verb: str, base: int) -> None:
        form = "o" if verb == "O" else verb
        digits = format(abs(number), form)
        negative = number < 0
        if self.precision is not None:
            if self.precision == 0 and number == 0:
                self.write(" " * (self.width or 0))
                return
            digits = digits.rjust(self.precision, "0")
        elif self.zero and not self.minus and self.width is not None:
            digits = digits.rjust(self.width - (negative or self.plus or self.space), "0")
        if self.sharp:
            if base == 2:
                digits = "0b" + digits
            elif base == 8 and digits[0] != "0":
                digits = "0" + digits
            elif base == 16:
                digits = f"0{verb}{digits}"
        if verb == "O":
            digits = "0o" + digits
        sign = "-" if negative else "+" if self.plus else " " if self.space else ""
        self._pad(sign + digits, zeros=False)

    def _unicode(self, number: int) -> None:
        number %= 1 << 64
        text = f"U+{number:0{max(self.precision or 0, 4)}X}"
        if self.sharp and number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF and is_print(chr(number)):
            text += f" '{chr(number)}'"
        self._pad(text, zeros=False)

    def _float(self, number: float, verb: str, value: Any) -> None:
        match verb:
            case "v":
                self._float_text(number, "g", -1)
            case "b" | "g" | "G" | "x" | "X":
                self._float_text(number, verb, -1)
            case "f" | "e" | "E":
                self._float_text(number, verb, 6)
            case "F":
                self._float_text(number, "f", 6)
            case _:
                self._bad_verb(value, verb)

    def _float_text(self, number: float, verb: str, precision: int) -> None:
        if self.precision is not None:
            precision = self.precision
        text = floats.format_float(number, verb, precision, 32 if isinstance(number, Float32) else 64)
        if text[0] not in "+-":
            text = "+" + text
        if self.space and text[0] == "+" and not self.plus:
            text = " " + text[1:]
        if text[1] in "IN":
            if text[1] == "N" and not self.space and not self.plus:
                text = text[1:]
            self._pad(text, zeros=False)
            return
        if self.sharp and verb != "b":
            text = _keep_point(text, verb, precision)
        if self.plus or text[0] != "+":
            if self.zero and not self.minus and self.width is not None and self.width > len(text):
                self.write(text[0] + "0" * (self.width - len(text)) + text[1:])
                return
            self._pad(text)
            return
        self._pad(text[1:])

    def _complex(self, number: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad_verb(number, verb)
            return
        plus = self.plus
        self.write("(")
        self._float(number.real, verb, number)
        self.plus = True
        self._float(number.imag, verb, number)
        self.write("i)")
        self.plus = plus

    def _string(self, text: str, verb: str) -> None:
        match verb:
            case "v" if self.sharp_v:
                self._quoted(text)
            case "v" | "s":
                self._pad(text if self.precision is None else text[: self.precision])
            case "x" | "X":
                self._hex(to_bytes(text), verb)
            case "q":
                self._quoted(text)
            case _:
                self._bad_verb(text, verb)

    def _quoted(self, text: str) -> None:
        if self.precision is not None:
            text = text[: self.precision]
        if self.sharp and can_backquote(text):
            self._pad(f"`{text}`")
        else:
            self._pad(quote(text, ascii_only=self.plus))

    def _bytes(self, data: bytes, verb: str, type_text: str) -> None:
        match verb:
            case "v" | "d":
                if self.sharp_v:
                    self.write(type_text)
                self.write("{" if self.sharp_v else "[")
                for number, byte in enumerate(data):
                    if number:
                        self.write(", " if self.sharp_v else " ")
                    self._integer(byte, "v", Uint8(byte), signed=False)
                self.write("}" if self.sharp_v else "]")
            case "s":
                self._string(data.decode("utf-8", "surrogateescape"), "s")
            case "x" | "X":
                self._hex(data, verb)
            case "q":
                self._quoted(data.decode("utf-8", "surrogateescape"))
            case _:
                self._slice(data, verb, 0)

    def _hex(self, data: bytes, verb: str) -> None:
        if self.precision is not None:
            data = data[: self.precision]
        if not data:
            self._pad("")
            return
        digits = [f"{byte:02{verb}}" for byte in data]
        prefix = f"0{verb}" if self.sharp else ""
        if self.space:
            self._pad(" ".join(prefix + pair for pair in digits))
        else:
            self._pad(prefix + "".join(digits))


def _number(text: str, start: int, end: int) -> tuple[int | None, int]:
    """Decimal digits from ``start``; absurdly large numbers swallow the rest, as in Go."""
    position = start
    value = 0
    while position < end and "0" <= text[position] <= "9":
        if value > _MAX_NUMBER:
            return None, end
        value = value * 10 + int(text[position])
        position += 1
    return (value if position > start else None), position


def _character(number: int) -> str:
    return chr(number) if 0 <= number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"


def _keep_point(text: str, verb: str, precision: int) -> str:
    """The ``#`` flag: a decimal point always, and for %g the trailing zeros."""
    digits = (6 if precision == -1 else precision) if verb in "gGx" else 0
    hexadecimal = verb in "xX"
    split = next((at for at, letter in enumerate(text) if letter in ("pP" if hexadecimal else "eE")), len(text))
    mantissa, tail = text[:split], text[split:]
    seen = False
    for letter in mantissa[1:]:
        if letter == ".":
            continue
        seen = seen or letter != "0"
        digits -= seen
    if "." not in mantissa:
        if mantissa[1:] == "0":
            digits -= 1
        mantissa += "."
    return mantissa + "0" * max(digits, 0) + tail
