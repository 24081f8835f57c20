"""Values of flags: what is accepted, and upstream's words for what is not.

A value that does not fit fails as ``invalid argument "<value>" for "<flag>" flag: <reason>`` (spf13/pflag). Upstream
sources of the types: fluxcd/flux2 internal/flags.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import click

from fluxkit.cli.errors import CommandError
from fluxkit.durations import DurationError, parse_duration

__all__ = [
    "BOOL",
    "DURATION",
    "FLOAT",
    "INT",
    "SLICE",
    "OneOf",
    "RSABits",
    "SafeRelativePath",
    "SourceRef",
    "SourceRefType",
    "flag_name",
    "relative_path",
]

T = TypeVar("T")


def flag_name(param: click.Parameter) -> str:
    """``-n, --namespace`` or ``--timeout``."""
    return ", ".join(sorted(param.opts, key=len))


class FlagType(click.ParamType, Generic[T]):  # type: ignore[type-arg,unused-ignore]  # generic in newer click only
    """A parser of one text; ``parse`` raises ``ValueError`` with the reason."""

    def parse(self, text: str) -> T:
        raise NotImplementedError

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> T:
        if not isinstance(value, str):
            return value  # type: ignore[no-any-return]  # a default, given as what parse returns
        try:
            return self.parse(value)
        except ValueError as error:
            where = flag_name(param) if param else ""
            raise CommandError(f'invalid argument "{value}" for "{where}" flag: {error}') from None


class _Bool(FlagType[bool]):
    """Go's ``strconv.ParseBool``; the flag alone, without a value, is true."""

    name = "bool"

    def parse(self, text: str) -> bool:
        if text in ("1", "t", "T", "true", "TRUE", "True"):
            return True
        if text in ("0", "f", "F", "false", "FALSE", "False"):
            return False
        raise ValueError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


class _Duration(FlagType[float]):
    """A Go duration, in seconds."""

    name = "duration"

    def parse(self, text: str) -> float:
        try:
            return parse_duration(text)
        except DurationError:
            raise ValueError(f'time: invalid duration "{text}"') from None


class _Int(FlagType[int]):
    name = "int"

    def parse(self, text: str) -> int:
        try:
            return int(text)
        except ValueError:
            raise ValueError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from None


class _Float(FlagType[float]):
    name = "float"

    def parse(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from None


class _Slice(FlagType[tuple[str, ...]]):
    """A list: comma-separated, and repeatable (the flag's ``flatten`` callback joins the repetitions)."""

    name = "strings"

    def parse(self, text: str) -> tuple[str, ...]:
        if '"' not in text:
            return tuple(text.split(",")) if text else ()
        import csv

        return tuple(next(csv.reader([text])))


class OneOf(FlagType[str]):
    """One of a few words; the text of the error differs from flag to flag upstream, so it is a format of ``{value}``
    and ``{choices}``."""

    name = "string"

    def __init__(self, choices: Sequence[str], error: str) -> None:
        self.choices = tuple(choices)
        self._error = error

    def parse(self, text: str) -> str:
        if text not in self.choices:
            raise ValueError(self._error.format(value=text, choices=", ".join(self.choices)))
        return text


class RSABits(FlagType[int]):
    """The size of an RSA key."""

    name = "rsaKeyBits"

    def parse(self, text: str) -> int:
        bits = INT.parse(text)
        if bits < 1024:
            raise ValueError("RSA key bit size must be at least 1024")
        if bits % 8:
            raise ValueError("RSA key bit size must be a multiples of 8")
        return bits


class SafeRelativePath(FlagType[str]):
    """A path that is joined below the root without ever leaving it: ``../x`` is ``./x`` and the empty path ``./``."""

    name = "safeRelativePath"

    def parse(self, text: str) -> str:
        return relative_path(text)


def relative_path(text: str) -> str:
    parts: list[str] = []
    for part in text.strip().replace("\\", "/").split("/"):
        if part == "..":
            parts[-1:] = []
        elif part not in ("", "."):
            parts.append(part)
    return "./" + "/".join(parts)


class SourceRef(tuple[str, str, str]):
    """(kind, name, namespace) of a source; the namespace may be empty."""

    __slots__ = ()


class SourceRefType(FlagType[SourceRef]):
    """``[<kind>/]<name>[.<namespace>]``; the kind is matched whatever its case and defaults to GitRepository."""

    name = "string"
    KINDS = ("OCIRepository", "GitRepository", "Bucket")

    def parse(self, text: str) -> SourceRef:
        if not text.strip():
            kinds = ", ".join(self.KINDS)
            raise ValueError(
                "no Kustomization source given, please specify source that contains the Kubernetes manifests in the "
                f"format '[<kind>/]<name>.<namespace>', where kind must be one of: ({kinds}), if kind is not "
                "specified it defaults to GitRepository"
            )
        kind, _, name = text.partition("/") if text.count("/") == 1 else ("", "", text)
        name, _, namespace = name.rpartition(".") if "." in name else (name, "", "")
        if not name:
            raise ValueError(f"no name given for source of kind '{kind}'")
        if not kind:
            if name in self.KINDS:
                raise ValueError(f"no kind specified for source '{name}'")
            kind = "GitRepository"
        known = {each.lower(): each for each in self.KINDS}.get(kind.lower())
        if known is None:
            raise ValueError(f"source kind '{kind}' is not supported, must be one of: {', '.join(self.KINDS)}")
        return SourceRef((known, name, namespace))


BOOL = _Bool()
DURATION = _Duration()
INT = _Int()
FLOAT = _Float()
SLICE = _Slice()
