"""Key-value pairs from literals, files and env files (kustomize api ``kv``, ``internal/generators/utils.go``).

Values are bytes: files are taken verbatim and need not be text.
"""

import posixpath

from fluxkit.kustomize.errors import KustomizeError
from fluxkit.kustomize.kustomization import GeneratorArgs
from fluxkit.kustomize.loader import Loader

__all__ = ["load_pairs"]

_BOM = b"\xef\xbb\xbf"


def load_pairs(loader: Loader, args: GeneratorArgs) -> dict[str, bytes]:
    """The pairs of a generator entry: env files first, then literals, then files. Raises :class:`KustomizeError`."""
    pairs: dict[str, bytes] = {}
    try:
        for key, value in _all_pairs(loader, args):
            if key in pairs:
                raise KustomizeError(f"configmap {args.name} illegally repeats the key `{key}`")
            pairs[key] = value
    except KustomizeError as error:
        raise error.at(resource=args.name) from None
    return pairs


def _all_pairs(loader: Loader, args: GeneratorArgs) -> list[tuple[str, bytes]]:
    pairs: list[tuple[str, bytes]] = []
    for kind, sources, read in (
        ("env source files:", args.envs, _env_file),
        ("literal sources", args.literals, _literal),
        ("file sources:", args.files, _file),
    ):
        try:
            for source in sources:
                pairs += read(loader, source)
        except KustomizeError as error:
            raise error.wrap(f"loading KV pairs: {kind} [{' '.join(sources)}]") from None
    return pairs


def _literal(_loader: Loader, source: str) -> list[tuple[str, bytes]]:
    key, equals, value = source.partition("=")
    if not equals or not key:
        raise KustomizeError(f"invalid literal source {source}, expected key=value")
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return [(key, value.encode())]


def _file(loader: Loader, source: str) -> list[tuple[str, bytes]]:
    separators = source.count("=")
    key, _, path = source.partition("=")
    if separators == 0:
        key, path = posixpath.basename(source.rstrip("/")) or source, source
    elif separators > 1:
        raise KustomizeError(f"source \"{source}\" key name or file path contains '='")
    elif not key:
        raise KustomizeError(f'missing key name for file path "{path}" in source "{source}"')
    elif not path:
        raise KustomizeError(f'missing file path for key name "{key}" in source "{source}"')
    return [(key, loader.load(path))]


def _env_file(loader: Loader, path: str) -> list[tuple[str, bytes]]:
    pairs = []
    for number, raw in enumerate(loader.load(path).split(b"\n")):
        line = raw.removesuffix(b"\r")
        try:
            line.decode()
        except UnicodeDecodeError:
            raise KustomizeError(f"line {number} has invalid utf8 bytes : {line.decode(errors='replace')}") from None
        if number == 0:
            line = line.removeprefix(_BOM)
        text = line.decode().lstrip()
        if not text or text.startswith("#"):
            continue
        key, _, value = text.partition("=")
        if key:
            pairs.append((key, value.encode()))
    return pairs
