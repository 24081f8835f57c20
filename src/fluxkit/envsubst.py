"""Post-build variable substitution: ``${name}`` and bash-like operators, exactly as Flux expands them.

The syntax is that of fluxcd/pkg ``envsubst`` (a descendant of drone/envsubst), which differs from bash in ways that
people's manifests rely on: ``:+`` and ``:?`` behave like ``:-``, ``$$`` collapses to ``$``, lengths and offsets count
bytes. Pure: text and variables in, text out.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["SubstitutionError", "substitute"]

_DEFAULT_OPERATORS = frozenset({"=", ":=", ":-", ":+", ":?"})
_NUMBER = re.compile(r"[+-]?[0-9]+")


class SubstitutionError(ValueError):
    """The text has a malformed expression, or refers to a variable that is not set (``variable``, if it is that)."""

    def __init__(self, text: str, variable: str = "") -> None:
        super().__init__(text)
        self.variable = variable


def substitute(text: str, variables: Mapping[str, str], *, strict: bool) -> str:
    """``text`` with every expression expanded; values are not scanned again.

    In strict mode a variable that is not set fails with ``variable not set (strict mode): "name"`` unless the
    expression supplies a default; otherwise it reads as empty. Raises :class:`SubstitutionError`.
    """
    if "$" not in text:
        return text
    return "".join(_evaluate(part, variables, strict) for part in _Parser(text).template())


@dataclass(slots=True)
class _Expression:
    name: str
    operator: str = ""
    arguments: "list[str | _Expression]" = field(default_factory=list)


class _Parser:
    """Recursive descent over the text; ``_position`` is always the next unread character."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def template(self) -> "list[str | _Expression]":
        parts: list[str | _Expression] = []
        while self._position < len(self._text):
            if self._opens():
                parts.append(self._expression())
            else:
                parts.append(self._literal("", escapes="$"))
        return parts

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _opens(self) -> bool:
        return self._text.startswith("${", self._position)

    def _take(self, characters: str, limit: int) -> str:
        start = self._position
        while self._position - start < limit and self._peek() and self._peek() in characters:
            self._position += 1
        return self._text[start : self._position]

    def _identifier(self) -> str:
        start = self._position
        while (character := self._peek()) and (character.isalpha() or character.isdecimal() or character == "_"):
            self._position += 1
        return self._text[start : self._position]

    def _literal(self, stops: str, escapes: str = "") -> str:
        """Text up to an expression or one of the ``stops``; ``$$``, ``\\/`` and ``\\\\`` are unescaped if asked for."""
        taken: list[str] = []
        while (character := self._peek()) and not self._opens():
            following = self._text[self._position + 1 : self._position + 2]
            escaped = character in escapes and (
                (character == "$" and following == "$") or (character == "\\" and following in ("/", "\\"))
            )
            if escaped:
                self._position += 1
                character = following
            elif character in stops:
                break
            taken.append(character)
            self._position += 1
        return "".join(taken)

    def _expression(self) -> _Expression:
        self._position += len("${")
        if self._peek() == "#":
            self._position += 1
            name = self._identifier()
            if not name:
                raise SubstitutionError("bad substitution")
            return self._closed(_Expression(name, "#"))
        name = self._identifier()
        if not name:
            raise SubstitutionError("unable to parse variable name")
        match self._peek():
            case ":":
                if self._text[self._position + 1 : self._position + 2] in ("=", "-", "?", "+"):
                    return self._with_default(name, self._take_count(2))
                return self._substring(name)
            case "=":
                return self._with_default(name, self._take_count(1))
            case "," | "^":
                return self._closed(_Expression(name, self._take(",^", 2)))
            case "/":
                return self._replacement(name)
            case ("#" | "%") as operator:
                expression = _Expression(name, self._take(operator, 2))
                expression.arguments.append(self._argument("}"))
                return self._closed(expression)
            case "}":
                self._position += 1
                return _Expression(name)
            case _:
                raise SubstitutionError("missing closing brace")

    def _take_count(self, count: int) -> str:
        self._position += count
        return self._text[self._position - count : self._position]

    def _closed(self, expression: _Expression) -> _Expression:
        if self._peek() != "}":
            raise SubstitutionError("bad substitution")
        self._position += 1
        return expression

    def _argument(self, stops: str, escapes: str = "") -> "str | _Expression":
        if self._opens():
            return self._expression()
        start = self._position
        text = self._literal(stops, escapes)
        if self._position == start:
            raise SubstitutionError("unable to parse substitution within function")
        return text

    def _with_default(self, name: str, operator: str) -> _Expression:
        expression = _Expression(name, operator)
        while self._peek() != "}":
            expression.arguments.append(self._argument("}"))
        return self._closed(expression)

    def _substring(self, name: str) -> _Expression:
        self._position += 1
        if not self._peek().isascii() or not self._peek():  # upstream's scanner cannot step back over either
            raise SubstitutionError("bad substitution")
        expression = _Expression(name, ":", [self._argument(":}")])
        if self._peek() == ":":
            self._take(":", len(self._text))
            expression.arguments.append(self._argument("}"))
        return self._closed(expression)

    def _replacement(self, name: str) -> _Expression:
        operator = self._take_count(1) + self._take("/#%", 1)
        expression = _Expression(name, operator, [self._argument("/", escapes="$\\")])
        if not self._take("/", len(self._text)):
            raise SubstitutionError("bad substitution")
        if self._peek() != "}":
            expression.arguments.append(self._argument("}", escapes="$\\"))
        return self._closed(expression)


def _evaluate(part: str | _Expression, variables: Mapping[str, str], strict: bool) -> str:
    if isinstance(part, str):
        return part
    arguments = [_evaluate(argument, variables, strict) for argument in part.arguments]
    value = variables.get(part.name)
    if value is None:
        if strict and part.operator not in _DEFAULT_OPERATORS:
            raise SubstitutionError(f'variable not set (strict mode): "{part.name}"', part.name)
        value = ""
    return _operate(part, value, arguments)


def _operate(part: _Expression, value: str, arguments: Sequence[str]) -> str:
    match part.operator:
        case ",":
            return value[:1].lower()[:1] + value[1:]
        case ",,":
            return "".join(character.lower()[:1] for character in value)
        case "^":
            return _upper(value[:1]) + value[1:]
        case "^^":
            return "".join(map(_upper, value))
        case "#" if not arguments:
            return str(len(value.encode()))
        case "#" | "##":
            return _trim_prefix(value, arguments[0], longest=part.operator == "##")
        case "%" | "%%":
            return _trim_prefix(value[::-1], arguments[0][::-1], longest=part.operator == "%%")[::-1]
        case ":":
            return _substring(part.name, value, arguments)
        case "/" | "//":
            replacement = arguments[1] if len(arguments) > 1 else ""
            return value.replace(arguments[0], replacement, -1 if part.operator == "//" else 1)
        case "/#" if len(arguments) == 2 and value.startswith(arguments[0]):
            return arguments[1] + value[len(arguments[0]) :]
        case "/%" if len(arguments) == 2 and value.endswith(arguments[0]):
            return value.removesuffix(arguments[0]) + arguments[1]
        case "/#" | "/%":
            return value
        case _:
            return value or "".join(arguments)


def _upper(character: str) -> str:
    """Simple case mapping: a letter whose upper case takes several characters stays as it is, as in Go."""
    upper = character.upper()
    return upper if len(upper) == 1 else character


def _substring(name: str, value: str, arguments: Sequence[str]) -> str:
    """Offsets and lengths count bytes; a text that is no number leaves the value as it is."""
    if not all(_NUMBER.fullmatch(argument) for argument in arguments[:1]):
        return value
    data = value.encode()
    start = int(arguments[0])
    if start < 0:
        start = max(0, len(data) + start)
    if len(arguments) == 1:
        return data[start:].decode(errors="replace")
    if not _NUMBER.fullmatch(arguments[1]):
        return value
    length = int(arguments[1])
    if start + length >= len(data):
        return data[start:].decode(errors="replace")
    if length < 0:
        raise SubstitutionError(f'negative length {length} in the substring of variable "{name}"')
    return data[start : start + length].decode(errors="replace")


def _trim_prefix(value: str, glob: str, *, longest: bool) -> str:
    """``value`` without its longest or shortest non-empty prefix that matches; a malformed glob matches nothing."""
    pattern = _compile_glob(glob)
    if pattern is None:
        return value
    ends = range(len(value), 0, -1) if longest else range(1, len(value) + 1)
    for end in ends:
        if pattern.fullmatch(value, 0, end):
            return value[end:]
    return value


def _compile_glob(glob: str) -> re.Pattern[str] | None:
    """Go's ``path.Match`` syntax, except that ``*`` and ``?`` match a slash too; ``None`` if malformed."""
    expression: list[str] = []
    position = 0
    while position < len(glob):
        character = glob[position]
        position += 1
        match character:
            case "*":
                if not expression or expression[-1] != ".*":
                    expression.append(".*")
            case "?":
                expression.append(".")
            case "[":
                parsed = _character_class(glob, position)
                if parsed is None:
                    return None
                text, position = parsed
                expression.append(text)
            case "\\":
                if position == len(glob):
                    return None
                expression.append(re.escape(glob[position]))
                position += 1
            case _:
                expression.append(re.escape(character))
    return re.compile("".join(expression), re.DOTALL)


def _character_class(glob: str, position: int) -> tuple[str, int] | None:
    negated = glob[position : position + 1] == "^"
    position += negated
    ranges: list[str] = []
    while not (ranges and glob[position : position + 1] == "]"):
        low = _class_member(glob, position)
        if low is None:
            return None
        position = low[1]
        high = low
        if glob[position] == "-":
            upper = _class_member(glob, position + 1)
            if upper is None:
                return None
            high = upper
            position = high[1]
        if low[0] <= high[0]:
            ranges.append(f"{re.escape(low[0])}-{re.escape(high[0])}")
        else:
            ranges.append("")
    members = "".join(ranges)
    if not members:
        return ("." if negated else "(?!)"), position + 1
    return f"[{'^' if negated else ''}{members}]", position + 1


def _class_member(glob: str, position: int) -> tuple[str, int] | None:
    """A possibly escaped character of a class and the position after it, which must still be inside the glob."""
    character = glob[position : position + 1]
    if character in ("", "-", "]"):
        return None
    if character == "\\":
        position += 1
        character = glob[position : position + 1]
    if not character or position + 1 >= len(glob):
        return None
    return character, position + 1
