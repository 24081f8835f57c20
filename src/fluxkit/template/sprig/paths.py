"""Slash-separated paths. Upstream: Go's ``path`` and, for the ``os`` variants, ``path/filepath`` on Unix."""

from fluxkit.template.sprig.declare import declare

__all__ = ["FUNCTIONS", "clean"]


def clean(path: str) -> str:
    """The shortest equivalent path: no empty parts, no ``.``, ``..`` resolved where possible."""
    if not path:
        return "."
    rooted = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part != "..":
            parts.append(part)
        elif parts and parts[-1] != "..":
            parts.pop()
        elif not rooted:
            parts.append(part)
    return ("/" if rooted else "") + "/".join(parts) or "."


def _base(path: str) -> str:
    if not path:
        return "."
    return path.rstrip("/").rpartition("/")[2] or "/"


def _dir(path: str) -> str:
    return clean(path[: path.rfind("/") + 1])


def _ext(path: str) -> str:
    name = path.rpartition("/")[2]
    return name[name.rfind(".") :] if "." in name else ""


def _is_abs(path: str) -> bool:
    return path.startswith("/")


FUNCTIONS = declare(
    {
        "base": ("func(string) string", _base),
        "clean": ("func(string) string", clean),
        "dir": ("func(string) string", _dir),
        "ext": ("func(string) string", _ext),
        "isAbs": ("func(string) bool", _is_abs),
        "osBase": ("func(string) string", _base),
        "osClean": ("func(string) string", clean),
        "osDir": ("func(string) string", _dir),
        "osExt": ("func(string) string", _ext),
        "osIsAbs": ("func(string) bool", _is_abs),
    }
)
"""Name in templates -> Go signature and implementation."""
