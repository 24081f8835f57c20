"""Telling Git URLs from paths, and their parts (kustomize api ``internal/git/repospec.go``)."""

import re

from msgspec import Struct

from fluxkit.durations import parse_duration
from fluxkit.kustomize.errors import KustomizeError

__all__ = ["RepoSpec", "is_remote_file", "parse_repo_url"]

DEFAULT_TIMEOUT = 27.0


class RepoSpec(Struct, frozen=True):
    """A repository and a directory in it. ``raw`` is the URL as written, without its query."""

    raw: str
    repo: str
    path: str
    ref: str = ""
    submodules: bool = True
    timeout: float = DEFAULT_TIMEOUT


def is_remote_file(path: str) -> bool:
    lowered = path[:8].lower()
    return lowered.startswith(("http://", "https://"))


_SCHEME = re.compile(r"(?:git::)?(?:https?|ssh|file|git)://", re.IGNORECASE)
_SCP = re.compile(r"(?:git::)?(?:[A-Za-z0-9_.-]+@)[A-Za-z0-9_.-]+:")
_GITHUB = re.compile(r"(?:git::)?(?:www\.)?github\.com[:/]", re.IGNORECASE)


def parse_repo_url(url: str) -> RepoSpec | None:
    """The parts of a Git URL, None for what is not one. Raises KustomizeError for a path that leaves the repository."""
    if not (_SCHEME.match(url) or _SCP.match(url) or _GITHUB.match(url)):
        return None
    raw, _, query = url.partition("?")
    body = raw.removeprefix("git::")
    found = _SCHEME.match(body)
    scheme = found[0].lower() if found else ""
    rest = body[len(scheme) :]
    github = _GITHUB.match(rest)
    if github:
        host, rest = (
            ("https://github.com/" if not scheme or scheme.startswith("http") else scheme + "github.com/"),
            (rest[github.end() :]),
        )
        if not scheme and ":" in github[0]:
            host = "https://github.com/"
    elif scheme == "file://":
        host = scheme
    elif not scheme:
        scp = _SCP.match(body)
        host = scp[0] if scp else ""
        rest = body[len(host) :]
    else:
        authority, slash, rest = rest.partition("/")
        host = scheme + authority + slash
    repo, path = _split_path(rest, is_file=scheme == "file://")
    if not repo:
        return None
    parts = [part for part in path.split("/") if part not in ("", ".")]
    depth = 0
    for part in parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise KustomizeError(f"url path exits repo: {url}")
    from urllib.parse import parse_qs

    values = parse_qs(query)
    ref = (values.get("ref") or values.get("version") or [""])[0]
    return RepoSpec(
        raw=raw,
        repo=host + repo,
        path="/".join(parts),
        ref=ref,
        submodules=(values.get("submodules") or ["true"])[0].lower() not in ("false", "0", "f"),
        timeout=_timeout((values.get("timeout") or [""])[0]),
    )


def _split_path(rest: str, *, is_file: bool) -> tuple[str, str]:
    index = rest.find("_git/")
    if index >= 0:
        end = rest.find("/", index + len("_git/"))
        return (rest, "") if end < 0 else (rest[:end], rest[end + 1 :])
    index = rest.find("//")
    if index > 0:
        return rest[:index], rest[index + 2 :]
    index = rest.find(".git")
    if index >= 0 and rest[index + 4 : index + 5] in ("", "/"):
        return rest[: index + 4], rest[index + 5 :]
    if is_file:
        return rest, ""
    parts = rest.split("/", 2)
    if len(parts) < 2 or not parts[1]:
        return "", ""
    return "/".join(parts[:2]), parts[2] if len(parts) > 2 else ""


def _timeout(text: str) -> float:
    if not text:
        return DEFAULT_TIMEOUT
    if text.isdecimal():
        return float(text)
    try:
        return parse_duration(text)
    except ValueError:
        return DEFAULT_TIMEOUT
