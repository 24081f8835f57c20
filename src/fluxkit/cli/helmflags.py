"""What the verbs of ``flux helm`` share: the flags that set values, and errors as Helm prints them.

Upstream: helm/helm ``pkg/cmd/flags.go``, ``pkg/cli/values/options.go``.
"""

import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fluxkit.cli.command import FluxCommand, flag
from fluxkit.cli.errors import CommandError
from fluxkit.cli.flagtypes import SLICE

if TYPE_CHECKING:
    from fluxkit.helm.chart import Chart
    from fluxkit.helm.values import ValueOptions

__all__ = ["HelmCommand", "chart_at", "fetch", "helm_errors", "read_values", "value_flags", "value_options"]

_SECONDS = 60.0
_MAX_BYTES = 256 << 20
_FLAGS = {
    "--set": "set values on the command line (can specify multiple or separate values with commas: "
    "key1=val1,key2=val2)",
    "--set-string": "set STRING values on the command line (can specify multiple or separate values with commas: "
    "key1=val1,key2=val2)",
    "--set-file": "set values from respective files specified via the command line (can specify multiple or separate "
    "values with commas: key1=path1,key2=path2)",
    "--set-json": "set JSON values on the command line (can specify multiple or separate values with commas: "
    'key1=jsonval1,key2=jsonval2 or using json format: {"key1": jsonval1, "key2": "jsonval2"})',
    "--set-literal": "set a literal STRING value on the command line",
}


class HelmCommand(FluxCommand):
    """A verb that works on charts and not on a cluster."""

    checks_namespace = False


def value_flags(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with ``-f`` and the ``--set`` family; :func:`value_options` takes what they gave."""
    for name, text in reversed(_FLAGS.items()):
        function = flag(name, multiple=True, default=(), help=text, metavar="stringArray")(function)
    return flag("-f", "--values", type=SLICE, help="specify values in a YAML file or a URL (can specify multiple)")(
        function
    )


def value_options(flags: Mapping[str, Any]) -> "ValueOptions":
    """The values that the flags of :func:`value_flags` describe, and take them out of what the command got."""
    from fluxkit.helm.values import ValueOptions

    return ValueOptions(
        value_files=flags["values"],
        json_values=flags["set_json"],
        values=flags["set"],
        string_values=flags["set_string"],
        file_values=flags["set_file"],
        literal_values=flags["set_literal"],
    )


def read_values(path: str) -> bytes:
    """A values file: local, at an http or https address, or ``-`` for standard input. Raises ValuesError."""
    from fluxkit.helm.errors import ValuesError
    from fluxkit.helm.values.options import read_file

    if path.strip() == "-":
        return sys.stdin.buffer.read()
    if not path.startswith(("http://", "https://")):
        return read_file(path)
    try:
        return fetch(path)
    except (OSError, ValueError) as problem:
        raise ValuesError(f"failed to fetch {path}: {problem}") from None


def fetch(address: str) -> bytes:
    """What is at an http or https address. Raises OSError, ValueError."""
    import urllib.request

    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{address} is no http or https address")
    request = urllib.request.Request(address, headers={"User-Agent": "fluxkit"})
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        data = response.read(_MAX_BYTES + 1)
    if len(data) > _MAX_BYTES:
        raise ValueError(f"{address} gives more than {_MAX_BYTES} bytes")
    assert isinstance(data, bytes)
    return data


def chart_at(name: str) -> "Chart":
    """The chart in a directory or archive; links may lead anywhere, as in Helm. Raises CommandError, HelmError."""
    from fluxkit.helm.chart import load

    if not os.path.exists(name):
        if os.path.isabs(name) or name.startswith("."):
            raise CommandError(f'path "{name}" not found')
        raise CommandError(f'chart "{name}" not found: give the path of a directory or an archive')
    return load(os.path.abspath(name), root="/")


@contextmanager
def helm_errors() -> Iterator[None]:
    """Turn the errors of :mod:`fluxkit.helm` into those of a command, and print its warnings on standard error."""
    from fluxkit.helm import HelmError

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("fluxkit.helm")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    except HelmError as problem:
        raise CommandError(str(problem)) from problem
    except OSError as problem:
        raise CommandError(f"{problem.filename}: {(problem.strerror or str(problem)).lower()}") from problem
    finally:
        logger.removeHandler(handler)
        logger.propagate = True
