"""Lines of ``NAME=value`` (getsops/sops ``stores/dotenv/store.go``): no quoting, newlines spelled ``\\n``."""

from fluxkit.sops.errors import SopsError
from fluxkit.sops.stores.plaintext import plain_text
from fluxkit.sops.tree import Branch, Document
from fluxkit.sops.values import Comment, decode_text, encode_text

__all__ = ["dump", "load"]


def load(data: bytes) -> Document:
    """Raises :class:`SopsError`, which names the line but does not quote it: it may be a secret."""
    branch = Branch()
    for number, line in enumerate(decode_text(data).split("\n"), start=1):
        if not line:
            continue
        if line.startswith("#"):
            branch.append((Comment(line[1:]), None))
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise SopsError(f"invalid dotenv input line: no '=' in line {number}")
        branch.append((name, value.replace("\\n", "\n")))
    return [branch]


def dump(document: Document) -> bytes:
    """Raises :class:`SopsError` for a list or mapping."""
    lines = []
    for key, value in document[0] if document else ():
        if isinstance(key, Comment):
            lines.append(f"#{key.value}\n")
            continue
        if isinstance(value, list):
            raise SopsError(f"cannot use complex value in dotenv file; offending key {key}")
        text = value.replace("\n", "\\n") if isinstance(value, str) else plain_text(value)
        lines.append(f"{key}={text}\n")
    return encode_text("".join(lines))
