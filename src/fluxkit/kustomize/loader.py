"""Locations as one kustomization sees them (kustomize api ``internal/loader/fileloader.go``).

A loader is rooted in a directory. ``load`` reads a file named relative to it, under the load restriction; ``enter``
gives the loader of a base, and refuses cycles.
"""

import os

from fluxkit.kustomize.errors import KustomizeError, MissingFile, go_quote
from fluxkit.kustomize.files import Files, inside
from fluxkit.kustomize.options import BuildOptions
from fluxkit.kustomize.remote import RepoSpec, is_remote_file, parse_repo_url

__all__ = ["Loader", "open_root"]


class Loader:
    """The files of one kustomization directory."""

    def __init__(
        self,
        files: Files,
        root: str,
        options: BuildOptions,
        referrer: "Loader | None" = None,
        *,
        restricted: bool,
        repo: RepoSpec | None = None,
        clone_dir: str = "",
    ) -> None:
        self.files = files
        self.root = root
        self._options = options
        self._referrer = referrer
        self._restricted = restricted
        self._repo = repo
        self._clone_dir = clone_dir
        self._depth: int = referrer._depth + 1 if referrer else 0

    def load(self, path: str) -> bytes:
        """The bytes of a file. Raises :class:`KustomizeError`."""
        if is_remote_file(path):
            return self._fetch(path)
        absolute = os.path.normpath(path if path.startswith("/") else f"{self.root}/{path}")
        if self._restricted:
            directory, name = self.files.resolve_dir(absolute)
            if not name:
                raise MissingFile(f"'{absolute}' must resolve to a file")
            if not inside(directory, self.root):
                raise KustomizeError(
                    f"security; file '{absolute}' is not in or below '{self.root}'", file=self.files.relative(absolute)
                )
            if os.path.join(directory, name) != absolute:
                self.files.read_files.add(self.files.relative(absolute))
            absolute = os.path.join(directory, name)
        return self.files.read(absolute)

    def load_text(self, path: str) -> str:
        """A file as text; bytes that are not UTF-8 are an error, as in a YAML reader."""
        content = self.load(path)
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise KustomizeError(
                f"MalformedYAMLError: yaml: invalid UTF-8 at byte {error.start} in File: {path}"
            ) from None

    def place(self, path: str) -> str:
        """Where a file that was named relative to this root lies, for messages."""
        if "://" in path:
            return path
        return self.files.relative(os.path.normpath(path if path.startswith("/") else f"{self.root}/{path}"))

    def enter(self, path: str) -> "Loader":
        """The loader of a base or component. Raises :class:`KustomizeError`."""
        if not path:
            raise KustomizeError("new root cannot be empty")
        spec = parse_repo_url(path)
        if spec is not None:
            return self._clone(spec)
        if path.startswith("/"):
            raise KustomizeError(f"new root '{path}' cannot be absolute")
        if self._options.level == "next" and _is_ambiguous(path):
            raise KustomizeError(
                f"path {go_quote(path)} is ambiguous: resolves to {go_quote(os.path.normpath(path))} after "
                "normalization, which is likely not the intended target; check for YAML indentation errors in your "
                "kustomization file"
            )
        root = _confirm_dir(self.files, os.path.normpath(f"{self.root}/{path}"))
        self._refuse_leaving_clone(root)
        self._refuse_cycle(root)
        if self._depth >= self._options.limits.depth:
            raise KustomizeError(f"bases nested deeper than the limit of {self._options.limits.depth}")
        return Loader(self.files, root, self._options, self, restricted=self._restricted)

    def _fetch(self, url: str) -> bytes:
        if not self._options.allow_remote or self._options.fetcher is None:
            raise KustomizeError(f"remote file '{url}' is not allowed")
        return self._options.fetcher.fetch_file(url)

    def _clone(self, spec: RepoSpec) -> "Loader":
        seen: Loader | None = self
        while seen is not None:
            if seen._repo is not None and seen._repo.raw.startswith(spec.raw):
                raise KustomizeError(f"cycle detected: URI '{spec.raw}' referenced by previous URI '{seen._repo.raw}'")
            seen = seen._referrer
        return _clone(self.files, spec, self._options, self)

    def _refuse_leaving_clone(self, root: str) -> None:
        holder: Loader | None = self
        while holder is not None and holder._repo is None:
            holder = holder._referrer
        if holder is not None and not inside(root, holder._clone_dir):
            raise KustomizeError(
                "security; bases in kustomizations found in cloned git repos must be within the repo, "
                f"but base '{root}' is outside '{holder._clone_dir}'"
            )

    def _refuse_cycle(self, root: str) -> None:
        visited: Loader | None = self
        while visited is not None:
            if inside(visited.root, root):
                raise KustomizeError(f"cycle detected: candidate root '{root}' contains visited root '{visited.root}'")
            visited = visited._referrer


def _is_ambiguous(path: str) -> bool:
    """Whether ``..`` stands inside a part of a path, as when two list entries run together in YAML."""
    return any(".." in part and part != ".." for part in path.split("/"))


def _clone(files: Files, spec: RepoSpec, options: BuildOptions, referrer: Loader | None) -> Loader:
    if not options.allow_remote or options.fetcher is None:
        raise KustomizeError(f"remote base '{spec.raw}' is not allowed")
    clone_dir = os.path.realpath(options.fetcher.clone(spec.repo, spec.ref, spec.submodules, spec.timeout))
    files.admit(clone_dir)
    wanted = os.path.normpath(os.path.join(clone_dir, spec.path))
    root, name = files.resolve_dir(wanted)
    if name:
        raise KustomizeError(f"'{wanted}' refers to file '{name}'; expecting directory")
    if not inside(root, clone_dir):
        raise KustomizeError(f'"{wanted}" refers to directory outside of repo "{clone_dir}"')
    return Loader(files, root, options, referrer, restricted=True, repo=spec, clone_dir=clone_dir)


def open_root(files: Files, target: str, options: BuildOptions) -> Loader:
    """The loader of the directory (or Git URL) to build."""
    spec = parse_repo_url(target)
    if spec is not None:
        return _clone(files, spec, options, None)
    root = _confirm_dir(files, os.path.abspath(target))
    return Loader(files, root, options, restricted=options.load_restrictor == "rootOnly")


def _confirm_dir(files: Files, path: str) -> str:
    try:
        root, name = files.resolve_dir(path)
    except MissingFile as error:
        raise error.wrap("must build at directory: not a valid directory") from None
    if name:
        raise KustomizeError(f"must build at directory: '{path}': file is not directory")
    return root
