"""Regular expressions: RE2 with the matching, replacing and splitting of Go's ``regexp``, in linear time.

Upstream: Masterminds/sprig ``regex.go``, Go's ``regexp``.
"""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Final

from fluxkit.template.errors import FunctionError
from fluxkit.template.sprig.declare import declare
from fluxkit.template.sprig.text import runes
from fluxkit.template.values import Slice, from_bytes, nil_slice, to_bytes

__all__ = ["FUNCTIONS", "compiled"]

_META: Final = re.compile(r"[\\.+*?()|\[\]{}^$]")
_NAME: Final = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")
_GO_PROBLEMS: Final = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}


@lru_cache(maxsize=1024)
def compiled(expression: str) -> Any:
    """The compiled expression; raises FunctionError with Go's text."""
    import re2  # it takes a while, and most charts need none

    options = re2.Options()
    options.log_errors = False
    data = to_bytes(expression)
    try:
        if _has_extensions(data):
            raise re2.error("invalid escape sequence: \\C")
        return re2.compile(data, options)
    except re2.error as problem:
        text = problem.args[0]
        text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        code, _, argument = text.partition(": ")
        raise FunctionError(_go_problem(code, argument, expression)) from None


def _has_extensions(data: bytes) -> bool:
    """``\\C`` is known to RE2 in C++ but not in Go."""
    return any(found[1] == b"C" for found in re.finditer(rb"\\(?:Q.*?(?:\\E|$)|(.))", data, re.DOTALL))


def _go_problem(code: str, argument: str, expression: str) -> str:
    problem = _GO_PROBLEMS.get(code, code)
    if problem == "trailing backslash at end of expression":
        argument = ""
    elif argument in ("(?<!", "(?<="):
        # Go takes these for the beginning of a named group, and shows the rest of the expression.
        problem, argument = "invalid named capture", expression[expression.index(argument) :]
    elif code == "invalid UTF-8":
        argument = runes(expression)
    return f"error parsing regexp: {problem}: `{argument}`"


def _plain(expression: str) -> Any:
    """As Go's MustCompile, which the functions without ``must`` use."""
    try:
        return compiled(expression)
    except FunctionError as problem:
        quoted = f"`{expression}`" if "`" not in expression else f'"{expression}"'
        raise FunctionError(f"regexp: Compile({quoted}): {problem}") from None


def _width(data: bytes, position: int) -> int:
    """Bytes of the character at ``position``; an invalid one counts as one byte, the end as none."""
    byte = data[position : position + 1]
    if not byte:
        return 0
    size = 1 if byte < b"\xc2" else 2 if byte < b"\xe0" else 3 if byte < b"\xf0" else 4
    try:
        data[position : position + size].decode("utf-8")
    except UnicodeDecodeError:
        return 1
    return size


def _matches(pattern: Any, data: bytes, limit: int) -> Iterator[Any]:
    """Matches from left to right; no empty one directly behind another match."""
    position, previous_end, count = 0, -1, 0
    while position <= len(data) and count != limit:
        found = pattern.search(data, position)
        if found is None:
            return
        start, end = found.span()
        accepted = True
        if end == position:
            accepted = start != previous_end
            position += _width(data, position) or 1
        else:
            position = end
        previous_end = end
        if accepted:
            count += 1
            yield found


def _find(pattern: Any, text: str) -> str:
    found = pattern.search(to_bytes(text))
    return from_bytes(found.group()) if found else ""


def _find_all(pattern: Any, text: str, limit: int) -> Slice:
    texts = [from_bytes(found.group()) for found in _matches(pattern, to_bytes(text), limit)]
    return Slice("string", texts) if texts else nil_slice("string")


def _replaced(pattern: Any, text: str, replacement: Callable[[Any], bytes]) -> str:
    data = to_bytes(text)
    out: list[bytes] = []
    done = position = 0
    while position <= len(data):
        found = pattern.search(data, position)
        if found is None:
            break
        start, end = found.span()
        out.append(data[done:start])
        if end > done or start == 0:
            out.append(replacement(found))
        done = end
        position = max(end, position + (_width(data, position) or 1))
    out.append(data[done:])
    return from_bytes(b"".join(out))


def _replace_literal(pattern: Any, text: str, replacement: str) -> str:
    data = to_bytes(replacement)
    return _replaced(pattern, text, lambda _: data)


def _replace(pattern: Any, text: str, template: str) -> str:
    """``$1``, ``${name}`` and ``$$`` in the template; unknown groups are empty."""

    def group(found: Any, name: str) -> bytes:
        if name.isascii() and name.isdigit():
            number = int(name) if len(name) < 9 else pattern.groups + 1
            return found.group(number) or b"" if number <= pattern.groups else b""
        index = pattern.groupindex.get(to_bytes(name))
        return found.group(index) or b"" if index else b""

    def expand(found: Any) -> bytes:
        return to_bytes(
            _NAME.sub(lambda part: "$" if part[1] else from_bytes(group(found, part[2] or part[3])), template)
        )

    return _replaced(pattern, text, expand)


def _split(pattern: Any, text: str, limit: int) -> Slice:
    if limit == 0:
        return nil_slice("string")
    if pattern.pattern and not text:
        return Slice("string", [""])
    data = to_bytes(text)
    parts: list[str] = []
    begin = end = 0
    for found in _matches(pattern, data, limit):
        if limit > 0 and len(parts) == limit - 1:
            break
        end = found.start()
        if found.end():
            parts.append(from_bytes(data[begin:end]))
        begin = found.end()
    if end != len(data):
        parts.append(from_bytes(data[begin:]))
    return Slice("string", parts)


def _regex_match(expression: str, text: str) -> bool:
    """An invalid expression matches nothing."""
    try:
        return compiled(expression).search(to_bytes(text)) is not None
    except FunctionError:
        return False


def _must_regex_match(expression: str, text: str) -> bool:
    return compiled(expression).search(to_bytes(text)) is not None


def _quote_meta(text: str) -> str:
    return _META.sub(r"\\\g<0>", text)


def _both(name: str, signature: str, call: Callable[..., Any]) -> dict[str, tuple[str, Callable[..., Any]]]:
    """The plain and the ``must`` variant, which word errors differently."""

    def plain(expression: str, *arguments: Any) -> Any:
        return call(_plain(expression), *arguments)

    def must(expression: str, *arguments: Any) -> Any:
        return call(compiled(expression), *arguments)

    return {name: (signature, plain), f"mustR{name[1:]}": (signature, must)}


FUNCTIONS = declare(
    {
        "mustRegexMatch": ("func(string, string) (bool, error)", _must_regex_match),
        "regexMatch": ("func(string, string) bool", _regex_match),
        "regexQuoteMeta": ("func(string) string", _quote_meta),
        **_both("regexFind", "func(string, string) string", _find),
        **_both("regexFindAll", "func(string, string, int) []string", _find_all),
        **_both("regexReplaceAll", "func(string, string, string) string", _replace),
        **_both("regexReplaceAllLiteral", "func(string, string, string) string", _replace_literal),
        **_both("regexSplit", "func(string, string, int) []string", _split),
    }
)
"""Name in templates -> Go signature and implementation."""
